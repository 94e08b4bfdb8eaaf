//! Messages that came in one read: handed over at once and acknowledged at once.

use hub_core::link::LinkClose;
use hub_core::{Telemetry, TelemetryRefused};
use hub_proto::mqtt::packet::{Delivery, Packet};

use super::mailbox::Mailbox;
use super::operations::Operation;
use crate::hub::DeviceLink;

/// Messages of one device that the hub has not got yet, in order.
#[derive(Debug)]
pub(super) struct Burst<'a> {
    messages: [Telemetry<'a>; MESSAGES_MAX],
    deliveries: [Delivery; MESSAGES_MAX],
    count: usize,
}

impl<'a> Burst<'a> {
    pub(super) fn new() -> Self {
        let none = Telemetry {
            bag: "",
            payload: &[],
            retain: false,
            dup: false,
        };
        Self {
            messages: [none; MESSAGES_MAX],
            deliveries: [Delivery::AtMostOnce; MESSAGES_MAX],
            count: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.count == MESSAGES_MAX
    }

    /// One more; there must be room.
    pub(super) fn push(&mut self, message: Telemetry<'a>, delivery: Delivery) {
        self.messages[self.count] = message;
        self.deliveries[self.count] = delivery;
        self.count += 1;
    }

    /// Gives the messages to the hub, and then acknowledges those that it took: an acknowledged message
    /// is in the event log. None is left.
    pub(super) fn hand_over(
        &mut self,
        link: &DeviceLink,
        mailbox: &Mailbox,
    ) -> Result<(), LinkClose> {
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return Ok(());
        }
        let refused = link.telemetry(&self.messages[..count]).err();
        let taken = refused.as_ref().map_or(count, |refused| refused.taken);
        // The refused one was sent as well.
        let sent = taken + usize::from(refused.is_some());
        link.note_uses(Operation::SendTelemetry.key(), sent);
        let acknowledgements = self.deliveries[..taken].iter().copied();
        mailbox.push_all(acknowledgements.filter_map(acknowledgement))?;
        match refused {
            None => Ok(()),
            Some(TelemetryRefused { error, .. }) => Err(LinkClose::Violation(error.to_string())),
        }
    }
}

fn acknowledgement(delivery: Delivery) -> Option<Packet<'static>> {
    match delivery {
        Delivery::AtMostOnce => None,
        Delivery::AtLeastOnce(packet_id) => Some(Packet::PubAck(packet_id)),
    }
}

/// Of a longer burst as many at a time.
const MESSAGES_MAX: usize = 16;
