//! Seeds: files that say what a hub holds at the start of a test.
//!
//! A file is YAML (or JSON, which is YAML) with `devices` and `configurations`, or the lines of an
//! export. Every mistake is found before anything changes: all of it is made in a scratch shard first,
//! by the rules of the hub, and then put into the hub as it is.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `place` | where something stands in a file, and mistakes |
//! | `yaml` | YAML text to a tree with places |
//! | `entry` | what a file asks for, as texts with places; numbers of a template |
//! | `document` | a tree to entries |
//! | `lines` | the lines of an export to entries |
//! | `plant` | entries into a hub |
//! | `start` | the seed of a process that starts |

mod document;
mod entry;
mod lines;
mod place;
mod plant;
mod start;
mod yaml;

pub use place::Mistake;
pub use plant::{IfExists, SeedError, Seeded};
pub(crate) use plant::{SeedCodec, plant};
pub(crate) use start::{CODEC, plant_file};

#[cfg(test)]
mod tests;
