//! A client as plain data: what a snapshot holds of it, and how it is written down.
//!
//! Links, open calls and stored sessions are not part of it. The live types stay apart, so that they
//! can change without a snapshot of yesterday becoming unreadable.

use std::fmt;

use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A device or a module with all that outlives its connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientImage {
    /// The device, or the module's device.
    pub device_id: String,
    /// The module, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_id: Option<String>,
    /// How it shows who it is.
    pub authentication: AuthenticationImage,
    /// Of the identity, without quotes.
    pub etag: String,
    /// When the identity was made, in ticks of 100 ns since the Unix epoch.
    pub generation_ticks: i64,
    /// What only a device has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceImage>,
    /// Who looks after a module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
    /// When a link last came up or went down.
    pub connection_state_updated: TimeImage,
    /// When it last connected, sent or received.
    pub last_activity: TimeImage,
    /// Its twin.
    pub twin: TwinImage,
    /// Its cloud-to-device messages.
    pub messages: QueueImage,
}

/// What only a device has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceImage {
    /// Whether it may connect.
    pub enabled: bool,
    /// Why, if the service said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// When that last changed.
    pub status_updated: TimeImage,
    /// Whether it is an Edge device.
    pub edge: bool,
    /// Its scope among Edge devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_scope: Option<String>,
    /// The scopes of its parents.
    pub parent_scopes: Vec<String>,
}

/// How a client shows who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum AuthenticationImage {
    /// By symmetric keys.
    Sas {
        /// Either key is good.
        primary: KeyImage,
        /// Either key is good.
        secondary: KeyImage,
    },
    /// By thumbprints of certificates.
    SelfSigned {
        /// Either is good.
        primary: Option<String>,
        /// Either is good.
        secondary: Option<String>,
    },
    /// By a certificate of a registered authority.
    CertificateAuthority,
    /// Not at all.
    None,
}

/// A key, in base64 as text. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyImage(pub SasKey);

/// A time, as the hub prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeImage(pub Timestamp);

/// A twin with its counters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TwinImage {
    /// Counts every write.
    pub version: u64,
    /// Counts the service's writes; makes the etag.
    pub service_writes: u64,
    /// The plug and play model, or empty.
    pub model_id: String,
    /// Tags.
    pub tags: SectionImage,
    /// Desired properties.
    pub desired: SectionImage,
    /// Reported properties.
    pub reported: SectionImage,
}

/// A section of a twin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SectionImage {
    /// `$version`.
    pub version: u32,
    /// `$lastUpdated` of the section itself.
    pub updated: TimeImage,
    /// `$lastUpdatedVersion` of the section itself.
    pub updated_version: u32,
    /// Its members, in order.
    pub members: Vec<MemberImage>,
}

/// A member of a section or of an object: with a value, or with members of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberImage {
    /// Its name.
    pub key: String,
    /// `$lastUpdated`.
    pub updated: TimeImage,
    /// `$lastUpdatedVersion`.
    pub updated_version: u32,
    /// A scalar or an array, numbers and escapes as they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
    /// The members of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<MemberImage>>,
}

/// The cloud-to-device messages of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueueImage {
    /// The number of the last message there ever was.
    pub last_sequence: u64,
    /// Those that are not settled, oldest first.
    pub waiting: Vec<MessageImage>,
}

/// A message that is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageImage {
    /// Its number.
    pub sequence: u64,
    /// Its properties, encoded as on the way to the device.
    pub properties: String,
    /// Its body in base64.
    pub payload_base64: String,
    /// How often it was handed to the device.
    pub deliveries: u32,
    /// How often the device gave it back.
    #[serde(default)]
    pub abandoned: u32,
    /// When the hub took it; the time of the import if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enqueued: Option<TimeImage>,
    /// When it is given up.
    pub expires: TimeImage,
}

impl PartialEq for MemberImage {
    fn eq(&self, other: &Self) -> bool {
        let text = |member: &Self| member.value.as_ref().map(|value| value.get().to_owned());
        self.key == other.key
            && self.updated == other.updated
            && self.updated_version == other.updated_version
            && text(self) == text(other)
            && self.members == other.members
    }
}

impl fmt::Debug for KeyImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyImage(…)")
    }
}

impl Serialize for KeyImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for KeyImage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The error must not repeat what may be a secret.
        let key = SasKey::from_base64(&text);
        key.map(Self)
            .map_err(|_| D::Error::custom("a key must be 16 to 64 bytes in base64"))
    }
}

impl Serialize for TimeImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TimeImage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not a time as the hub prints it")))
    }
}
