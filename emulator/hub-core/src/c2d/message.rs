//! A cloud-to-device message outside the queue: as it is sent, as it is received, as it is counted.
//!
//! Source: "Understand cloud-to-device messaging from an IoT hub" of Microsoft's documentation.

use hub_proto::property_bag::PropertyBag;
use hub_proto::time::Timestamp;

use crate::event::C2dOutcome;

/// A message for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct C2dMessage {
    /// System and application properties, `$.to` excepted, which the hub sets. `iothub-ack` asks for
    /// feedback, which names the message by its `$.mid`.
    pub properties: PropertyBag,
    /// The body.
    pub payload: Vec<u8>,
    /// When it is given up; the hub's default if the sender does not say.
    pub expires: Option<Timestamp>,
}

/// What a sender wants to hear of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledgement {
    /// Nothing.
    #[default]
    None,
    /// That the device has it.
    Positive,
    /// That the device has it not.
    Negative,
    /// Either.
    Full,
}

impl Acknowledgement {
    /// Reads the value of `iothub-ack`, in any case; `None`: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Positive, Self::Negative, Self::Full]
            .into_iter()
            .find(|one| one.name().eq_ignore_ascii_case(text))
    }

    /// The value as devices read it: C# compares it with the names of an enumeration.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Positive => "positive",
            Self::Negative => "negative",
            Self::Full => "full",
        }
    }

    /// Whether the sender wants to hear of this end.
    pub fn wants(self, outcome: C2dOutcome) -> bool {
        match self {
            Self::None => false,
            Self::Positive => outcome == C2dOutcome::Completed,
            Self::Negative => outcome != C2dOutcome::Completed,
            Self::Full => true,
        }
    }
}

/// Names one hand-over over HTTP: a UUID that the outside draws.
pub type LockToken = Box<str>;

/// How a device ends a hand-over over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The device has it.
    Complete,
    /// The device will never want it: it is given up.
    Reject,
    /// The device wants it later: it is in its old place in the queue, one try older.
    Abandon,
}

/// A message handed to a device over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The message's number in the device's queue, counted from 1 for ever.
    pub sequence: u64,
    /// As the device is to see them, `$.to` among them.
    pub properties: PropertyBag,
    /// The body.
    pub payload: Vec<u8>,
    /// When the hub took it.
    pub enqueued: Timestamp,
    /// How often it was handed to the device, this time included.
    pub deliveries: u32,
    /// How often the device gave it back.
    pub abandoned: u32,
}

/// A message that waits, as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedView {
    /// The message's number.
    pub sequence: u64,
    /// `$.mid`, or empty.
    pub message_id: String,
    /// Whether the device has it and has not settled it.
    pub is_locked: bool,
    /// How often it was handed to the device.
    pub deliveries: u32,
    /// How often the device gave it back.
    pub abandoned: u32,
    /// When the hub took it.
    pub enqueued: Timestamp,
    /// Bytes of its body.
    pub bytes: usize,
}

/// How many messages of a device ended, by how they did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndedCounts {
    /// Acknowledged.
    pub completed: u64,
    /// Dead letters: out of time.
    pub expired: u64,
    /// Dead letters: abandoned too often.
    pub delivery_count_exceeded: u64,
    /// Dead letters: rejected by the device.
    pub rejected: u64,
    /// Taken out by the service.
    pub purged: u64,
}

impl EndedCounts {
    pub(crate) fn count(&mut self, outcome: C2dOutcome) {
        let count = match outcome {
            C2dOutcome::Completed => &mut self.completed,
            C2dOutcome::Expired => &mut self.expired,
            C2dOutcome::DeliveryCountExceeded => &mut self.delivery_count_exceeded,
            C2dOutcome::Rejected => &mut self.rejected,
            C2dOutcome::Purged => &mut self.purged,
        };
        *count += 1;
    }
}

/// A device's queue, as an administrator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueView {
    /// What waits, oldest first.
    pub messages: Vec<QueuedView>,
    /// What ended since the device was registered.
    pub ended: EndedCounts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_acknowledgement_wants_its_own_ends() {
        // C2D-6
        let wanted = |ack: Acknowledgement| {
            [
                C2dOutcome::Completed,
                C2dOutcome::Expired,
                C2dOutcome::DeliveryCountExceeded,
                C2dOutcome::Rejected,
                C2dOutcome::Purged,
            ]
            .map(|outcome| ack.wants(outcome))
        };
        assert_eq!(wanted(Acknowledgement::None), [false; 5]);
        assert_eq!(wanted(Acknowledgement::Full), [true; 5]);
        assert_eq!(
            wanted(Acknowledgement::Positive),
            [true, false, false, false, false]
        );
        assert_eq!(
            wanted(Acknowledgement::Negative),
            [false, true, true, true, true]
        );
        let full = Some(Acknowledgement::Full);
        assert_eq!(Acknowledgement::parse("FULL"), full);
        assert_eq!(Acknowledgement::parse("all"), None);
    }
}
