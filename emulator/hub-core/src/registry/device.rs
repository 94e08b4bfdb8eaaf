//! Device identities: what a service asks for, and what the registry shows.

use hub_proto::ids::DeviceId;
use hub_proto::time::Timestamp;

use super::authentication::Authentication;
use crate::error::HubError;

/// What a service asks a device identity to be. A PUT replaces the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Who.
    pub id: DeviceId,
    /// How it shows who it is.
    pub authentication: Authentication,
    /// Whether it may connect.
    pub status: Status,
    /// Free text, at most 128 characters.
    pub status_reason: Option<String>,
    /// Whether it is an Edge device.
    pub edge: bool,
    /// Its place among Edge devices; see [`DeviceSpec::settle_scopes`].
    pub scopes: EdgeScopes,
}

/// Where a device stands in a tree of Edge devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeScopes {
    /// Of an Edge device: its own scope. Of a leaf: its parent's, if it has one.
    pub device: Option<Box<str>>,
    /// The scopes of the parents; one at most.
    pub parents: Box<[Box<str>]>,
}

/// Whether a device may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Enabled,
    /// It may not; the registry keeps it.
    Disabled,
}

/// A device identity as the registry shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// Who.
    pub id: DeviceId,
    /// Digits; new after delete and create.
    pub generation_id: String,
    /// Changes with each write of the identity; base64 of a decimal number, without quotes.
    pub etag: String,
    /// Whether a link is up.
    pub connected: bool,
    /// Whether it may connect.
    pub status: Status,
    /// Why, if the service said.
    pub status_reason: Option<String>,
    /// When a link last came up or went down.
    pub connection_state_updated: Timestamp,
    /// When the status last changed.
    pub status_updated: Timestamp,
    /// When the device last connected, sent or received.
    pub last_activity: Timestamp,
    /// Messages waiting for the device.
    pub c2d_messages: usize,
    /// How it shows who it is.
    pub authentication: Authentication,
    /// Whether it is an Edge device.
    pub edge: bool,
    /// Its place among Edge devices.
    pub scopes: EdgeScopes,
}

impl Status {
    /// The status as documents name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

/// What a write must ask for so that the identity stays as it is.
impl From<DeviceIdentity> for DeviceSpec {
    fn from(identity: DeviceIdentity) -> Self {
        Self {
            id: identity.id,
            authentication: identity.authentication,
            status: identity.status,
            status_reason: identity.status_reason,
            edge: identity.edge,
            scopes: identity.scopes,
        }
    }
}

impl DeviceSpec {
    /// An enabled device without reason, edge or scopes.
    pub fn enabled(id: DeviceId, authentication: Authentication) -> Self {
        Self {
            id,
            authentication,
            status: Status::Enabled,
            status_reason: None,
            edge: false,
            scopes: EdgeScopes::default(),
        }
    }

    /// Checks what the types do not.
    pub(crate) fn check(&self) -> Result<(), HubError> {
        match &self.status_reason {
            Some(reason) if reason.chars().count() > STATUS_REASON_CHARS_MAX => {
                Err(HubError::Argument(format!(
                    "statusReason must have at most {STATUS_REASON_CHARS_MAX} characters."
                )))
            }
            Some(_) | None => Ok(()),
        }
    }
}

const STATUS_REASON_CHARS_MAX: usize = 128;
