//! The hot paths: one function each, which sets the stage and hands the operation to the meter.
//!
//! Inputs are what the SDKs send. A path's name stands in the committed file; an operation that comes
//! to mean something else gets another name.

mod hub;
mod list;
mod twins;
mod wire;

pub use list::{PATHS, Path};
