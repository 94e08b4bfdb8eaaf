//! The judge: what the hub's event log says about the checks of a scenario. Pure: no I/O, no clock.

pub mod engine;
pub mod membership;
pub mod observed;
pub mod verdict;

pub use engine::{CheckTally, Judge, Judgement, Tally};
pub use membership::{Membership, ReplayContext};
