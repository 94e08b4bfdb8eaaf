//! Device-to-cloud messages: measured, read, and handed to the event log.

use hub_proto::ids::ClientIdentity;
use hub_proto::property_bag::PropertyBag;
use hub_proto::raw_bag::RawBag;
use hub_proto::time::Now;

use super::state::{Client, Common, Shard};
use crate::error::HubError;
use crate::event::EventKind;
use crate::link::{LinkId, Will};

/// A message as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Telemetry<'a> {
    /// The raw property bag.
    pub bag: &'a str,
    /// The body.
    pub payload: &'a [u8],
    /// The PUBLISH's retain flag: becomes the property `mqtt-retain`.
    pub retain: bool,
    /// The PUBLISH's dup flag: becomes the property `mqtt-dup`.
    pub dup: bool,
}

/// A message was not taken; those before it were, those behind it were not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryRefused {
    /// How many were taken.
    pub taken: usize,
    /// What is wrong with the next.
    pub error: HubError,
}

/// A message as it came in over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceMessage {
    /// System and application properties.
    pub properties: PropertyBag,
    /// The body.
    pub payload: Vec<u8>,
}

impl Shard {
    /// A device sends messages, in this order. Size is checked here; MQTT has no way to refuse a message, so
    /// on an error the driver ends the link.
    pub fn telemetry(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        link: LinkId,
        messages: &[Telemetry<'_>],
    ) -> Result<(), TelemetryRefused> {
        let Some((client, common)) = self.reach_linked(id, link) else {
            return Ok(());
        };
        client.last_activity = now.wall;
        for (taken, message) in messages.iter().enumerate() {
            common
                .telemetry(now, &client.id, *message)
                .map_err(|error| TelemetryRefused { taken, error })?;
        }
        Ok(())
    }
}

impl Common {
    fn telemetry(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        message: Telemetry<'_>,
    ) -> Result<(), HubError> {
        let mut properties = RawBag::new(message.bag);
        let (payload_bytes, max) = (message.payload.len(), self.limits.telemetry_bytes);
        // Encoded, properties are never shorter: what fits as it came need not be measured.
        if payload_bytes.saturating_add(message.bag.len()) > max {
            let bytes = payload_bytes.saturating_add(properties.size_bytes());
            if bytes > max {
                return Err(HubError::TooLarge {
                    what: "the message",
                    bytes,
                    max,
                });
            }
        }
        let flags = [(message.retain, "mqtt-retain"), (message.dup, "mqtt-dup")];
        for (_, name) in flags.iter().filter(|(is_set, _)| *is_set) {
            properties = properties.with(name, "true");
        }
        let payload = message.payload.to_vec();
        self.event(
            now,
            id,
            EventKind::Telemetry {
                properties,
                payload,
            },
        );
        Ok(())
    }
}

/// Over HTTP.
impl Shard {
    /// A device sends messages over HTTP, all of them or, on an error, none. The times of the connection
    /// and of the last activity stay as they are.
    pub fn send_events(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        messages: Vec<DeviceMessage>,
    ) -> Result<(), HubError> {
        let (_, common) = self.reach(id)?;
        let max = common.limits.telemetry_bytes;
        for message in &messages {
            let bytes = message.payload.len() + message.properties.size_bytes();
            if bytes > max {
                let what = "the message";
                return Err(HubError::TooLarge { what, bytes, max });
            }
        }
        for DeviceMessage {
            properties,
            payload,
        } in messages
        {
            let properties = RawBag::new(&properties.to_telemetry());
            let fact = EventKind::Telemetry {
                properties,
                payload,
            };
            common.event(now, id, fact);
        }
        Ok(())
    }
}

impl Client {
    /// The last message of a device that went without a goodbye. It came within a CONNECT, which
    /// bounds it far below the size of a message.
    pub(super) fn publish_will(&self, now: Now, common: &mut Common, will: &Will) {
        let properties = RawBag::new(&will.bag).with("iothub-MessageType", "Will");
        let payload = will.payload.clone();
        common.event(
            now,
            &self.id,
            EventKind::Telemetry {
                properties,
                payload,
            },
        );
    }
}
