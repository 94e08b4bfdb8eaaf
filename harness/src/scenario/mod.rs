//! Scenario files: from text to a typed tree with positions, every mistake found before anything runs.

pub mod ast;
pub mod span;
