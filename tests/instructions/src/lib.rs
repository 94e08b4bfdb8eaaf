//! How many instructions and allocations one operation on each hot path takes: the guard against
//! losing speed that no neighbour on the machine disturbs.
//!
//! The program runs itself once for each path under `valgrind --tool=callgrind`, which counts only
//! what happens inside [`Meter`]'s loop, and compares with the committed `counts.txt`. A change beyond
//! the tolerance fails, in either direction: whoever makes a path slower explains it in the commit that
//! changes the file, and whoever makes it faster has the next one held to it.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `paths` | what is counted |
//! | `meter` | running an operation often enough, warm |
//! | `callgrind` | running a path under valgrind, reading what it wrote |
//! | `counts` | the committed file |
//! | `toolchain` | what counts depend on besides our code |
//! | `verdict` | what has changed, and whether it may |

#![expect(clippy::unwrap_used, reason = "a measurement that fails is a panic")]
mod callgrind;
mod counts;
mod meter;
mod paths;
mod toolchain;
mod verdict;

pub use callgrind::{Missing, count_path};
pub use counts::{Count, Counts};
pub use meter::Meter;
pub use paths::{PATHS, Path};
pub use toolchain::Toolchain;
pub use verdict::{Finding, Likeness, Verdict};
