//! The ledger: every operation of the hub, over every protocol, and how near it is to the real hub's;
//! and how often each was used, so that a run can end by telling what it relied on that is not exact.
//!
//! Collects what the front ends say of themselves (`rest`, `mqtt`, `amqp`) and knows no operation of its
//! own. The admin endpoint is no part of a hub and not in it.

mod entry;
mod usage;

pub use entry::{Entry, Fidelity, Protocol, entries};
pub(crate) use entry::{Key, Row, key};
pub use usage::Usage;
pub(crate) use usage::UseCounters;
