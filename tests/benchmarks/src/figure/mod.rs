//! The figures, one a file: what each measures, on whom, and which goals it holds the hub to.
//!
//! | Module | Figure |
//! |---|---|
//! | `shape` | what a figure is |
//! | `method` | a direct method, caller to device and back |
//! | `rest` | a twin over REST |
//! | `telemetry` | device-to-cloud messages |

mod method;
mod rest;
mod shape;
mod telemetry;

pub(crate) use shape::{Against, Comparison, Contestant, Figure, Goal, Needs};

/// Every figure, in the order in which they are measured.
pub(crate) const ALL: &[Figure] = &[method::PLAIN, telemetry::EIGHT, telemetry::ONE, rest::TWIN];
