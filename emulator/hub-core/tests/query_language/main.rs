//! The query language: against its documentation, and against a second evaluator.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

mod answers;
mod clients;
mod conditions;
mod differential;
mod model;
mod refusals;
mod support;
