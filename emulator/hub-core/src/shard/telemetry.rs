//! Device-to-cloud messages: measured, read, and handed to the event log.

use hub_proto::ids::ClientIdentity;
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

impl Shard {
    /// A device sends a message. Size is checked here; MQTT has no way to refuse a message, so on an
    /// error the driver ends the link.
    pub fn telemetry(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        link: LinkId,
        message: Telemetry<'_>,
    ) -> Result<(), HubError> {
        let Some((client, common)) = self.reach_linked(id, link) else {
            return Ok(());
        };
        client.last_activity = now.wall;
        let mut properties = RawBag::new(message.bag);
        let bytes = message
            .payload
            .len()
            .saturating_add(properties.size_bytes());
        let max = common.limits.telemetry_bytes;
        if bytes > max {
            return Err(HubError::TooLarge {
                what: "the message",
                bytes,
                max,
            });
        }
        let flags = [(message.retain, "mqtt-retain"), (message.dup, "mqtt-dup")];
        for (_, name) in flags.iter().filter(|(is_set, _)| *is_set) {
            properties = properties.with(name, "true");
        }
        let payload = message.payload.to_vec();
        common.event(
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

impl Client {
    /// The last message of a device that went without a goodbye. It came within a CONNECT, which
    /// bounds it far below the size of a message.
    pub(super) fn publish_will(&self, now: Now, common: &mut Common, will: Will) {
        let properties = RawBag::new(&will.bag).with("iothub-MessageType", "Will");
        let payload = will.payload;
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
