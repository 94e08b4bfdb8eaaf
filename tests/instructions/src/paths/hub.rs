//! A shard of connected devices, and what happens on it all day, from the call to the last output.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use hub_core::c2d::C2dMessage;
use hub_core::link::{Credential, LinkClose, LinkId, LinkUp};
use hub_core::method::{InvokeMethod, Timeouts};
use hub_core::output::ToDevice;
use hub_core::registry::{Authentication, DeviceSpec, IfMatch, SymmetricKeys};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_core::{Limits, MethodResponse, Output, ReportedPatch, Shard, Telemetry};
use hub_proto::ids::{ClientIdentity, DeviceId, MethodName};
use hub_proto::mqtt::packet::QoS;
use hub_proto::property_bag::PropertyBag;
use hub_proto::sas::{SasKey, SasToken, sign};
use hub_proto::time::{Instant, Now, Timestamp};
use hub_proto::topic::Subscription;

use crate::meter::Meter;

/// A shard is one of sixteen: the devices of a hub of 16,000.
const DEVICES: usize = 1000;

pub(super) const NOW: Now = Now {
    mono: Instant::from_start(Duration::from_secs(100)),
    wall: Timestamp::from_unix_seconds(1_700_000_000),
};

/// A shard in which every device is connected, listens to everything and has reported.
pub(super) struct TwinnedShard {
    pub(super) shard: Shard,
    devices: Vec<ClientIdentity>,
}

pub(super) fn register(meter: &mut Meter) {
    let mut hub = TwinnedShard::with_devices(DEVICES);
    let fresh = |number| spec(&device(DEVICES + number));
    meter.each(fresh, |spec| {
        let identity = hub.shard.create_device(NOW, spec).unwrap();
        assert_eq!(hub.drain(), 1);
        identity
    });
}

pub(super) fn connect_disconnect(meter: &mut Meter) {
    let mut hub = TwinnedShard::with_devices(DEVICES);
    let text = sign("localhost/devices/x", &key(), 1_900_000_000, None);
    let token = SasToken::parse(&text).unwrap();
    let arrival = |number| link_up(place(number), Credential::DeviceToken(&token));
    meter.each(arrival, |arrival| {
        let (client, link) = (arrival.client.clone(), arrival.link);
        hub.shard.link_down(NOW, &client, link, LinkClose::Lost);
        hub.shard.link_up(NOW, arrival).unwrap();
        assert_eq!(hub.drain(), 2);
    });
}

pub(super) fn telemetry(meter: &mut Meter) {
    let mut hub = TwinnedShard::with_devices(DEVICES);
    let bag = "%24.mid=4d3c7f0e-5f0b-4a53-9a61&%24.ct=application%2Fjson&%24.ce=utf-8";
    let message = Telemetry {
        bag,
        payload: PAYLOAD,
        retain: false,
        dup: false,
    };
    meter.each(place, |place| {
        let (client, link) = (&hub.devices[place], link(place));
        let taken = hub
            .shard
            .telemetry(NOW, client, link, black_box(&[message]));
        taken.unwrap();
        assert_eq!(hub.drain(), 1);
    });
}

pub(super) fn reported_patch(meter: &mut Meter) {
    let mut hub = TwinnedShard::with_devices(DEVICES);
    let patch = |number: usize| (place(number), reported(number + FIRST_CHANGE));
    meter.each(patch, |(place, body)| {
        let patch = ReportedPatch {
            rid: Some("d1c4a8e7-2a0b-4b5b-8df1"),
            if_version: None,
            body: body.as_bytes(),
        };
        let (client, link) = (&hub.devices[place], link(place));
        hub.shard.patch_reported(NOW, client, link, patch);
        // The fact and the answer.
        assert_eq!(hub.drain(), 2);
    });
}

pub(super) fn desired_patch(meter: &mut Meter) {
    let mut hub = TwinnedShard::with_devices(DEVICES);
    let limits = Limits::default();
    let body = |number: usize| {
        let text = format!(r#"{{"properties":{{"desired":{{"interval":{number}}}}}}}"#);
        (place(number), text.into_bytes())
    };
    meter.each(body, |(place, body)| {
        let update = TwinUpdate::parse(&body, &limits).unwrap();
        let (client, mode) = (&hub.devices[place], UpdateMode::Merge);
        let changed = hub
            .shard
            .update_twin(NOW, client, update, mode, &IfMatch::Any);
        assert_eq!(hub.drain(), 2);
        changed.unwrap()
    });
}

pub(super) fn method(meter: &mut Meter) {
    let mut hub = TwinnedShard::with_devices(DEVICES);
    let invoke = |number: usize| {
        let invoke = InvokeMethod {
            client: device(place(number)),
            name: MethodName::parse("reboot").unwrap(),
            payload: br#"{"delay":5,"reason":"update"}"#.to_vec(),
            timeouts: Timeouts::checked(Some(30), None).unwrap(),
        };
        (place(number), invoke)
    };
    let mut rid = String::with_capacity(32);
    meter.each(invoke, |(place, invoke)| {
        hub.shard.invoke_method(NOW, invoke).unwrap();
        rid.clear();
        while let Some(output) = hub.shard.poll_output() {
            if let Output::ToLink { message, .. } = output
                && let ToDevice::MethodRequest { rid: asked, .. } = message
            {
                write!(rid, "{asked}").unwrap();
            }
        }
        let response = MethodResponse {
            rid: &rid,
            status: "200",
            payload: br#"{"done":true}"#,
        };
        let (client, link) = (&hub.devices[place], link(place));
        hub.shard.method_response(NOW, client, link, response);
        // The fact and the answer.
        assert_eq!(hub.drain(), 2);
    });
}

pub(super) fn message_to_device(meter: &mut Meter) {
    let mut hub = TwinnedShard::with_devices(DEVICES);
    let message = |number: usize| {
        let text = "%24.mid=4d3c7f0e-5f0b-4a53-9a61&%24.ct=application%2Fjson&level=2";
        let message = C2dMessage {
            properties: PropertyBag::parse(text),
            payload: PAYLOAD.to_vec(),
            expires: None,
        };
        (place(number), message)
    };
    meter.each(message, |(place, message)| {
        let (client, link) = (&hub.devices[place], link(place));
        let sent = hub.shard.send_to_device(NOW, client.device_id(), message);
        sent.unwrap();
        let mut delivered = None;
        while let Some(output) = hub.shard.poll_output() {
            if let Output::ToLink { message, .. } = output
                && let ToDevice::CloudToDevice { delivery, .. } = message
            {
                delivered = Some(delivery);
            }
        }
        hub.shard.acknowledge(NOW, client, link, delivered.unwrap());
        assert_eq!(hub.drain(), 1);
    });
}

impl TwinnedShard {
    pub(super) fn with_devices(count: usize) -> Self {
        let mut hub = Self {
            shard: Shard::new(Limits::default()),
            devices: (0..count).map(device).collect(),
        };
        let everything = [
            Subscription::CloudToDevice,
            Subscription::TwinResponses,
            Subscription::DesiredChanges,
            Subscription::Methods,
        ]
        .map(|subscription| (subscription, QoS::AtLeastOnce));
        for (place, client) in hub.devices.iter().enumerate() {
            let link = link(place);
            hub.shard.create_device(NOW, spec(client)).unwrap();
            let arrival = link_up(place, Credential::Policy);
            hub.shard.link_up(NOW, arrival).unwrap();
            hub.shard.subscribe(NOW, client, link, &everything);
            let body = reported(place);
            let patch = ReportedPatch {
                rid: None,
                if_version: None,
                body: body.as_bytes(),
            };
            hub.shard.patch_reported(NOW, client, link, patch);
        }
        assert_eq!(hub.drain(), 4 * count);
        hub
    }

    /// Takes all outputs; says how many.
    fn drain(&mut self) -> usize {
        let mut count = 0;
        while let Some(output) = self.shard.poll_output() {
            black_box(output);
            count += 1;
        }
        count
    }
}

/// Which device an operation is about: neighbours in time are none in the map.
fn place(number: usize) -> usize {
    number * 617 % DEVICES
}

pub(super) fn device(number: usize) -> ClientIdentity {
    ClientIdentity::Device(DeviceId::parse(&format!("device-{number:06}")).unwrap())
}

/// Operations report what no device has reported at first.
pub(super) const FIRST_CHANGE: usize = 10_000;

/// What device `number` reports: some the twins of a query's path are found by it.
pub(super) fn reported(number: usize) -> String {
    format!(
        r#"{{"firmware":"1.4.2","uptime":{},"engine":{{"rpm":{},"temperature":{}.5,"state":"running"}},"battery":{{"level":81,"charging":false}}}}"#,
        100_000 + number,
        1000 + number % 6000,
        20 + number % 80,
    )
}

fn link(place: usize) -> LinkId {
    LinkId(place as u64)
}

fn link_up(place: usize, credential: Credential<'_>) -> LinkUp<'_> {
    LinkUp {
        link: link(place),
        client: device(place),
        credential,
        clean_session: false,
        will: None,
        model_id: None,
        client_type: None,
    }
}

fn key() -> SasKey {
    SasKey::from_bytes(&[7; 32])
}

fn spec(client: &ClientIdentity) -> DeviceSpec {
    let keys = SymmetricKeys {
        primary: key(),
        secondary: SasKey::from_bytes(&[8; 32]),
    };
    DeviceSpec::enabled(client.device_id().clone(), Authentication::Sas(keys))
}

const PAYLOAD: &[u8] = br#"{"messageId":17,"deviceId":"myDeviceId","temperature":27.4,"humidity":61.8,"pressure":1013.2}"#;
