//! Scenario files: from text to a typed tree with positions, every mistake found before anything runs.

pub mod ast;
pub mod error;
pub mod load;
pub mod span;

pub use error::{ScenarioError, ScenarioErrors};
pub use load::{LoadOptions, load, parse};
