//! YAML text to a tree in which everything has its place, so that a reader can point at what is wrong.
//!
//! Behaviours, scenarios and seeds are read through it; it knows none of them, and their readers word
//! the mistakes that it finds. Bounded before anything is allocated, and strict: what makes YAML
//! dangerous or ambiguous is a mistake (aliases and anchors, which multiply; tags; several documents;
//! keys that are no text or come twice).

mod node;
mod parse;
mod plain;
mod problem;

pub use node::{Entry, Key, Kind, Node, NotJson};
pub use parse::{Bounds, Parsed, parse};
pub use problem::{Mistake, Problem};
