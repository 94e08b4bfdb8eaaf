//! Twins: tags, desired and reported properties, with versions and metadata.
//!
//! Responsible for what a patch may hold, what it does to a twin, and how a twin is printed. Knows
//! nothing of who is connected, of etag preconditions (the shard's) or of the wire.

mod document;
mod state;
mod update;

pub use document::{DocumentIdentity, TwinDocument};
pub use state::{DesiredChange, ReportedChange, TagsChange, Twin, TwinChange};
pub use update::{TwinUpdate, UpdateMode};
