//! Scenario files: from text to a typed tree with positions, every mistake found before anything runs.
//!
//! `yaml` and `node` know YAML and no scenario; `include`, `variables` and `load` put files together;
//! `read` turns the tree into [`ast`], with `fields` and `values` for its parts and `keys` as the one table
//! of what may be there; `resolve` judges the whole. The format is described in docs/SCENARIOS.md.

pub mod ast;
pub mod error;
mod fields;
pub mod ids;
mod include;
mod keys;
pub mod load;
mod names;
mod node;
mod read;
mod resolve;
pub mod span;
mod values;
mod variables;
mod yaml;

pub use error::{ScenarioError, ScenarioErrors};
pub use ids::IdPattern;
pub use load::{LoadOptions, load, parse};
pub(crate) use values::{duration, rate};
