//! A hub: its identities, its automatic configurations, its jobs.

use serde::{Deserialize, Serialize};

use super::client::ClientImage;
use super::configuration::ConfigurationImage;
use super::job::JobImage;

/// What a hub holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HubImage {
    /// Devices and modules, in the order of their ids, a device before its modules.
    pub clients: Vec<ClientImage>,
    /// Automatic configurations, in the order of their ids.
    pub configurations: Vec<ConfigurationImage>,
    /// Scheduled jobs, in the order in which they were made.
    pub jobs: Vec<JobImage>,
}
