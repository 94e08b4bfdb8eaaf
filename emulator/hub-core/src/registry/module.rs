//! Module identities: what a service asks for, and what the registry shows.

use hub_proto::ids::{DeviceId, ModuleId};
use hub_proto::time::Timestamp;

use super::authentication::Authentication;

/// What a service asks a module identity to be. A PUT replaces the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSpec {
    /// Whose module.
    pub device: DeviceId,
    /// Which.
    pub id: ModuleId,
    /// How it shows who it is.
    pub authentication: Authentication,
    /// Who looks after it, such as `iotEdge`.
    pub managed_by: Option<String>,
}

/// A module identity as the registry shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleIdentity {
    /// Whose module.
    pub device: DeviceId,
    /// Which.
    pub id: ModuleId,
    /// Who looks after it.
    pub managed_by: Option<String>,
    /// Digits; new after delete and create.
    pub generation_id: String,
    /// Changes with each write of the identity, without quotes.
    pub etag: String,
    /// Whether a link is up.
    pub connected: bool,
    /// When a link last came up or went down.
    pub connection_state_updated: Timestamp,
    /// When the module last connected, sent or received.
    pub last_activity: Timestamp,
    /// Messages waiting for the module; the hub sends modules none.
    pub c2d_messages: usize,
    /// How it shows who it is.
    pub authentication: Authentication,
}

/// What a write must ask for so that the identity stays as it is.
impl From<ModuleIdentity> for ModuleSpec {
    fn from(identity: ModuleIdentity) -> Self {
        Self {
            device: identity.device,
            id: identity.id,
            authentication: identity.authentication,
            managed_by: identity.managed_by,
        }
    }
}
