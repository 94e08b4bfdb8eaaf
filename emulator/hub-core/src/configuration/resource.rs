//! A configuration as a service writes and reads it.
//!
//! Knows nothing of the JSON in which it travels, nor of the twins it targets.

use hub_proto::time::Timestamp;

use super::content::Content;
use super::id::ConfigurationId;

/// What a service asks a configuration to be.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigurationSpec {
    /// Its name.
    pub id: ConfigurationId,
    /// Echoed, never looked at.
    pub schema_version: Option<String>,
    /// Echoed, never looked at: JSON text of an object of strings.
    pub labels: Option<String>,
    /// Echoed, never looked at; the C# SDK sends `assignment`.
    pub content_type: Option<String>,
    /// What it writes. Fixed by the first write.
    pub content: Content,
    /// Which twins; `*` is every device, an empty text none.
    pub target_condition: String,
    /// The higher wins.
    pub priority: u32,
    /// Custom metrics: a name and a query each, in the order they came; names are unique.
    pub metrics: Vec<(String, String)>,
}

/// A configuration as the hub shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// Its name.
    pub id: ConfigurationId,
    /// As it came.
    pub schema_version: Option<String>,
    /// As it came.
    pub labels: Option<String>,
    /// As it came.
    pub content_type: Option<String>,
    /// What it writes.
    pub content: Content,
    /// Which twins.
    pub target_condition: String,
    /// The higher wins.
    pub priority: u32,
    /// Custom metrics: a name and a query each.
    pub metrics: Vec<(String, String)>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last written.
    pub updated: Timestamp,
    /// Base64 of a decimal counter of writes, from 1 (`MQ==`), without quotes.
    pub etag: String,
}
