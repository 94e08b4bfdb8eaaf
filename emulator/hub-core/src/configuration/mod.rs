//! Automatic device configurations: content written into the twins that a condition targets.
//!
//! | Module | Knows |
//! |---|---|
//! | `id` | the grammar of names |
//! | `content` | what a configuration may write |
//! | `resource` | a configuration as services see it |
//! | `queries` | its condition, its metrics, the texts of the system metrics |
//! | `store` | all configurations of a hub: write rules, and what is to be evaluated when |
//! | `targets` | the configurations compiled and ranked, to be matched against twins |
//! | `fold` | whose values stand where several configurations meet |
//! | `apply` | writing them into one twin |
//! | `rollout` | what the deployments that meet on an Edge device come to |
//! | `record` | what a twin remembers of it |
//! | `image` | both as plain data |
//!
//! Cost: a twin that changed is matched against the configurations, of which a hub has at most a
//! hundred; a configuration that was written is matched against the twins, in chunks, and only those
//! that it targets or targeted are evaluated in full.

pub(crate) mod apply;
pub(crate) mod content;
mod fold;
mod id;
mod image;
mod queries;
pub(crate) mod record;
mod resource;
pub(crate) mod rollout;
mod store;
pub(crate) mod targets;

pub use content::{Content, ContentKind};
pub use id::ConfigurationId;
pub use queries::{QueriesTest, test_queries};
pub use record::{ConfigurationStatus, Record};
pub use resource::{Configuration, ConfigurationSpec};
pub use store::{ConfigurationState, Configurations, Metric, Work};
pub use targets::Targets;
