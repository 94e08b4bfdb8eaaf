//! Cloud-to-device messages: queue, delivery, acknowledgement, expiry.

use std::time::Duration;

use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::mqtt::packet::{PacketId, QoS};
use hub_proto::property_bag::PropertyBag;
use hub_proto::time::{Instant, Now, Timestamp};

use super::state::{Client, Common, Shard};
use super::time::Timer;
use crate::c2d::{
    Acknowledgement, C2dMessage, C2dQueue, ClientQueue, LockToken, NewMessage, QueueView,
    QueuedMessage, ReceivedMessage, Settlement,
};
use crate::error::HubError;
use crate::event::{C2dOutcome, EventKind};
use crate::feedback::FeedbackRecord;
use crate::limits::Limits;
use crate::link::LinkId;
use crate::output::ToDevice;

impl Shard {
    /// Queues a message for a device, whether it is connected, or enabled, or not; gives its number.
    pub fn send_to_device(
        &mut self,
        now: Now,
        device: &DeviceId,
        message: C2dMessage,
    ) -> Result<u64, HubError> {
        let id = &ClientIdentity::Device(device.clone());
        let (client, common) = self.reach(id)?;
        let limits = &common.limits;
        let (bytes, max) = (
            message
                .payload
                .len()
                .saturating_add(message.properties.size_bytes()),
            limits.c2d_bytes,
        );
        if bytes > max {
            return Err(HubError::TooLarge {
                what: "the cloud-to-device message",
                bytes,
                max,
            });
        }
        let acknowledgement = acknowledgement(&message.properties)?;
        let expires = expiry(now, message.expires, limits)?;
        if client.messages.len() >= limits.c2d_queue_messages {
            return Err(HubError::QueueFull(limits.c2d_queue_messages));
        }
        let bag = device_bound(device, message.properties, message.expires, acknowledgement);
        // Percent-encoding can triple the properties, and a topic has a bound of its own.
        let topic_bytes = bag.len() + DEVICE_BOUND_PREFIX_BYTES_MAX;
        if topic_bytes > TOPIC_BYTES_MAX {
            return Err(HubError::TooLarge {
                what: "the topic with the message's encoded properties",
                bytes: topic_bytes,
                max: TOPIC_BYTES_MAX,
            });
        }
        let sequence = client.messages.make().push(NewMessage {
            bag,
            payload: message.payload,
            enqueued: now.wall,
            expires,
        });
        common.event(now, id, EventKind::C2dEnqueued { sequence });
        client.deliver_messages(now, common);
        Ok(sequence)
    }

    /// Empties a device's queue; says how many messages went. One that is locked is the device's to
    /// settle, and stays.
    pub fn purge_messages(&mut self, now: Now, device: &DeviceId) -> Result<usize, HubError> {
        let id = &ClientIdentity::Device(device.clone());
        let (client, common) = self.reach(id)?;
        let queue = client.messages.get_mut();
        let purged = queue.map(C2dQueue::purge).unwrap_or_default();
        for message in &purged {
            client.settled(now, common, message, C2dOutcome::Purged);
        }
        client.set_messages_timer(common);
        Ok(purged.len())
    }

    /// A device asks for a message over HTTP; `None`: there is none that is free. It is locked under
    /// `token`, for `lock` or the hub's default.
    pub fn receive_message(
        &mut self,
        now: Now,
        device: &DeviceId,
        token: LockToken,
        lock: Option<Duration>,
    ) -> Result<Option<ReceivedMessage>, HubError> {
        let (client, common) = self.reach(&ClientIdentity::Device(device.clone()))?;
        client.expire_messages(now, common);
        let until = now.mono + lock.unwrap_or(common.limits.c2d_lock);
        let queue = client.messages.get_mut();
        let received = queue.and_then(|queue| queue.lock_for_request(token, until));
        if let Some(message) = &received {
            let (sequence, deliveries) = (message.sequence, message.deliveries);
            let fact = EventKind::C2dDelivered {
                sequence,
                deliveries,
            };
            common.event(now, &client.id, fact);
        }
        client.set_messages_timer(common);
        Ok(received)
    }

    /// A device settles what [`Self::receive_message`] gave it.
    pub fn settle_message(
        &mut self,
        now: Now,
        device: &DeviceId,
        token: &str,
        settlement: Settlement,
    ) -> Result<(), HubError> {
        let (client, common) = self.reach(&ClientIdentity::Device(device.clone()))?;
        client.expire_messages(now, common);
        let queue = client.messages.get_mut().ok_or(HubError::MessageLockLost)?;
        queue.end_locks(now.mono);
        let settled = queue.settle(token, settlement, common.limits.c2d_deliveries);
        if let Ok(Some((message, outcome))) = &settled {
            client.settled(now, common, message, *outcome);
        }
        client.deliver_messages(now, common);
        settled.map(drop)
    }

    /// A device's queue, and what became of its messages.
    pub fn message_queue(&self, device: &DeviceId) -> Result<QueueView, HubError> {
        let client = self.look_up(&ClientIdentity::Device(device.clone()))?;
        Ok(client.messages.view())
    }

    /// A device acknowledged the delivery of a cloud-to-device message.
    pub fn acknowledge(&mut self, now: Now, id: &ClientIdentity, link: LinkId, delivery: PacketId) {
        let Some((client, common)) = self.reach_linked(id, link) else {
            return;
        };
        client.last_activity = now.wall;
        let queue = client.messages.get_mut();
        if let Some(message) = queue.and_then(|queue| queue.complete(delivery)) {
            client.settled(now, common, &message, C2dOutcome::Completed);
            client.deliver_messages(now, common);
        }
    }
}

impl Client {
    /// Sends what may be sent now.
    pub(super) fn deliver_messages(&mut self, now: Now, common: &mut Common) {
        // Expiry is looked at before sending, however late the deadline is handled.
        self.expire_messages(now, common);
        if let Some(online) = self.link.online()
            && let Some(qos) = online.subscriptions.cloud_to_device
        {
            let link = online.id;
            match qos {
                QoS::AtLeastOnce => self.deliver_one(now, common, link),
                QoS::AtMostOnce => self.deliver_all(now, common, link),
            }
        }
        self.set_messages_timer(common);
    }

    /// One message is in flight at a time; the next goes after its acknowledgement.
    fn deliver_one(&mut self, now: Now, common: &mut Common, link: LinkId) {
        let lock_until = now.mono + common.limits.c2d_lock;
        let queue = self.messages.get_mut();
        let Some((delivery, message)) = queue.and_then(|queue| queue.lock_next(lock_until)) else {
            return;
        };
        let (sequence, deliveries) = (message.sequence, message.deliveries);
        let message = ToDevice::CloudToDevice {
            delivery,
            qos: QoS::AtLeastOnce,
            dup: deliveries > 1,
            bag: message.message.bag.clone(),
            payload: message.message.payload.clone(),
        };
        self.last_activity = now.wall;
        common.event(
            now,
            &self.id,
            EventKind::C2dDelivered {
                sequence,
                deliveries,
            },
        );
        common.send(link, message);
    }

    /// At most once: a message is complete when it is sent, and one that was delivered before (at
    /// `QoS` 1, in vain) is complete without being sent again.
    fn deliver_all(&mut self, now: Now, common: &mut Common, link: LinkId) {
        let next = |queue: &mut ClientQueue| queue.get_mut()?.take_next();
        while let Some((delivery, message)) = next(&mut self.messages) {
            let sequence = message.sequence;
            if message.deliveries == 0 {
                self.last_activity = now.wall;
                common.event(
                    now,
                    &self.id,
                    EventKind::C2dDelivered {
                        sequence,
                        deliveries: 1,
                    },
                );
                let sent = ToDevice::CloudToDevice {
                    delivery,
                    qos: QoS::AtMostOnce,
                    dup: false,
                    bag: message.message.bag.clone(),
                    payload: message.message.payload.clone(),
                };
                common.send(link, sent);
            }
            self.settled(now, common, &message, C2dOutcome::Completed);
        }
    }

    /// The message in flight, if any, will not be acknowledged: its lock ended, or its link.
    pub(super) fn take_back_message(&mut self, common: &mut Common) {
        if let Some(queue) = self.messages.get_mut() {
            queue.release();
            self.set_messages_timer(common);
        }
    }

    /// A message of this device has expired, or the lock of the one in flight has ended.
    pub(super) fn messages_due(&mut self, now: Now, common: &mut Common) {
        if let Some(queue) = self.messages.get_mut() {
            queue.timer = None;
            queue.end_locks(now.mono);
        }
        self.deliver_messages(now, common);
    }

    /// The device is deleted: nothing falls due any more.
    pub(super) fn forget_messages(&mut self, common: &mut Common) {
        let queue = std::mem::take(&mut self.messages);
        if let Some(at) = queue.get().and_then(|queue| queue.timer) {
            common.timers.cancel(at, Timer::Messages(self.id.clone()));
        }
    }

    pub(super) fn set_messages_timer(&mut self, common: &mut Common) {
        let Some(queue) = self.messages.get_mut() else {
            return;
        };
        let due = queue.next_deadline();
        if due == queue.timer {
            return;
        }
        if let Some(at) = std::mem::replace(&mut queue.timer, due) {
            common.timers.cancel(at, Timer::Messages(self.id.clone()));
        }
        if let Some(at) = due {
            common.set_timer(at, Timer::Messages(self.id.clone()));
        }
    }
}

impl Client {
    fn expire_messages(&mut self, now: Now, common: &mut Common) {
        let Some(queue) = self.messages.get_mut() else {
            return;
        };
        for message in queue.expire(now.mono) {
            self.settled(now, common, &message, C2dOutcome::Expired);
        }
    }

    /// A message has left the queue: it is counted, told of, and its sender hears of it if he asked.
    fn settled(
        &mut self,
        now: Now,
        common: &mut Common,
        message: &QueuedMessage,
        outcome: C2dOutcome,
    ) {
        let sequence = message.sequence;
        self.messages.make().count(outcome);
        common.event(now, &self.id, EventKind::C2dSettled { sequence, outcome });
        if message.acknowledgement().wants(outcome) {
            common.feedback(FeedbackRecord {
                message_id: message.message_id(),
                device: self.id.device_id().clone(),
                generation_id: self.registered.generation.generation_id(),
                outcome,
                at: now.wall,
            });
        }
    }
}

/// What the sender asked to be told. SDKs compare the value with the names they know.
fn acknowledgement(properties: &PropertyBag) -> Result<Option<Acknowledgement>, HubError> {
    let mut system = properties.system.iter();
    let Some((_, text)) = system.find(|(key, value)| key == "iothub-ack" && !value.is_empty())
    else {
        return Ok(None);
    };
    Acknowledgement::parse(text).map(Some).ok_or_else(|| {
        let text = format!("iothub-ack is none, positive, negative or full, not {text:?}");
        HubError::Argument(text)
    })
}

/// When a message is given up. A wall-clock time becomes an instant here, once.
fn expiry(now: Now, expires: Option<Timestamp>, limits: &Limits) -> Result<Instant, HubError> {
    let time_to_live = match expires {
        None => limits.c2d_time_to_live,
        Some(expires) => expires.saturating_since(now.wall),
    };
    if time_to_live.is_zero() || time_to_live > limits.c2d_time_to_live_max {
        return Err(HubError::MessageExpiry(limits.c2d_time_to_live_max));
    }
    Ok(now.mono + time_to_live)
}

/// The property bag as the device is to see it.
fn device_bound(
    id: &DeviceId,
    mut sent: PropertyBag,
    expires: Option<Timestamp>,
    acknowledgement: Option<Acknowledgement>,
) -> String {
    // C# reads `$.exp` in the round-trip format only, and `iothub-ack` as a name of its own, so both
    // are printed here and never passed on.
    sent.system
        .retain(|(key, _)| key != "$.exp" && key != "iothub-ack");
    let expires = expires.map(|expires| ("$.exp".to_owned(), expires.to_string()));
    let acknowledgement =
        acknowledgement.map(|wanted| ("iothub-ack".to_owned(), wanted.name().to_owned()));
    sent.system
        .extend(expires.into_iter().chain(acknowledgement));
    sent.to_devicebound(&format!("/devices/{id}/messages/deviceBound"))
}

/// The longest MQTT topic. (MQTT 3.1.1, 1.5.3)
const TOPIC_BYTES_MAX: usize = 65_535;
/// `devices/{id}/messages/devicebound/` with the longest id.
const DEVICE_BOUND_PREFIX_BYTES_MAX: usize = 8 + 128 + 22;
