//! Twins: tags, desired and reported properties, with versions and metadata.
//!
//! Responsible for what a patch may hold, what it does to a twin, and how a twin is printed. Knows
//! nothing of who is connected, of etag preconditions (the shard's) or of the wire.
//!
//! A write goes in three steps, so that it happens whole or not at all: [`TwinUpdate::parse`] (or the
//! start of [`Twin::patch_reported`]) checks every node; the effect on the section is worked out,
//! its size among it; then it is applied, which cannot fail.

pub(crate) mod document;
mod image;
pub(crate) mod patch;
mod rules;
pub(crate) mod section;
pub(crate) mod size;
mod state;
pub(crate) mod tree;
mod update;

pub use document::{DocumentIdentity, TwinDocument};
pub use state::{DesiredChange, ReportedChange, TagsChange, Twin, TwinChange};
pub use update::{TwinUpdate, UpdateMode};
