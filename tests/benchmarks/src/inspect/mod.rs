//! Looks into the hub while a figure loads it: where its time goes, and what an operation asks of the system and of
//! the allocator. Uses `perf`, which has to be there; measures no rate, since looking costs time.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `attach` | `perf` on a process, for exactly as long as operations are counted |
//! | `flame` | a flame graph of a figure |
//! | `stacks` | samples of `perf script` as stacks that are counted |
//! | `draw` | stacks as a picture |
//! | `probe` | places in the C library at which allocations are counted |
//! | `count` | system calls and allocations of an operation |

mod attach;
mod count;
mod draw;
mod flame;
mod probe;
mod stacks;

pub(crate) use attach::{Attached, Inspection};
pub(crate) use count::{PerOperation, per_operation};
pub(crate) use flame::flame_graph;
