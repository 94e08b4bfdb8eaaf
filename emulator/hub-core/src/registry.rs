//! Device identities: keys, status, etags, times.

use hub_proto::ids::DeviceId;
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;

/// What a service asks a device identity to be. A PUT replaces the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Who.
    pub id: DeviceId,
    /// The keys: the caller's, or fresh ones drawn by the edge when the caller gave none.
    pub keys: SymmetricKeys,
    /// Whether it may connect.
    pub status: Status,
    /// Free text, at most 128 characters.
    pub status_reason: Option<String>,
}

/// Two keys; either is good at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymmetricKeys {
    /// The first.
    pub primary: SasKey,
    /// The second.
    pub secondary: SasKey,
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
    /// Its keys.
    pub keys: SymmetricKeys,
}

/// The precondition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// No header at all.
    Absent,
    /// `*` or `"*"`.
    Any,
    /// This etag, quotes stripped.
    Etag(String),
}
