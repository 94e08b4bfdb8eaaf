//! A client: its identity, its twin, the messages that wait for it, what configurations are to it.

use serde::{Deserialize, Serialize};

use super::configuration::RecordImage;
use super::scalars::{JsonImage, KeyImage, TimeImage};

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
    /// What automatic configurations are to the twin, if any is anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurations: Option<RecordImage>,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    pub value: Option<JsonImage>,
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
