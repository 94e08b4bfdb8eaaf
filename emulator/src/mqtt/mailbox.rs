//! What waits to be written to a device: encoded packets, bounded, in order.
//!
//! The hub appends from any thread, the connection's own task appends its acknowledgements, and
//! that task alone takes out and writes. One buffer for both keeps an answer behind what came
//! before it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;
use hub_core::link::{LinkAccepted, LinkClose};
use hub_core::output::ToDevice;
use hub_proto::ids::ClientIdentity;
use hub_proto::mqtt::encode::{encode, encode_publish};
use hub_proto::mqtt::packet::{ConnAck, ConnectCode, Delivery, Packet, QoS};
use hub_proto::topic::HubTopic;

use crate::hub::LinkOutlet;

/// The most that may wait for a device that does not read. One message alone is never too much: the
/// largest twin's text is longer than this.
pub(super) const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// Among the news: the hub has forgotten the link.
const CLOSED: u32 = 1 << 31;

/// What an answer takes as a rule.
const APPEND_BYTES: usize = 64;

/// The buffer and whoever is to be woken when something is put in.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    /// How many bytes wait, and [`CLOSED`]: written with the state locked, so that a look takes no lock. The
    /// connection's task looks several times for each packet.
    news: AtomicU32,
    writer: AtomicWaker,
    /// Whether the connection's timer went off.
    has_rung: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Set once: the hub has forgotten the link. What is in `bytes` may still be written.
    /// In a box, since most are open.
    closed: Option<Box<LinkClose>>,
}

/// What the connection's task finds in the mailbox.
#[derive(Debug, Default)]
pub(super) struct Mail {
    pub(super) bytes: Vec<u8>,
    pub(super) closed: Option<LinkClose>,
}

impl Mailbox {
    /// Appends a packet of the connection's own. An error ends the link.
    pub(super) fn push(&self, packet: &Packet<'_>) -> Result<(), LinkClose> {
        self.append(|bytes| encode(packet, bytes))
    }

    /// Likewise, some at once.
    pub(super) fn push_all<'a>(
        &self,
        packets: impl Iterator<Item = Packet<'a>>,
    ) -> Result<(), LinkClose> {
        self.append(|bytes| {
            for packet in packets {
                encode(&packet, bytes);
            }
        })
    }

    /// Takes everything out.
    pub(super) fn take(&self) -> Mail {
        if !self.has_news() {
            return Mail::default();
        }
        let mut state = self.state();
        let bytes = std::mem::take(&mut state.bytes);
        self.note(&state);
        Mail {
            bytes,
            closed: state.closed.as_deref().cloned(),
        }
    }

    /// Why the hub closed the link, if it did.
    pub(super) fn closed(&self) -> Option<LinkClose> {
        if self.news.load(Ordering::Acquire) & CLOSED == 0 {
            return None;
        }
        self.state().closed.as_deref().cloned()
    }

    /// How many bytes wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        (self.news.load(Ordering::Acquire) & !CLOSED) as usize
    }

    /// Whether there is anything to take.
    pub(super) fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire) != 0
    }

    /// Nobody is to be woken.
    pub(super) fn unregister(&self) {
        self.writer.take();
    }

    /// Who is woken when something is put in.
    pub(super) fn register(&self, waker: &Waker) {
        self.writer.register(waker);
    }

    /// Whether the connection's timer went off since this was asked.
    pub(super) fn take_ring(&self) -> bool {
        // A look is cheap, and nearly always all.
        self.has_rung.load(Ordering::Acquire) && self.has_rung.swap(false, Ordering::AcqRel)
    }

    fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), LinkClose> {
        let mut state = self.state();
        if state.closed.is_some() {
            // Nobody listens any more; what is sent now is as lost as on the wire.
            return Ok(());
        }
        let waited = state.bytes.len();
        if waited == 0 {
            // Acknowledgements are a few bytes each, and many: a buffer that grows with each would be
            // moved as often.
            state.bytes.reserve(APPEND_BYTES);
        }
        write(&mut state.bytes);
        let waiting = state.bytes.len();
        self.note(&state);
        drop(state);
        if waited > 0 && waiting > WAITING_BYTES_MAX {
            return Err(LinkClose::SlowReader(waiting));
        }
        self.writer.wake();
        Ok(())
    }

    /// Keeps the news true; before the state is unlocked.
    fn note(&self, state: &State) {
        // That much never waits; whoever asks compares with far less.
        let waiting = u32::try_from(state.bytes.len()).unwrap_or(u32::MAX);
        let closed = if state.closed.is_some() { CLOSED } else { 0 };
        self.news
            .store(waiting.min(!CLOSED) | closed, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("encoding does not panic")
    }
}

/// As the bell of the connection's timer.
impl Wake for Mailbox {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Noted first: the task may be at work, and looks when it has said whom to wake.
        self.has_rung.store(true, Ordering::Release);
        self.writer.wake();
    }
}

impl LinkOutlet for Mailbox {
    fn accepted(&self, accepted: LinkAccepted) {
        let session_present = accepted.session_present;
        let packet = Packet::ConnAck(ConnAck {
            session_present,
            code: ConnectCode::Accepted,
        });
        self.push(&packet)
            .expect("the mailbox of a new link is empty");
    }

    fn deliver(&self, client: &ClientIdentity, message: ToDevice) -> Result<(), LinkClose> {
        self.append(|bytes| encode_message(client, &message, bytes))
    }

    fn close(&self, reason: LinkClose) {
        let mut state = self.state();
        state.closed.get_or_insert(Box::new(reason));
        self.note(&state);
        drop(state);
        self.writer.wake();
    }
}

fn encode_message(client: &ClientIdentity, message: &ToDevice, out: &mut Vec<u8>) {
    match message {
        ToDevice::TwinResponse {
            status,
            rid,
            version,
            body,
        } => {
            let topic = HubTopic::TwinResponse {
                status: *status,
                rid,
                version: *version,
            };
            encode_publish(
                out,
                Delivery::AtMostOnce,
                false,
                |out| topic.write(out),
                body,
            );
        }
        ToDevice::DesiredChange { version, body } => {
            let topic = HubTopic::DesiredChange { version: *version };
            encode_publish(
                out,
                Delivery::AtMostOnce,
                false,
                |out| topic.write(out),
                body,
            );
        }
        ToDevice::MethodRequest { name, rid, payload } => {
            let rid = rid.to_string();
            let topic = HubTopic::MethodRequest {
                name: name.as_str(),
                rid: &rid,
            };
            encode_publish(
                out,
                Delivery::AtMostOnce,
                false,
                |out| topic.write(out),
                payload,
            );
        }
        ToDevice::CloudToDevice {
            delivery,
            qos,
            dup,
            bag,
            payload,
        } => {
            let topic = HubTopic::CloudToDevice {
                device_id: client.device_id().as_str(),
                bag,
            };
            let (delivery, dup) = match qos {
                // [MQTT-3.3.1-2] A QoS 0 message never carries DUP.
                QoS::AtMostOnce => (Delivery::AtMostOnce, false),
                QoS::AtLeastOnce => (Delivery::AtLeastOnce(*delivery), *dup),
            };
            encode_publish(out, delivery, dup, |out| topic.write(out), payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use hub_proto::ids::DeviceId;

    use super::*;

    fn twin(bytes: usize) -> ToDevice {
        ToDevice::TwinResponse {
            status: 200,
            rid: "1".into(),
            version: None,
            body: vec![b'x'; bytes],
        }
    }

    /// A section of 32 KB may be eleven thousand empty objects; with the metadata of each, the twin is
    /// more text than may wait, and a device that asked for it was cut off as a slow reader.
    #[test]
    fn one_message_alone_is_never_too_much_and_the_next_is() {
        let device = ClientIdentity::Device(DeviceId::parse("d").unwrap());
        let mailbox = Mailbox::default();
        assert_eq!(
            mailbox.deliver(&device, twin(2 * WAITING_BYTES_MAX)),
            Ok(())
        );
        let refused = mailbox.deliver(&device, twin(1));
        assert!(
            matches!(refused, Err(LinkClose::SlowReader(_))),
            "{refused:?}"
        );
        assert_eq!(mailbox.waiting_bytes(), mailbox.state().bytes.len());
        assert!(mailbox.take().bytes.len() > 2 * WAITING_BYTES_MAX);
        assert!(!mailbox.has_news());
        assert_eq!(mailbox.deliver(&device, twin(1)), Ok(()));
    }

    #[test]
    fn what_waits_when_the_hub_closes_the_link_is_still_taken_and_nothing_after_it() {
        let mailbox = Mailbox::default();
        mailbox.push(&Packet::PingResp).unwrap();
        assert_eq!((mailbox.waiting_bytes(), mailbox.closed()), (2, None));
        mailbox.close(LinkClose::Deleted);
        mailbox.close(LinkClose::Shutdown);
        mailbox.push(&Packet::PingResp).unwrap();
        assert_eq!(mailbox.waiting_bytes(), 2);
        assert_eq!(mailbox.closed(), Some(LinkClose::Deleted));
        let mail = mailbox.take();
        assert_eq!(
            (mail.bytes.len(), mail.closed),
            (2, Some(LinkClose::Deleted))
        );
        assert!(mailbox.has_news(), "that it is closed");
    }
}
