//! The hub's topic grammar, both ways. There is no topic matching: the few legal topics are parsed
//! into an enum once.
//!
//! Source: "Communicate with your IoT hub using MQTT", and the SDKs' topic code.

use thiserror::Error;

use crate::ids::{ClientIdentity, MethodName};

/// A topic on which a device or module publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishTopic<'a> {
    /// Telemetry, with its raw property bag (no trailing `/`).
    Telemetry {
        /// Still percent-encoded; see [`crate::property_bag`].
        bag: &'a str,
    },
    /// Read the twin.
    TwinGet {
        /// Echoed byte for byte.
        rid: &'a str,
    },
    /// Patch the reported properties.
    TwinPatchReported {
        /// Echoed byte for byte; without one there is no answer.
        rid: Option<&'a str>,
        /// The reported version the patch is based on.
        if_version: Option<u64>,
    },
    /// Answer a direct method.
    MethodResponse {
        /// The device's status, as text: whether it is an integer is for the method's owner to say.
        status: &'a str,
        /// The request's id.
        rid: &'a str,
    },
}

/// A subscription the hub grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// `devices/{d}/messages/devicebound/#` (and a module's like)
    CloudToDevice,
    /// `$iothub/twin/res/#`
    TwinResponses,
    /// `$iothub/twin/PATCH/properties/desired/#`
    DesiredChanges,
    /// `$iothub/methods/POST/#`
    Methods,
    /// `$iothub/methods/POST/{name}/#`
    Method(MethodName),
    /// `devices/{d}/modules/{m}/#` or `…/inputs/#`
    ModuleInputs,
}

/// A topic on which the hub publishes to a client. Prints and parses; the simulator reads with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubTopic<'a> {
    /// `$iothub/twin/res/{status}/?$rid={rid}[&$version={n}]`
    TwinResponse {
        /// Three digits.
        status: u16,
        /// As the device sent it.
        rid: &'a str,
        /// The new reported version, on 204.
        version: Option<u64>,
    },
    /// `$iothub/twin/PATCH/properties/desired/?$version={n}`
    DesiredChange {
        /// The new desired version.
        version: u64,
    },
    /// `$iothub/methods/POST/{name}/?$rid={rid}`; the rid prints as lower-case hex.
    MethodRequest {
        /// The method.
        name: &'a str,
        /// Lower-case hex, as printed.
        rid: &'a str,
    },
    /// `devices/{d}/messages/devicebound/{bag}`
    CloudToDevice {
        /// The device.
        device_id: &'a str,
        /// The encoded bag.
        bag: &'a str,
    },
}

/// Why a topic or filter is not the hub's: the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopicError {
    /// None of the hub's topics.
    #[error("topic {topic:?} is none of the hub's")]
    Unknown {
        /// The topic, cut to a sensible length.
        topic: String,
    },
}

/// Reads the topic of a PUBLISH from `client`.
pub fn parse_publish<'a>(topic: &'a str, client: &ClientIdentity) -> Result<PublishTopic<'a>, TopicError> {
    todo!("{topic} {client:?}")
}

/// Reads a filter of a SUBSCRIBE from `client`.
pub fn parse_filter(filter: &str, client: &ClientIdentity) -> Result<Subscription, TopicError> {
    todo!("{filter} {client:?}")
}

impl<'a> HubTopic<'a> {
    /// Appends the topic's text to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        todo!("{self:?} {}", out.len())
    }

    /// Reads a topic that a hub published on.
    pub fn parse(topic: &'a str) -> Result<Self, TopicError> {
        todo!("{topic}")
    }
}
