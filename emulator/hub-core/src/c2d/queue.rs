//! The queue of one device: bounded by its caller, oldest first, each message locked while it is out.
//!
//! Knows when a message is due, locked or given up; the shard knows the device, and says so.

use std::collections::VecDeque;

use hub_proto::mqtt::packet::PacketId;
use hub_proto::property_bag::PropertyBag;
use hub_proto::time::{Instant, Timestamp};

use super::message::{
    Acknowledgement, EndedCounts, LockToken, QueueView, QueuedView, ReceivedMessage, Settlement,
};
use crate::error::HubError;
use crate::event::C2dOutcome;

/// The queue of a client. Most never have a message: it takes no memory before the first.
#[derive(Debug, Default)]
pub(crate) struct ClientQueue(Option<Box<C2dQueue>>);

/// The messages of one device that are not settled yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct C2dQueue {
    /// A message that is out is locked in its place: one that comes back need not be moved.
    pub(super) messages: VecDeque<QueuedMessage>,
    pub(super) ended: Option<Box<EndedCounts>>,
    pub(super) sequence_last: u64,
    pub(super) delivery_last: u16,
    /// When the shard will look at the queue, if it will.
    pub(crate) timer: Option<Instant>,
}

/// A message in the queue, as it will go on the wire.
#[derive(Debug)]
pub(crate) struct QueuedMessage {
    /// Counted from 1 for ever, per device.
    pub(crate) sequence: u64,
    pub(crate) message: NewMessage,
    /// How often it was handed to the device.
    pub(crate) deliveries: u32,
    /// How often the device gave it back.
    pub(super) abandoned: u32,
    pub(super) lock: Option<Lock>,
}

/// A message on its way into the queue.
#[derive(Debug)]
pub(crate) struct NewMessage {
    /// The encoded property bag.
    pub(crate) bag: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) enqueued: Timestamp,
    pub(crate) expires: Instant,
}

/// Who has a message, and until when he may settle it.
#[derive(Debug)]
pub(super) struct Lock {
    holder: Holder,
    until: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Holder {
    /// The device's link, as this delivery. One at a time.
    Link(PacketId),
    /// A request over HTTP.
    Request(LockToken),
}

impl ClientQueue {
    pub(super) fn new(queue: C2dQueue) -> Self {
        Self(Some(Box::new(queue)))
    }

    /// How many messages are not settled.
    pub(crate) fn len(&self) -> usize {
        self.get().map_or(0, C2dQueue::len)
    }

    /// The queue, if there ever was a message.
    pub(crate) fn get(&self) -> Option<&C2dQueue> {
        self.0.as_deref()
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self) -> Option<&mut C2dQueue> {
        self.0.as_deref_mut()
    }

    /// The queue, for a first message.
    pub(crate) fn make(&mut self) -> &mut C2dQueue {
        self.0.get_or_insert_default()
    }

    /// The queue as the service sees it.
    pub(crate) fn view(&self) -> QueueView {
        self.get().map(C2dQueue::view).unwrap_or_default()
    }
}

impl C2dQueue {
    /// How many messages are not settled.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Appends a message; gives its number.
    pub(crate) fn push(&mut self, message: NewMessage) -> u64 {
        self.sequence_last += 1;
        let sequence = self.sequence_last;
        self.messages.push_back(QueuedMessage {
            sequence,
            message,
            deliveries: 0,
            abandoned: 0,
            lock: None,
        });
        sequence
    }

    /// Hands the oldest message that is free to the link, unless the link has one already.
    pub(crate) fn lock_next(&mut self, until: Instant) -> Option<(PacketId, &QueuedMessage)> {
        if self.is_link_busy() {
            return None;
        }
        let free = self.first_free()?;
        let delivery = self.next_delivery();
        let message = self.messages.get_mut(free)?;
        message.lock(Holder::Link(delivery), until);
        Some((delivery, message))
    }

    /// Hands the oldest message that is free to a request.
    pub(crate) fn lock_for_request(
        &mut self,
        token: LockToken,
        until: Instant,
    ) -> Option<ReceivedMessage> {
        let free = self.first_free()?;
        let message = self.messages.get_mut(free)?;
        message.lock(Holder::Request(token), until);
        Some(ReceivedMessage {
            sequence: message.sequence,
            properties: PropertyBag::parse(&message.message.bag),
            payload: message.message.payload.clone(),
            enqueued: message.message.enqueued,
            deliveries: message.deliveries,
            abandoned: message.abandoned,
        })
    }

    /// Takes the oldest message that is free out for good, unless the link has one.
    pub(crate) fn take_next(&mut self) -> Option<(PacketId, QueuedMessage)> {
        if self.is_link_busy() {
            return None;
        }
        let free = self.first_free()?;
        let message = self.messages.remove(free)?;
        Some((self.next_delivery(), message))
    }

    /// Takes the message out that `delivery` names, if the link still has it.
    pub(crate) fn complete(&mut self, delivery: PacketId) -> Option<QueuedMessage> {
        let holder = Holder::Link(delivery);
        let place = self.messages.iter().position(|one| one.is_held(&holder))?;
        self.messages.remove(place)
    }

    /// Ends the hand-over that `token` names. `None`: the message waits again. An error: there is no
    /// such hand-over, or its lock is over.
    pub(crate) fn settle(
        &mut self,
        token: &str,
        settlement: Settlement,
        abandons_max: u32,
    ) -> Result<Option<(QueuedMessage, C2dOutcome)>, HubError> {
        let holder = Holder::Request(token.into());
        let place = self.messages.iter().position(|one| one.is_held(&holder));
        let place = place.ok_or(HubError::MessageLockLost)?;
        let outcome = match settlement {
            Settlement::Complete => C2dOutcome::Completed,
            Settlement::Reject => C2dOutcome::Rejected,
            Settlement::Abandon => {
                let message = &mut self.messages[place];
                message.abandoned += 1;
                if message.abandoned < abandons_max {
                    message.lock = None;
                    return Ok(None);
                }
                C2dOutcome::DeliveryCountExceeded
            }
        };
        let message = self.messages.remove(place);
        Ok(message.map(|message| (message, outcome)))
    }

    /// The link's message is free again, however often that happens. Only an abandon counts towards
    /// the most deliveries a message may have, and MQTT has none.
    pub(crate) fn release(&mut self) {
        for message in &mut self.messages {
            if message.is_with_link() {
                message.lock = None;
            }
        }
    }

    /// Frees what was locked until now.
    pub(crate) fn end_locks(&mut self, now: Instant) {
        for message in &mut self.messages {
            if message.lock.as_ref().is_some_and(|lock| lock.until <= now) {
                message.lock = None;
            }
        }
    }

    /// Takes out what is past its time, locked or not.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<QueuedMessage> {
        self.take_all(|message| message.message.expires <= now)
    }

    /// Takes out everything that is free.
    pub(crate) fn purge(&mut self) -> Vec<QueuedMessage> {
        self.take_all(|message| message.lock.is_none())
    }

    /// When [`Self::expire`] or [`Self::end_locks`] is due next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        // A queue is short; senders set the times, so the first need not be the first to expire.
        self.messages
            .iter()
            .flat_map(|message| {
                let lock = message.lock.as_ref().map(|lock| lock.until);
                std::iter::once(message.message.expires).chain(lock)
            })
            .min()
    }

    /// Counts a message that ended.
    pub(crate) fn count(&mut self, outcome: C2dOutcome) {
        self.ended.get_or_insert_default().count(outcome);
    }

    pub(crate) fn view(&self) -> QueueView {
        let messages = self.messages.iter().map(|message| QueuedView {
            sequence: message.sequence,
            message_id: message.message_id(),
            is_locked: message.lock.is_some(),
            deliveries: message.deliveries,
            abandoned: message.abandoned,
            enqueued: message.message.enqueued,
            bytes: message.message.payload.len(),
        });
        QueueView {
            messages: messages.collect(),
            ended: self.ended.as_deref().copied().unwrap_or_default(),
        }
    }

    fn first_free(&self) -> Option<usize> {
        self.messages.iter().position(|one| one.lock.is_none())
    }

    fn is_link_busy(&self) -> bool {
        self.messages.iter().any(QueuedMessage::is_with_link)
    }

    fn take_all(&mut self, is_wanted: impl Fn(&QueuedMessage) -> bool) -> Vec<QueuedMessage> {
        if !self.messages.iter().any(&is_wanted) {
            return Vec::new();
        }
        let (taken, kept) = std::mem::take(&mut self.messages)
            .into_iter()
            .partition::<Vec<_>, _>(is_wanted);
        self.messages = kept.into();
        taken
    }

    fn next_delivery(&mut self) -> PacketId {
        // Some C# clients mask packet ids to 15 bits.
        self.delivery_last = self.delivery_last % DELIVERY_MAX + 1;
        PacketId::new(self.delivery_last).expect("one was added")
    }
}

impl QueuedMessage {
    /// What its sender calls it, or nothing.
    pub(crate) fn message_id(&self) -> String {
        self.system_property("$.mid").unwrap_or_default()
    }

    /// What its sender wants to hear of it.
    pub(crate) fn acknowledgement(&self) -> Acknowledgement {
        self.system_property("iothub-ack")
            .and_then(|text| Acknowledgement::parse(&text))
            .unwrap_or_default()
    }

    /// Few ask, and once in a message's life: it is read where it stands.
    fn system_property(&self, key: &str) -> Option<String> {
        PropertyBag::find(&self.message.bag, key)
    }

    fn lock(&mut self, holder: Holder, until: Instant) {
        self.deliveries += 1;
        self.lock = Some(Lock { holder, until });
    }

    fn is_held(&self, by: &Holder) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.holder == *by)
    }

    fn is_with_link(&self) -> bool {
        let holder = self.lock.as_ref().map(|lock| &lock.holder);
        matches!(holder, Some(Holder::Link(_)))
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

    fn sequences(messages: &[QueuedMessage]) -> Vec<u64> {
        messages.iter().map(|message| message.sequence).collect()
    }

    fn queue(expiries_s: &[u64]) -> C2dQueue {
        let mut queue = C2dQueue::default();
        for expiry_s in expiries_s {
            queue.push(NewMessage {
                bag: String::new(),
                payload: Vec::new(),
                enqueued: Timestamp::NEVER,
                expires: after(*expiry_s),
            });
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
        assert_eq!(sequences(&queue.expire(after(30))), [1]);
        assert_eq!(queue.lock_next(after(90)).unwrap().1.sequence, 2);
    }

    #[test]
    fn an_expiry_behind_the_front_leaves_the_flight_alone() {
        let mut queue = queue(&[100, 30]);
        let (delivery, _) = queue.lock_next(after(60)).unwrap();
        assert_eq!(sequences(&queue.expire(after(30))), [2]);
        assert_eq!(queue.complete(delivery).unwrap().sequence, 1);
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn a_purge_spares_the_message_in_flight() {
        let mut queue = queue(&[100, 100, 100]);
        queue.lock_next(after(60)).unwrap();
        assert_eq!(sequences(&queue.purge()), [2, 3]);
        assert_eq!(queue.len(), 1);
        queue.release();
        assert_eq!(sequences(&queue.purge()), [1]);
    }

    #[test]
    fn several_requests_hold_several_messages_and_the_link_gets_what_is_left() {
        // C2D-7
        let mut queue = queue(&[100, 100, 100]);
        let first = queue.lock_for_request("a".into(), after(60)).unwrap();
        let second = queue.lock_for_request("b".into(), after(61)).unwrap();
        assert_eq!((first.sequence, second.sequence), (1, 2));
        assert_eq!(queue.lock_next(after(90)).unwrap().1.sequence, 3);
        assert!(queue.lock_for_request("c".into(), after(60)).is_none());
        assert!(queue.purge().is_empty(), "what is out is the device's");
        assert_eq!(queue.next_deadline(), Some(after(60)));
        queue.end_locks(after(60));
        assert!(queue.settle("a", Settlement::Complete, 10).is_err());
        let (settled, outcome) = queue.settle("b", Settlement::Reject, 10).unwrap().unwrap();
        assert_eq!((settled.sequence, outcome), (2, C2dOutcome::Rejected));
        assert!(queue.settle("b", Settlement::Complete, 10).is_err());
    }

    #[test]
    fn an_abandoned_message_keeps_its_place_and_counts_until_it_is_given_up() {
        // C2D-7
        let mut queue = queue(&[100, 100]);
        for abandoned in 0..2 {
            let received = queue.lock_for_request("t".into(), after(60)).unwrap();
            assert_eq!((received.sequence, received.abandoned), (1, abandoned));
            let settled = queue.settle("t", Settlement::Abandon, 3).unwrap();
            assert!(settled.is_none());
        }
        // A lock that ends, and a link that goes away, do not count.
        queue.lock_for_request("t".into(), after(60)).unwrap();
        queue.end_locks(after(60));
        queue.lock_next(after(60)).unwrap();
        queue.release();
        queue.lock_for_request("t".into(), after(60)).unwrap();
        let (message, outcome) = queue.settle("t", Settlement::Abandon, 3).unwrap().unwrap();
        assert_eq!(
            (message.sequence, message.deliveries, outcome),
            (1, 5, C2dOutcome::DeliveryCountExceeded)
        );
        assert_eq!(queue.view().messages[0].sequence, 2);
    }
}
