//! Cloud-to-device messages: a bounded queue per device, one in flight, at least once.
//!
//! Knows when a message is due, locked or given up; the shard knows the device, and says so.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub_proto::mqtt::packet::PacketId;
use hub_proto::property_bag::PropertyBag;
use hub_proto::time::{Instant, Now, Timestamp};

use crate::error::HubError;
use crate::image::{MessageImage, QueueImage, TimeImage};
use crate::limits::Limits;

/// A message for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct C2dMessage {
    /// System and application properties, `$.to` excepted, which the hub sets.
    pub properties: PropertyBag,
    /// The body.
    pub payload: Vec<u8>,
    /// When it is given up; the hub's default if the sender does not say.
    pub expires: Option<Timestamp>,
}

/// The messages of one device that are not settled yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct C2dQueue {
    /// While `flight` is set, the first one is the one in flight: a message that comes back is at
    /// the front without being moved.
    messages: VecDeque<QueuedMessage>,
    flight: Option<Flight>,
    sequence_last: u64,
    delivery_last: u16,
}

/// A message in the queue, as it will go on the wire.
#[derive(Debug)]
pub(crate) struct QueuedMessage {
    /// Counted from 1 for ever, per device.
    pub(crate) sequence: u64,
    /// The encoded property bag.
    pub(crate) bag: String,
    pub(crate) payload: Vec<u8>,
    /// How often it was handed to the device.
    pub(crate) deliveries: u32,
    expires: Instant,
}

/// The delivery that waits for its acknowledgement.
#[derive(Clone, Copy, Debug)]
struct Flight {
    delivery: PacketId,
    lock_until: Instant,
}

impl C2dQueue {
    /// How many messages are not settled.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Appends a message; gives its number.
    pub(crate) fn push(&mut self, bag: String, payload: Vec<u8>, expires: Instant) -> u64 {
        self.sequence_last += 1;
        let sequence = self.sequence_last;
        self.messages.push_back(QueuedMessage {
            sequence,
            bag,
            payload,
            deliveries: 0,
            expires,
        });
        sequence
    }

    /// Puts the oldest message in flight, unless one is already.
    pub(crate) fn lock_next(&mut self, lock_until: Instant) -> Option<(PacketId, &QueuedMessage)> {
        if self.flight.is_some() || self.messages.is_empty() {
            return None;
        }
        let delivery = self.next_delivery();
        let message = self.messages.front_mut()?;
        message.deliveries += 1;
        self.flight = Some(Flight {
            delivery,
            lock_until,
        });
        Some((delivery, message))
    }

    /// Takes the oldest message out for good, unless it is in flight.
    pub(crate) fn take_next(&mut self) -> Option<(PacketId, QueuedMessage)> {
        if self.flight.is_some() {
            return None;
        }
        let message = self.messages.pop_front()?;
        Some((self.next_delivery(), message))
    }

    /// Takes the message out that `delivery` names, if it is still in flight.
    pub(crate) fn complete(&mut self, delivery: PacketId) -> Option<QueuedMessage> {
        if self.flight?.delivery != delivery {
            return None;
        }
        self.flight = None;
        self.messages.pop_front()
    }

    /// Ends the flight: its message is first in the queue again, however often that happens. Only an
    /// abandon counts towards the most deliveries a message may have, and MQTT has none.
    pub(crate) fn release(&mut self) {
        self.flight = None;
    }

    /// Whether the lock of the message in flight has ended.
    pub(crate) fn is_lock_over(&self, now: Instant) -> bool {
        self.flight.is_some_and(|flight| flight.lock_until <= now)
    }

    /// Takes out what is past its time, in flight or not; gives the numbers.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<u64> {
        if self
            .messages
            .front()
            .is_some_and(|message| message.expires <= now)
        {
            self.flight = None;
        }
        let mut expired = Vec::new();
        self.messages.retain(|message| {
            let is_alive = message.expires > now;
            if !is_alive {
                expired.push(message.sequence);
            }
            is_alive
        });
        expired
    }

    /// Takes out everything but the message in flight; gives the numbers.
    pub(crate) fn purge(&mut self) -> Vec<u64> {
        let kept = usize::from(self.flight.is_some());
        self.messages
            .drain(kept..)
            .map(|message| message.sequence)
            .collect()
    }

    /// When [`Self::expire`] or [`Self::release`] is due next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let lock_until = self.flight.map(|flight| flight.lock_until);
        // A queue is short; senders set the times, so the first need not be the first to expire.
        self.messages
            .iter()
            .map(|message| message.expires)
            .chain(lock_until)
            .min()
    }

    /// As plain data. One in flight counts as waiting.
    pub(crate) fn export(&self, now: Now) -> QueueImage {
        let message = |message: &QueuedMessage| MessageImage {
            sequence: message.sequence,
            properties: message.bag.clone(),
            payload_base64: STANDARD.encode(&message.payload),
            deliveries: message.deliveries,
            expires: TimeImage(
                now.wall
                    .saturating_add(message.expires.saturating_since(now.mono)),
            ),
        };
        QueueImage {
            last_sequence: self.sequence_last,
            waiting: self.messages.iter().map(message).collect(),
        }
    }

    /// From plain data.
    pub(crate) fn import(now: Now, image: &QueueImage, limits: &Limits) -> Result<Self, HubError> {
        if image.waiting.len() > limits.c2d_queue_messages {
            return Err(HubError::QueueFull(limits.c2d_queue_messages));
        }
        let message = |message: &MessageImage| {
            let payload = STANDARD.decode(&message.payload_base64);
            let payload = payload.map_err(|_| {
                HubError::Argument(format!("message {}: no base64", message.sequence))
            })?;
            let bytes = payload.len() + message.properties.len();
            // Encoding can triple the properties that were within the bound when they were sent.
            if bytes > 3 * limits.c2d_bytes || message.properties.len() > u16::MAX.into() {
                return Err(HubError::TooLarge {
                    what: "the cloud-to-device message",
                    bytes,
                    max: limits.c2d_bytes,
                });
            }
            Ok(QueuedMessage {
                sequence: message.sequence,
                bag: message.properties.clone(),
                payload,
                deliveries: message.deliveries,
                expires: now.mono + message.expires.0.saturating_since(now.wall),
            })
        };
        let messages: VecDeque<_> = image
            .waiting
            .iter()
            .map(message)
            .collect::<Result<_, _>>()?;
        let newest = messages.iter().map(|message| message.sequence).max();
        Ok(Self {
            messages,
            sequence_last: image.last_sequence.max(newest.unwrap_or(0)),
            ..Self::default()
        })
    }

    fn next_delivery(&mut self) -> PacketId {
        // Some C# clients mask packet ids to 15 bits.
        self.delivery_last = self.delivery_last % DELIVERY_MAX + 1;
        PacketId::new(self.delivery_last).expect("one was added")
    }
}

const DELIVERY_MAX: u16 = 0x7FFF;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const T0: Instant = Instant::ZERO;

    fn after(seconds: u64) -> Instant {
        T0 + Duration::from_secs(seconds)
    }

    fn queue(expiries_s: &[u64]) -> C2dQueue {
        let mut queue = C2dQueue::default();
        for expiry_s in expiries_s {
            queue.push(String::new(), Vec::new(), after(*expiry_s));
        }
        queue
    }

    #[test]
    fn delivery_ids_stay_within_15_bits_and_are_never_zero() {
        let mut queue = queue(&[]);
        let ids: Vec<u16> = (0..0x7FFF + 2)
            .map(|_| queue.next_delivery().get())
            .collect();
        assert_eq!(ids[0], 1);
        assert_eq!(ids[0x7FFE..], [0x7FFF, 1, 2]);
    }

    #[test]
    fn one_message_is_in_flight_and_a_stale_acknowledgement_does_not_settle_it() {
        let mut queue = queue(&[100, 100]);
        let (first, message) = queue.lock_next(after(60)).unwrap();
        assert_eq!((message.sequence, message.deliveries), (1, 1));
        assert!(queue.lock_next(after(60)).is_none());
        queue.release();
        let (again, message) = queue.lock_next(after(120)).unwrap();
        assert_eq!((message.sequence, message.deliveries), (1, 2));
        assert!(queue.complete(first).is_none());
        assert_eq!(queue.complete(again).unwrap().sequence, 1);
        assert!(queue.complete(again).is_none());
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_message_that_expires_in_flight_frees_the_way_for_the_next() {
        let mut queue = queue(&[30, 100]);
        queue.lock_next(after(60)).unwrap();
        assert_eq!(queue.next_deadline(), Some(after(30)));
        assert_eq!(queue.expire(after(30)), [1]);
        assert_eq!(queue.lock_next(after(90)).unwrap().1.sequence, 2);
    }

    #[test]
    fn an_expiry_behind_the_front_leaves_the_flight_alone() {
        let mut queue = queue(&[100, 30]);
        let (delivery, _) = queue.lock_next(after(60)).unwrap();
        assert_eq!(queue.expire(after(30)), [2]);
        assert_eq!(queue.complete(delivery).unwrap().sequence, 1);
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn a_purge_spares_the_message_in_flight() {
        let mut queue = queue(&[100, 100, 100]);
        queue.lock_next(after(60)).unwrap();
        assert_eq!(queue.purge(), [2, 3]);
        assert_eq!(queue.len(), 1);
        queue.release();
        assert_eq!(queue.purge(), [1]);
    }
}
