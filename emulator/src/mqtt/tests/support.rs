//! A hub, devices on in-memory streams, and packets made by hand.

use std::sync::Arc;
use std::time::Duration;

use hub_core::event::{Event, EventKind};
use hub_core::method::{InvokeMethod, MethodResult, Timeouts};
use hub_core::{HubError, Limits};
use hub_proto::ids::{DeviceId, MethodName};
use hub_proto::sas::{self, SasKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

use crate::clock::{Clock, VirtualClock};
use crate::config::Throttling;
use crate::directory::Directory;
use crate::hub::HubHandle;
use crate::listener::ConnectionContext;
use crate::stop::StopSwitch;
use crate::test_hub::TestHub;
pub(super) use crate::test_hub::{KEY, spec};

pub(super) const HOST: &str = "myhub.azure-devices.net";
/// When every token here runs out, in Unix seconds.
pub(super) const EXPIRY: i64 = 1_893_456_000;
/// The clock of a bench starts this long before.
pub(super) const TOKEN_LIFE: Duration = Duration::from_hours(1);
/// Over `EXPIRY` with `KEY` for `dev1`; computed with OpenSSL.
pub(super) const DEV1_TOKEN: &str = "SharedAccessSignature \
    sr=myhub.azure-devices.net%2Fdevices%2Fdev1\
    &sig=MLMb9mfGGKt00TL7mIqeMsK%2F9ViHgXLyY2kJs%2FBSm%2FM%3D&se=1893456000";

pub(super) const CONNACK: &[u8] = &[0x20, 2, 0, 0];
pub(super) const CONNACK_SESSION: &[u8] = &[0x20, 2, 1, 0];
pub(super) const PINGREQ: &[u8] = &[0xc0, 0];
pub(super) const PINGRESP: &[u8] = &[0xd0, 0];
pub(super) const DISCONNECT: &[u8] = &[0xe0, 0];

/// A hub without sockets.
pub(super) struct Bench {
    pub(super) directory: Directory,
    pub(super) hub: HubHandle,
    pub(super) switch: StopSwitch,
}

impl Bench {
    /// A hub with the device `dev1`.
    pub(super) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(super) fn with_limits(limits: Limits) -> Self {
        Self::with(limits, None)
    }

    /// A hub of a tier.
    pub(super) fn throttled(throttling: Throttling) -> Self {
        Self::with(Limits::default(), Some(throttling))
    }

    fn with(limits: Limits, throttling: Option<Throttling>) -> Self {
        let start = EXPIRY - i64::try_from(TOKEN_LIFE.as_secs()).unwrap();
        Self::of(TestHub::start_with(HOST, start, limits, throttling, false))
    }

    /// A hub whose time is moved by hand, from the machine's on.
    pub(super) fn by_hand(clock: &VirtualClock) -> Self {
        let clock = Clock::Virtual(clock.clone());
        Self::of(TestHub::start_by(
            clock,
            HOST,
            Limits::default(),
            None,
            false,
        ))
    }

    fn of(TestHub { context, switch }: TestHub) -> Self {
        let (directory, hub) = (context.directory, context.hub);
        let bench = Self {
            directory,
            hub,
            switch,
        };
        bench.register("dev1");
        bench
    }

    pub(super) fn register(&self, id: &str) {
        self.hub.create_device(spec(id)).unwrap();
    }

    /// A connection on which nothing has been said.
    pub(super) fn dial(&self) -> Device {
        let (io, server) = duplex(64 * 1024);
        Device {
            io,
            task: tokio::spawn(crate::mqtt::serve(server, self.arrival())),
        }
    }

    /// What a front end gets for a new connection.
    pub(super) fn arrival(&self) -> ConnectionContext {
        let peer = "127.0.0.1:1234".parse().unwrap();
        ConnectionContext::new(&self.directory, peer, self.switch.token())
    }

    /// A connection of `id` that was let in, with its session kept.
    pub(super) async fn connect(&self, id: &str) -> Device {
        self.connect_as(id, CONNACK).await
    }

    /// Likewise, where a stored session is resumed.
    pub(super) async fn resume(&self, id: &str) -> Device {
        self.connect_as(id, CONNACK_SESSION).await
    }

    async fn connect_as(&self, id: &str, connack: &[u8]) -> Device {
        let mut device = self.dial();
        device.send(&Connect::of(id).packet()).await;
        device.expect(connack).await;
        device
    }

    /// Calls a method in a task of its own.
    pub(super) fn invoke(
        &self,
        id: &str,
        name: &str,
        payload: &[u8],
    ) -> JoinHandle<Result<MethodResult, HubError>> {
        let timeouts = Timeouts {
            connect: Duration::ZERO,
            response: Duration::from_secs(30),
        };
        let invoke = InvokeMethod {
            client: device_id(id).into(),
            name: MethodName::parse(name).unwrap(),
            payload: payload.to_vec(),
            timeouts,
        };
        let hub = self.hub.clone();
        tokio::spawn(async move { hub.invoke_method(invoke).await })
    }

    /// What the log has so far.
    pub(super) fn events(&self) -> Vec<Arc<Event>> {
        let page = self.hub.event_log().read(0, usize::MAX);
        page.events.into_iter().map(|(_, event)| event).collect()
    }

    /// The reasons why links ended, in order.
    pub(super) fn disconnects(&self) -> Vec<String> {
        let reason = |event: &Arc<Event>| match &event.kind {
            EventKind::Disconnected { reason } => Some(reason.to_string()),
            _ => None,
        };
        self.events().iter().filter_map(reason).collect()
    }

    /// The bodies of the telemetry received, in order.
    pub(super) fn telemetry(&self) -> Vec<String> {
        let body = |event: &Arc<Event>| match &event.kind {
            EventKind::Telemetry { payload, .. } => {
                Some(String::from_utf8(payload.clone()).unwrap())
            }
            _ => None,
        };
        self.events().iter().filter_map(body).collect()
    }
}

pub(super) fn device_id(id: &str) -> DeviceId {
    DeviceId::parse(id).unwrap()
}

/// The device's end of a connection.
pub(super) struct Device {
    io: DuplexStream,
    task: JoinHandle<()>,
}

impl Device {
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// Reads exactly `bytes`.
    #[track_caller]
    pub(super) fn expect(&mut self, bytes: &[u8]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let mut got = vec![0; bytes.len()];
            let read = tokio::time::timeout(PATIENCE, self.io.read_exact(&mut got)).await;
            let show = |bytes: &[u8]| bytes.escape_ascii().to_string();
            let what = match read {
                Ok(Ok(_)) => return assert_eq!(show(&got), show(bytes), "{caller}"),
                Ok(Err(error)) => error.to_string(),
                Err(elapsed) => elapsed.to_string(),
            };
            panic!("{what} in place of {} ({caller})", show(bytes));
        }
    }

    /// Reads a PUBLISH.
    pub(super) async fn message(&mut self) -> Message {
        let first = self.io.read_u8().await.unwrap();
        assert_eq!(first >> 4, 3, "not a PUBLISH: {first:#x}");
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = self.io.read_u8().await.unwrap();
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.io.read_exact(&mut body).await.unwrap();
        let topic_end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..topic_end].to_vec()).unwrap();
        let has_id = first & 0x06 != 0;
        let id = has_id.then(|| u16::from_be_bytes([body[topic_end], body[topic_end + 1]]));
        let payload = body[topic_end + if has_id { 2 } else { 0 }..].to_vec();
        Message {
            first,
            topic,
            id,
            payload: String::from_utf8(payload).unwrap(),
        }
    }

    /// The connection is closed, with nothing more said.
    pub(super) async fn expect_closed(mut self) {
        let mut rest = Vec::new();
        tokio::time::timeout(LONG, self.io.read_to_end(&mut rest))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(rest.escape_ascii().to_string(), "", "nothing follows");
        drop(self.io);
        self.task.await.unwrap();
    }

    /// Everything that still comes until the connection is closed.
    pub(super) async fn read_to_end(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        tokio::time::timeout(LONG, self.io.read_to_end(&mut rest))
            .await
            .unwrap()
            .unwrap();
        rest
    }

    /// Nothing comes for a while, and the connection stays.
    pub(super) async fn expect_silence(&mut self) {
        let read = tokio::time::timeout(Duration::from_millis(10), self.io.read_u8()).await;
        assert!(read.is_err(), "{read:?} in place of silence");
    }

    /// The network is gone.
    pub(super) async fn vanish(self) {
        drop(self.io);
        self.task.await.unwrap();
    }
}

/// A PUBLISH from the hub.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) first: u8,
    pub(super) topic: String,
    pub(super) id: Option<u16>,
    pub(super) payload: String,
}

/// A CONNECT, to be changed where it matters.
#[derive(Clone, Debug)]
pub(super) struct Connect {
    pub(super) level: u8,
    pub(super) client_id: String,
    pub(super) user_name: String,
    pub(super) password: Option<String>,
    pub(super) clean_session: bool,
    pub(super) keep_alive_s: u16,
    /// Topic, body and QoS.
    pub(super) will: Option<(String, String, u8)>,
}

impl Connect {
    /// As a device with its own key would.
    pub(super) fn of(id: &str) -> Self {
        let key = SasKey::from_base64(KEY).unwrap();
        let password = match id {
            "dev1" => DEV1_TOKEN.to_owned(),
            _ => sas::sign(&format!("{HOST}/devices/{id}"), &key, EXPIRY, None),
        };
        Self {
            level: 4,
            client_id: id.to_owned(),
            user_name: format!("{HOST}/{id}/?api-version=2021-04-12"),
            password: Some(password),
            clean_session: false,
            keep_alive_s: 60,
            will: None,
        }
    }

    pub(super) fn packet(&self) -> Vec<u8> {
        let will_flags = self
            .will
            .as_ref()
            .map_or(0, |(_, _, qos)| 0x04 | (qos << 3));
        let password_flag = if self.password.is_some() { 0x40 } else { 0 };
        let flags = 0x80 | password_flag | will_flags | (u8::from(self.clean_session) << 1);
        let mut body = text("MQTT");
        body.extend([self.level, flags]);
        body.extend(self.keep_alive_s.to_be_bytes());
        body.extend(text(&self.client_id));
        if let Some((topic, payload, _)) = &self.will {
            body.extend(text(topic));
            body.extend(text(payload));
        }
        body.extend(text(&self.user_name));
        body.extend(self.password.as_deref().map(text).unwrap_or_default());
        packet(0x10, &body)
    }
}

/// A PUBLISH; QoS 1 if there is a packet id.
pub(super) fn publish(topic: &str, id: Option<u16>, payload: &str) -> Vec<u8> {
    let mut body = text(topic);
    body.extend(id.map(u16::to_be_bytes).into_iter().flatten());
    body.extend(payload.as_bytes());
    packet(if id.is_some() { 0x32 } else { 0x30 }, &body)
}

pub(super) fn telemetry(device: &str, id: Option<u16>, payload: &str) -> Vec<u8> {
    publish(&format!("devices/{device}/messages/events/"), id, payload)
}

pub(super) fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

/// A SUBSCRIBE of filters with the QoS asked for.
pub(super) fn subscribe(id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for (filter, qos) in filters {
        body.extend(text(filter));
        body.push(*qos);
    }
    packet(0x82, &body)
}

pub(super) fn suback(id: u16, codes: &[u8]) -> Vec<u8> {
    packet(0x90, &[&id.to_be_bytes(), codes].concat())
}

pub(super) fn unsubscribe(id: u16, filter: &str) -> Vec<u8> {
    packet(0xa2, &[id.to_be_bytes().to_vec(), text(filter)].concat())
}

pub(super) fn unsuback(id: u16) -> Vec<u8> {
    packet(0xb0, &id.to_be_bytes())
}

pub(super) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length % 128).unwrap();
        length /= 128;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// Virtual time in which an answer must come.
const PATIENCE: Duration = Duration::from_secs(1);
/// Virtual time in which every connection here has ended by itself.
const LONG: Duration = Duration::from_hours(24);
