//! A connection at the throttles: which packets ask, and the one at the front that waits its turn.
//!
//! What waits holds up what its own device sends after it, and nothing else. How a refusal is told is
//! the conversation's affair.

use hub_core::throttle::{Operation, Refusal};
use hub_proto::ids::ClientIdentity;
use hub_proto::mqtt::packet::Packet;
use hub_proto::time::Instant;
use hub_proto::topic::{PublishTopic, parse_publish};

use crate::hub::{HubHandle, Turn};

/// Where the packet at the front stands.
#[derive(Debug, Default)]
pub(super) enum Gate {
    /// It has not asked.
    #[default]
    Open,
    /// It waits. In a box, since few connections ever do.
    Waiting(Box<Waiting>),
    /// It may go.
    Passed,
}

#[derive(Debug)]
pub(super) struct Waiting {
    turn: Turn,
    until: Instant,
}

/// What becomes of a packet.
#[derive(Debug)]
pub(super) enum Passage {
    Go,
    /// It stays where it is; see [`Gate::until`].
    Wait,
    Refused(Refusal),
}

impl Gate {
    /// Asks for the packet at the front, which is asked for once.
    pub(super) fn pass(
        &mut self,
        hub: &HubHandle,
        client: Option<&ClientIdentity>,
        packet: &Packet<'_>,
    ) -> Passage {
        if !hub.admission().is_on() {
            return Passage::Go;
        }
        match std::mem::take(self) {
            Self::Passed => return Passage::Go,
            waiting @ Self::Waiting(_) => {
                *self = waiting;
                return Passage::Wait;
            }
            Self::Open => {}
        }
        let Some(operation) = operation(client, packet) else {
            return Passage::Go;
        };
        match hub.admission().ask(operation, 1) {
            Err(refusal) => Passage::Refused(refusal),
            Ok(turn) => match turn.at() {
                None => Passage::Go,
                Some(until) => {
                    *self = Self::Waiting(Box::new(Waiting { turn, until }));
                    Passage::Wait
                }
            },
        }
    }

    /// Until when the packet at the front waits, if it does.
    pub(super) fn until(&self) -> Option<Instant> {
        match self {
            Self::Waiting(waiting) => Some(waiting.until),
            Self::Open | Self::Passed => None,
        }
    }

    /// Lets the waiting packet go if its turn has come; says whether it has.
    pub(super) fn open(&mut self, now: Instant) -> bool {
        match std::mem::take(self) {
            Self::Waiting(waiting) if waiting.until <= now => {
                waiting.turn.take();
                *self = Self::Passed;
                true
            }
            other => {
                *self = other;
                false
            }
        }
    }
}

/// What a packet asks of the hub; `None`: nothing that is counted.
fn operation(client: Option<&ClientIdentity>, packet: &Packet<'_>) -> Option<Operation> {
    match (packet, client) {
        (Packet::Connect(_), None) => Some(Operation::Connect),
        (Packet::Publish(publish), Some(client)) => {
            // What is no topic of the client ends its connection, at no throttle.
            match parse_publish(publish.topic, client).ok()? {
                PublishTopic::Telemetry { .. } => Some(Operation::DeviceToCloudSend),
                PublishTopic::TwinGet { .. } => Some(Operation::TwinRead),
                PublishTopic::TwinPatchReported { .. } => Some(Operation::TwinUpdate),
                PublishTopic::MethodResponse { .. } => None,
            }
        }
        _ => None,
    }
}
