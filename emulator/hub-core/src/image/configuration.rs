//! An automatic configuration, and what configurations are to a twin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scalars::{JsonImage, TimeImage};

/// An automatic configuration with its counters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigurationImage {
    /// Its name.
    pub id: String,
    /// Echoed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<String>,
    /// Echoed: an object of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<JsonImage>,
    /// Echoed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// What it writes.
    pub content: JsonImage,
    /// Which twins.
    pub target_condition: String,
    /// The higher wins.
    pub priority: u32,
    /// Custom metrics.
    pub metrics: Vec<MetricImage>,
    /// The results of custom metrics, by name.
    pub results: BTreeMap<String, u64>,
    /// What devices say of a deployment, by name.
    pub system_results: BTreeMap<String, u64>,
    /// Whether it was evaluated since it was made.
    pub evaluated: bool,
    /// When it was made.
    pub created: TimeImage,
    /// When it was last written.
    pub updated: TimeImage,
    /// Counts its writes; makes the etag.
    pub version: u64,
    /// The number of its last write among those of all configurations.
    pub write: u64,
    /// The number of its first.
    pub first_write: u64,
}

/// A custom metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricImage {
    /// Its name.
    pub name: String,
    /// What is counted.
    pub query: String,
}

/// What configurations are to a twin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordImage {
    /// Those that target it.
    pub entries: Vec<EntryImage>,
    /// Whose doing the versions of its desired properties are.
    pub writers: Vec<WriterImage>,
}

/// A configuration that targets a twin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntryImage {
    /// Its name.
    pub id: String,
    /// Whether its whole content was written.
    pub applied: bool,
    /// Of what was written, in hexadecimal digits.
    pub fingerprint: String,
    /// For which write of the configuration.
    pub write: u64,
    /// Whether the twin had no room for it.
    pub refused: bool,
    /// Whether it is a deployment, which the twin of `$edgeAgent` remembers for its device.
    pub deployment: bool,
}

/// Who wrote a version of the desired properties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriterImage {
    /// The version.
    pub version: u32,
    /// The configuration.
    pub by: String,
    /// Of what was written, in hexadecimal digits.
    pub fingerprint: String,
}
