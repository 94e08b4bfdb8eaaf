//! The judge: what the hub's event log says about the checks of a scenario. Pure: no I/O, no clock.
//!
//! Facts go to [`Judge`] in the order they happened. A condition is asked of a device at each of its
//! facts and right after it (conditions that speak of a fact are then over, those of state go on), so
//! a state that lasted a millisecond counts as seen. Nothing is ever polled.

mod activity;
mod check;
mod condition;
mod counterexample;
mod device;
pub mod engine;
pub mod histogram;
pub mod membership;
mod monitor;
pub mod observed;
mod predicate;
mod replay;
mod story;
pub mod verdict;
mod waits;
mod watched;
mod wave;
mod words;

#[cfg(test)]
mod tests;

pub use engine::{CheckTally, Judge, Judgement, Tally};
pub use histogram::Histogram;
pub use membership::{Membership, ReplayContext};
pub(crate) use predicate::holds_for_body;
pub use waits::Wait;
pub(crate) use words::value_in_words;
