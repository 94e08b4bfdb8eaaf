//! Twins: tags, desired and reported properties, with versions and metadata.
//!
//! Responsible for what a patch may hold, what it does to a twin, and how a twin is printed. Knows
//! nothing of who is connected, of etag preconditions (the shard's) or of the wire.
//!
//! A write goes in three steps, so that it happens whole or not at all: [`TwinUpdate::parse`] (or the
//! start of [`Twin::patch_reported`]) checks every node; the section is made anew beside the one there
//! is, and its size looked at; then it takes the other's place, which cannot fail.
//!
//! A section is two packed texts: its `shape`, which the twins of a fleet share, and its values. `tree`
//! reads them, `pen` writes them, `digits` and `stamps` are their parts.

mod digits;
pub(crate) mod document;
mod image;
pub(crate) mod patch;
mod pen;
mod rules;
pub(crate) mod section;
pub(crate) mod shape;
pub(crate) mod size;
mod stamps;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod update;

pub use document::{DocumentIdentity, TwinDocument};
pub use state::{DesiredChange, ReportedChange, TagsChange, Twin, TwinChange};
pub use update::{TwinUpdate, UpdateMode};
