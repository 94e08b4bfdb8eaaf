//! Random operations on the shard and on a naive reference of it must agree: on every answer, on
//! everything that is sent, on how every message ends, and on when the next deadline is.

use hub_core::c2d::C2dMessage;
use hub_core::link::{LinkClose, LinkId, LinkUp};
use hub_core::method::{InvokeMethod, Rid};
use hub_core::output::ToDevice;
use hub_core::registry::{DeviceIdentity, DeviceSpec, IfMatch, Status};
use hub_core::{Event, EventKind, HubError, Limits, MethodResponse, Output, ReportedPatch, Shard};
use hub_proto::error_code::ErrorCode;
use hub_proto::mqtt::packet::{PacketId, QoS};
use hub_proto::topic::Subscription;
use proptest::prelude::*;

use crate::reference::{CALLS_OPEN, Heard, LOCK_S, QUEUE, Reference, TIME_TO_LIVE_S};
use crate::support::*;

type Name = &'static str;

const NAMES: [Name; 2] = ["a", "b"];

/// Everything that can be done to a shard, as far as the reference understands it.
#[derive(Clone, Debug)]
enum Op {
    Create(Name),
    Update(Name, Status, Etag),
    Delete(Name, Etag),
    Connect {
        name: Name,
        clean: bool,
    },
    Disconnect(Name, Sender),
    Subscribe(Name, Sender, Heard),
    Unsubscribe(Name, Sender, Heard),
    Invoke {
        name: Name,
        connect_s: u32,
    },
    /// Answers the call made that many calls ago.
    Answer {
        name: Name,
        sender: Sender,
        ago: u64,
    },
    Report(Name, Sender, Base),
    Send(Name),
    /// Acknowledges what is in flight, or the delivery before.
    Acknowledge {
        name: Name,
        sender: Sender,
        is_current: bool,
    },
    Purge(Name),
    Advance {
        seconds: u32,
    },
}

#[derive(Clone, Copy, Debug)]
enum Etag {
    Absent,
    Any,
    Current,
    Stale,
}

/// Which link an event is said to come from.
#[derive(Clone, Copy, Debug)]
enum Sender {
    Current,
    Older,
}

#[derive(Clone, Copy, Debug)]
enum Base {
    Unsaid,
    Current,
    Stale,
}

fn op() -> impl Strategy<Value = Op> {
    let name = || prop::sample::select(&NAMES[..]);
    let status = prop::sample::select(&[Status::Enabled, Status::Enabled, Status::Disabled][..]);
    let etag = || prop::sample::select(&[Etag::Absent, Etag::Any, Etag::Current, Etag::Stale][..]);
    let sender = || prop_oneof![9 => Just(Sender::Current), 1 => Just(Sender::Older)];
    let heard =
        || prop::sample::select(&[Heard::Methods, Heard::TwinResponses, Heard::Messages][..]);
    let base = prop::sample::select(&[Base::Unsaid, Base::Current, Base::Stale][..]);
    let connect_s = prop::sample::select(&[0, 10, 30][..]);
    prop_oneof![
        3 => name().prop_map(Op::Create),
        2 => (name(), status, etag()).prop_map(|(n, s, e)| Op::Update(n, s, e)),
        1 => (name(), etag()).prop_map(|(n, e)| Op::Delete(n, e)),
        6 => (name(), any::<bool>()).prop_map(|(name, clean)| Op::Connect { name, clean }),
        3 => (name(), sender()).prop_map(|(n, s)| Op::Disconnect(n, s)),
        8 => (name(), sender(), heard()).prop_map(|(n, s, h)| Op::Subscribe(n, s, h)),
        1 => (name(), sender(), heard()).prop_map(|(n, s, h)| Op::Unsubscribe(n, s, h)),
        8 => (name(), connect_s).prop_map(|(name, connect_s)| Op::Invoke { name, connect_s }),
        6 => (name(), sender(), 0_u64..4)
            .prop_map(|(name, sender, ago)| Op::Answer { name, sender, ago }),
        3 => (name(), sender(), base).prop_map(|(n, s, b)| Op::Report(n, s, b)),
        8 => name().prop_map(Op::Send),
        5 => (name(), sender(), prop::bool::weighted(0.8)).prop_map(
            |(name, sender, is_current)| Op::Acknowledge { name, sender, is_current }
        ),
        1 => name().prop_map(Op::Purge),
        8 => (1_u32..90).prop_map(|seconds| Op::Advance { seconds }),
    ]
}

/// The shard and the reference, side by side.
struct Pair {
    shard: Shard,
    reference: Reference,
    links: u64,
}

impl Pair {
    fn new() -> Self {
        let limits = Limits {
            method_calls_open: CALLS_OPEN,
            c2d_queue_messages: QUEUE,
            c2d_lock: std::time::Duration::from_secs(LOCK_S.into()),
            c2d_time_to_live: std::time::Duration::from_secs(TIME_TO_LIVE_S.into()),
            ..Limits::default()
        };
        Self {
            shard: Shard::new(limits),
            reference: Reference::default(),
            links: 0,
        }
    }

    fn apply(&mut self, op: &Op) {
        let now = at(self.reference.now);
        match *op {
            Op::Create(name) => {
                let result = self.shard.create_device(now, spec(name));
                assert_eq!(code(&result), self.reference.create(name));
            }
            Op::Update(name, status, etag) => self.update(name, status, etag),
            Op::Delete(name, etag) => self.delete(name, etag),
            Op::Connect { name, clean } => {
                self.links += 1;
                let link = LinkId(self.links);
                let up = LinkUp {
                    client: client(name),
                    clean_session: clean,
                    ..link_up(link)
                };
                let result = self.shard.link_up(now, up);
                assert_eq!(result, self.reference.connect(name, link, clean));
            }
            Op::Invoke { name, connect_s } => {
                let asked = invoke("reboot", connect_s.into());
                let asked = InvokeMethod {
                    client: client(name),
                    ..asked
                };
                let result = self.shard.invoke_method(now, asked);
                let result = result.map(|call| call.0).map_err(|error| error.code());
                assert_eq!(result, self.reference.invoke(name, connect_s));
            }
            Op::Send(name) => {
                let sent = C2dMessage { ..message("m") };
                let result = self.shard.send_to_device(now, &id(name), sent);
                assert_eq!(code(&result), self.reference.send(name));
            }
            Op::Purge(name) => {
                let result = self.shard.purge_messages(now, &id(name)).ok();
                let exists = self.reference.devices.contains_key(name);
                assert_eq!(result, exists.then(|| self.reference.purge(name)));
            }
            Op::Advance { seconds } => self.advance(seconds),
            Op::Disconnect(name, sender)
            | Op::Subscribe(name, sender, _)
            | Op::Unsubscribe(name, sender, _)
            | Op::Answer { name, sender, .. }
            | Op::Report(name, sender, _)
            | Op::Acknowledge { name, sender, .. } => self.device_event(op, name, sender),
        }
        self.compare();
    }

    fn update(&mut self, name: Name, status: Status, etag: Etag) {
        let now = at(self.reference.now);
        let before = self.shard.device(&id(name)).ok();
        let asked = DeviceSpec {
            status,
            ..spec(name)
        };
        let result = self
            .shard
            .update_device(now, asked, &if_match(etag, before.as_ref()));
        let expected = match (&before, etag) {
            (None, _) => Some(ErrorCode::DeviceNotFound),
            (Some(_), Etag::Absent) => Some(ErrorCode::DeviceAlreadyExists),
            (Some(_), Etag::Stale) => Some(ErrorCode::PreconditionFailed),
            (Some(_), Etag::Any | Etag::Current) => None,
        };
        assert_eq!(code(&result), expected);
        if let (Ok(after), Some(before)) = (result, before) {
            assert_ne!(after.etag, before.etag);
            assert_eq!(after.generation_id, before.generation_id);
            self.reference.update(name, status == Status::Enabled);
        }
    }

    fn delete(&mut self, name: Name, etag: Etag) {
        let now = at(self.reference.now);
        let before = self.shard.device(&id(name)).ok();
        let result = self
            .shard
            .delete_device(now, &id(name), &if_match(etag, before.as_ref()));
        let expected = match (&before, etag) {
            (None, _) => Some(ErrorCode::DeviceNotFound),
            (Some(_), Etag::Absent | Etag::Stale) => Some(ErrorCode::PreconditionFailed),
            (Some(_), Etag::Any | Etag::Current) => None,
        };
        assert_eq!(code(&result), expected);
        if result.is_ok() {
            self.reference.delete(name);
        }
    }

    /// An event of a link. If the link is not the device's, the reference must not even hear of it.
    fn device_event(&mut self, op: &Op, name: Name, sender: Sender) {
        let now = at(self.reference.now);
        let client_id = client(name);
        let (shard, reference) = (&mut self.shard, &mut self.reference);
        let current = reference.devices.get(name).and_then(|device| device.link);
        let link = match sender {
            Sender::Current => current.unwrap_or(LinkId(0)),
            Sender::Older => LinkId(0),
        };
        let is_heard = current == Some(link);
        match *op {
            Op::Disconnect(..) => {
                shard.link_down(now, &client_id, link, LinkClose::Lost);
                is_heard.then(|| reference.end_link(name, &HubError::DeviceUnavailable));
            }
            Op::Subscribe(_, _, what) => {
                shard.subscribe(
                    now,
                    &client_id,
                    link,
                    &[(subscription(what), QoS::AtLeastOnce)],
                );
                is_heard.then(|| reference.subscribe(name, what));
            }
            Op::Unsubscribe(_, _, what) => {
                shard.unsubscribe(now, &client_id, link, &subscription(what));
                is_heard.then(|| reference.unsubscribe(name, what));
            }
            Op::Answer { ago, .. } => {
                let number = reference.calls_made.saturating_sub(ago);
                let rid = Rid(reference.rid_base + number).to_string();
                let response = MethodResponse {
                    rid: &rid,
                    status: "200",
                    payload: b"{}",
                };
                shard.method_response(now, &client_id, link, response);
                is_heard.then(|| reference.answer(name, number));
            }
            Op::Report(_, _, base) => {
                let version = reference
                    .devices
                    .get(name)
                    .map_or(1, |d| d.reported_version);
                let if_version = match base {
                    Base::Unsaid => None,
                    Base::Current => Some(version),
                    Base::Stale => Some(version - 1),
                };
                let patch = ReportedPatch {
                    rid: Some("r"),
                    if_version,
                    body: br#"{"x":1}"#,
                };
                shard.patch_reported(now, &client_id, link, patch);
                is_heard.then(|| reference.report(name, if_version));
            }
            Op::Acknowledge { is_current, .. } => {
                let in_flight = reference.devices.get(name).and_then(|device| device.flight);
                let delivery = in_flight.map_or(1, |(delivery, _)| delivery);
                let delivery = if is_current {
                    delivery
                } else {
                    (delivery - 1).max(1)
                };
                shard.acknowledge(now, &client_id, link, PacketId::new(delivery).unwrap());
                is_heard.then(|| reference.acknowledge(name, delivery));
            }
            _ => unreachable!("the caller sends events of links only"),
        }
    }

    /// Lets time pass as a driver does: it wakes the shard at each deadline.
    fn advance(&mut self, seconds: u32) {
        let target = self.reference.now + seconds;
        while let Some(deadline) = self.reference.deadline().filter(|at| *at <= target) {
            self.reference.now = deadline;
            self.shard.handle_deadline(at(deadline));
            self.reference.wake();
            self.compare();
        }
        self.reference.now = target;
        self.shard.handle_deadline(at(target));
    }

    fn compare(&mut self) {
        let mut effects = Vec::new();
        let mut settled = Vec::new();
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Event(Event { client, kind, .. }) => {
                    if let EventKind::C2dSettled { sequence, outcome } = kind {
                        let name = NAMES
                            .into_iter()
                            .find(|name| *name == client.device_id().as_str());
                        settled.push((name.unwrap(), sequence, outcome));
                    }
                }
                Output::ToLink { link, message } => {
                    effects.push(Output::ToLink {
                        link,
                        message: without_error_body(message),
                    });
                }
                Output::CloseLink { .. } | Output::MethodAnswered { .. } | Output::Feedback(_) => {
                    effects.push(output);
                }
            }
        }
        assert_eq!(effects, std::mem::take(&mut self.reference.effects));
        assert_eq!(settled, std::mem::take(&mut self.reference.settled));
        let deadline = self.reference.deadline().map(|seconds| at(seconds).mono);
        assert_eq!(self.shard.poll_deadline(), deadline);
        let shown: Vec<_> = self
            .shard
            .devices(None, 10)
            .into_iter()
            .map(|d| {
                (
                    d.id.to_string(),
                    d.status == Status::Enabled,
                    d.connected,
                    d.c2d_messages,
                )
            })
            .collect();
        let expected: Vec<_> = self
            .reference
            .devices
            .iter()
            .map(|(name, d)| {
                (
                    String::from(*name),
                    d.enabled,
                    d.link.is_some(),
                    d.messages.len(),
                )
            })
            .collect();
        assert_eq!(shown, expected);
    }
}

fn if_match(etag: Etag, before: Option<&DeviceIdentity>) -> IfMatch {
    match (etag, before) {
        (Etag::Absent, _) => IfMatch::Absent,
        (Etag::Any, _) => IfMatch::Any,
        (Etag::Current, Some(device)) => IfMatch::Etag(device.etag.clone()),
        (Etag::Current, None) | (Etag::Stale, _) => IfMatch::Etag("MQ==".to_owned()),
    }
}

fn subscription(what: Heard) -> Subscription {
    match what {
        Heard::Methods => Subscription::Methods,
        Heard::TwinResponses => Subscription::TwinResponses,
        Heard::Messages => Subscription::CloudToDevice,
    }
}

fn without_error_body(message: ToDevice) -> ToDevice {
    match message {
        ToDevice::TwinResponse {
            status: 412,
            rid,
            version,
            ..
        } => ToDevice::TwinResponse {
            status: 412,
            rid,
            version,
            body: Vec::new(),
        },
        other => other,
    }
}

fn code<T>(result: &Result<T, HubError>) -> Option<ErrorCode> {
    result.as_ref().err().map(HubError::code)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// DM-9, C2D-1, REG-1, CON-6: and in the end, with the devices gone, every accepted call has
    /// been answered once and nothing falls due any more.
    #[test]
    fn the_shard_agrees_with_its_reference(ops in prop::collection::vec(op(), 1..120)) {
        let mut pair = Pair::new();
        for name in NAMES {
            pair.apply(&Op::Create(name));
        }
        for op in &ops {
            pair.apply(op);
        }
        for name in NAMES {
            pair.apply(&Op::Delete(name, Etag::Any));
        }
        prop_assert!(pair.reference.open.is_empty());
        prop_assert_eq!(pair.shard.poll_deadline(), None);
    }
}
