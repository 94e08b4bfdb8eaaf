//! Fleets against a hub made of paper, in memory and in virtual time.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod arrival;
mod paper_hub;
mod trouble;
