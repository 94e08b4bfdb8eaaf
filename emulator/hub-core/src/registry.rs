//! Device identities: keys, status, etags, times.
//!
//! Knows nothing of links, twins or queues, nor of the JSON in which an identity travels.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub_proto::ids::DeviceId;
use hub_proto::sas::{SasKey, SasToken};
use hub_proto::time::Timestamp;

use crate::error::HubError;

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

impl DeviceSpec {
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

impl SymmetricKeys {
    /// Whether either key made the token's signature.
    pub(crate) fn signed(&self, token: &SasToken<'_>) -> bool {
        token.is_signed_by(&self.primary) || token.is_signed_by(&self.secondary)
    }
}

impl IfMatch {
    /// Whether a write may go ahead on what has `etag` now.
    pub(crate) fn check(&self, etag: &str) -> Result<(), HubError> {
        match self {
            Self::Absent | Self::Any => Ok(()),
            Self::Etag(expected) if expected == etag => Ok(()),
            Self::Etag(_) => Err(HubError::EtagMismatch),
        }
    }
}

/// What the registry holds of a device.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) keys: SymmetricKeys,
    pub(crate) status: Status,
    pub(crate) status_reason: Option<Box<str>>,
    pub(crate) status_updated: Timestamp,
    pub(crate) etag: Box<str>,
    pub(crate) generation: Stamp,
}

impl Registered {
    /// A new identity.
    pub(crate) fn new(spec: DeviceSpec, stamp: Stamp) -> Self {
        Self {
            keys: spec.keys,
            status: spec.status,
            status_reason: spec.status_reason.map(Into::into),
            status_updated: Timestamp::NEVER,
            etag: stamp.etag(),
            generation: stamp,
        }
    }

    /// A PUT replaces the whole identity but for its generation.
    pub(crate) fn replace(&mut self, at: Timestamp, spec: DeviceSpec, stamp: Stamp) {
        if self.status != spec.status {
            self.status_updated = at;
        }
        self.keys = spec.keys;
        self.status = spec.status;
        self.status_reason = spec.status_reason.map(Into::into);
        self.etag = stamp.etag();
    }
}

/// Names one write of one identity in one shard: the time of the write, in ticks, pushed on where
/// two writes fall on the same tick or the wall clock steps back. So no etag or generation id comes
/// twice, not even after delete and create, and no randomness is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(i64);

impl Stamp {
    fn etag(self) -> Box<str> {
        STANDARD.encode(self.0.to_string()).into()
    }

    /// The digits that the hub shows: .NET ticks, counted from the year 1.
    pub(crate) fn generation_id(self) -> String {
        self.0
            .saturating_sub(Timestamp::NEVER.unix_ticks())
            .to_string()
    }
}

/// Makes [`Stamp`]s.
#[derive(Debug)]
pub(crate) struct Stamps {
    last: i64,
}

impl Stamps {
    pub(crate) fn new() -> Self {
        Self { last: i64::MIN }
    }

    pub(crate) fn next(&mut self, at: Timestamp) -> Stamp {
        self.last = at.unix_ticks().max(self.last.saturating_add(1));
        Stamp(self.last)
    }
}

const STATUS_REASON_CHARS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_differ_though_the_clock_stands_or_steps_back() {
        let mut stamps = Stamps::new();
        let at = Timestamp::from_unix_seconds(1_700_000_000);
        let earlier = Timestamp::from_unix_seconds(1_600_000_000);
        let first = stamps.next(at);
        let second = stamps.next(at);
        let third = stamps.next(earlier);
        assert_eq!(first.generation_id(), "638355968000000000");
        assert_eq!(second.generation_id(), "638355968000000001");
        assert_eq!(third.generation_id(), "638355968000000002");
        assert_eq!(&*first.etag(), STANDARD.encode("17000000000000000"));
    }
}
