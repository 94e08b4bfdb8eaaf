//! Builders and shorthands, so that a test shows only what it is about.

use std::time::Duration;

use hub_core::c2d::C2dMessage;
use hub_core::link::{Credential, LinkAccepted, LinkId, LinkRefusal, LinkUp};
use hub_core::method::{CallId, InvokeMethod, MethodResult, Rid, Timeouts};
use hub_core::output::ToDevice;
use hub_core::registry::{
    Authentication, DeviceIdentity, DeviceSpec, IfMatch, Status, SymmetricKeys,
};
use hub_core::twin::{TwinDocument, TwinUpdate, UpdateMode};
use hub_core::{EventKind, HubError, Limits, MethodResponse, Output, Shard};
use hub_proto::ids::{ClientIdentity, DeviceId, MethodName};
use hub_proto::mqtt::packet::QoS;
use hub_proto::property_bag::PropertyBag;
use hub_proto::sas::SasKey;
use hub_proto::time::{Instant, Now, Timestamp};
use hub_proto::topic::Subscription;

pub(crate) const T0: Now = at(0);
pub(crate) const LINK: LinkId = LinkId(1);

/// `seconds` after the start of the test; the wall clock starts at a round number.
pub(crate) const fn at(seconds: u32) -> Now {
    Now {
        mono: Instant::from_start(Duration::from_secs(seconds as u64)),
        wall: Timestamp::from_unix_seconds(1_700_000_000 + seconds as i64),
    }
}

pub(crate) fn id(text: &str) -> DeviceId {
    DeviceId::parse(text).unwrap()
}

/// The device of that name, as a client.
pub(crate) fn client(text: &str) -> ClientIdentity {
    ClientIdentity::Device(id(text))
}

pub(crate) fn key(byte: u8) -> SasKey {
    SasKey::from_bytes(&[byte; 32])
}

pub(crate) fn spec(device: &str) -> DeviceSpec {
    let keys = SymmetricKeys {
        primary: key(1),
        secondary: key(2),
    };
    DeviceSpec::enabled(id(device), Authentication::Sas(keys))
}

pub(crate) fn disabled(device: &str) -> DeviceSpec {
    DeviceSpec {
        status: Status::Disabled,
        ..spec(device)
    }
}

/// A shard, and what a test does with it.
pub(crate) struct Hub {
    pub(crate) shard: Shard,
}

/// A hub in which `d1` is registered.
pub(crate) fn hub() -> Hub {
    hub_with(Limits::default())
}

pub(crate) fn hub_with(limits: Limits) -> Hub {
    let mut hub = Hub {
        shard: Shard::new(limits),
    };
    hub.create("d1");
    hub.drain();
    hub
}

/// A hub in which `d1` is connected as [`LINK`] and listens to `subscriptions` at `QoS` 1.
pub(crate) fn hub_listening(subscriptions: &[Subscription]) -> Hub {
    let mut hub = hub();
    hub.connect(T0, LINK).unwrap();
    hub.subscribe(T0, LINK, subscriptions);
    hub.drain();
    hub
}

impl Hub {
    pub(crate) fn create(&mut self, device: &str) -> DeviceIdentity {
        self.shard.create_device(T0, spec(device)).unwrap()
    }

    pub(crate) fn update(&mut self, now: Now, spec: DeviceSpec) -> DeviceIdentity {
        self.shard.update_device(now, spec, &IfMatch::Any).unwrap()
    }

    pub(crate) fn delete(&mut self, now: Now) {
        self.shard
            .delete_device(now, &id("d1"), &IfMatch::Any)
            .unwrap();
    }

    pub(crate) fn device(&self) -> DeviceIdentity {
        self.shard.device(&id("d1")).unwrap()
    }

    /// `d1` connects with clean session off.
    pub(crate) fn connect(&mut self, now: Now, link: LinkId) -> Result<LinkAccepted, LinkRefusal> {
        self.shard.link_up(now, link_up(link))
    }

    pub(crate) fn subscribe(&mut self, now: Now, link: LinkId, subscriptions: &[Subscription]) {
        let granted: Vec<_> = subscriptions
            .iter()
            .map(|subscription| (subscription.clone(), QoS::AtLeastOnce))
            .collect();
        self.shard.subscribe(now, &client("d1"), link, &granted);
    }

    /// Calls `reboot` on `d1`; waits `connect_s` for the device, then 30 s for its answer.
    pub(crate) fn invoke(&mut self, now: Now, connect_s: i64) -> Result<CallId, HubError> {
        self.shard.invoke_method(now, invoke("reboot", connect_s))
    }

    pub(crate) fn answer(
        &mut self,
        now: Now,
        link: LinkId,
        rid: &str,
        status: &str,
        payload: &[u8],
    ) {
        let response = MethodResponse {
            rid,
            status,
            payload,
        };
        self.shard
            .method_response(now, &client("d1"), link, response);
    }

    pub(crate) fn update_twin(
        &mut self,
        now: Now,
        body: &str,
        if_match: &IfMatch,
    ) -> Result<TwinDocument, HubError> {
        let update = TwinUpdate::parse(body.as_bytes(), &Limits::default()).unwrap();
        self.shard
            .update_twin(now, &client("d1"), update, UpdateMode::Merge, if_match)
    }

    pub(crate) fn send(&mut self, now: Now, payload: &str) -> Result<(), HubError> {
        let sent = self.shard.send_to_device(now, &id("d1"), message(payload));
        sent.map(drop)
    }

    pub(crate) fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.shard.poll_output()).collect()
    }

    /// What comes out that is not a fact for the log.
    pub(crate) fn effects(&mut self) -> Vec<Output> {
        let mut outputs = self.drain();
        outputs.retain(|output| !matches!(output, Output::Event(_)));
        outputs
    }

    /// The facts that come out.
    pub(crate) fn facts(&mut self) -> Vec<EventKind> {
        let outputs = self.drain().into_iter();
        outputs
            .filter_map(|output| match output {
                Output::Event(event) => Some(event.kind),
                Output::ToLink { .. }
                | Output::CloseLink { .. }
                | Output::MethodAnswered { .. }
                | Output::Feedback(_) => None,
            })
            .collect()
    }

    /// Lets the deadline come that the shard waits for, which must be `seconds` after the start.
    pub(crate) fn let_deadline_come(&mut self, seconds: u32) {
        assert_eq!(self.shard.poll_deadline(), Some(at(seconds).mono));
        self.shard.handle_deadline(at(seconds));
    }

    /// The request id of the only method request that comes out.
    pub(crate) fn take_rid(&mut self) -> String {
        let effects = self.effects();
        let [
            Output::ToLink {
                message: ToDevice::MethodRequest { rid, .. },
                ..
            },
        ] = &effects[..]
        else {
            panic!("one method request was due, not {effects:?}");
        };
        rid.to_string()
    }
}

pub(crate) fn link_up(link: LinkId) -> LinkUp<'static> {
    LinkUp {
        link,
        client: client("d1"),
        credential: Credential::Policy,
        clean_session: false,
        will: None,
        model_id: None,
        client_type: None,
    }
}

pub(crate) fn invoke(name: &str, connect_s: i64) -> InvokeMethod {
    InvokeMethod {
        client: client("d1"),
        name: MethodName::parse(name).unwrap(),
        payload: br#"{ "a" : 1.0 }"#.to_vec(),
        timeouts: Timeouts::checked(Some(30), Some(connect_s)).unwrap(),
    }
}

pub(crate) fn message(payload: &str) -> C2dMessage {
    let properties = PropertyBag::default();
    C2dMessage {
        properties,
        payload: payload.as_bytes().to_vec(),
        expires: None,
    }
}

/// The request id of the `n`th call of a hub that started at [`T0`].
pub(crate) fn rid(n: u64) -> Rid {
    Rid((1_700_000_000 << 20) + n)
}

pub(crate) fn method_request(link: LinkId, n: u64) -> Output {
    let invoke = invoke("reboot", 0);
    let message = ToDevice::MethodRequest {
        name: invoke.name,
        rid: rid(n),
        payload: invoke.payload,
    };
    Output::ToLink { link, message }
}

pub(crate) fn answered(call: u64, result: Result<(i32, &str), HubError>) -> Output {
    let result = result.map(|(status, payload)| MethodResult {
        status,
        payload: payload.as_bytes().to_vec(),
    });
    Output::MethodAnswered {
        call: CallId(call),
        result,
    }
}

/// A `QoS` 1 message for [`LINK`], as it goes without properties.
pub(crate) fn c2d(link: LinkId, delivery: u16, dup: bool, payload: &str) -> Output {
    let message = ToDevice::CloudToDevice {
        delivery: delivery.try_into().unwrap(),
        qos: QoS::AtLeastOnce,
        dup,
        bag: "%24.to=%2Fdevices%2Fd1%2Fmessages%2FdeviceBound".to_owned(),
        payload: payload.as_bytes().to_vec(),
    };
    Output::ToLink { link, message }
}
