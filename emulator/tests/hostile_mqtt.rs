//! Devices that do what no SDK does, against a whole emulator on real sockets; and everything at once.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use emulator::config::Ports;
use emulator::{Config, Emulator, RunningEmulator};
use hub_core::event::EventKind;
use hub_core::method::{CallId, InvokeMethod, Timeouts};
use hub_core::registry::{Authentication, DeviceSpec, IfMatch, SymmetricKeys};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_proto::ids::{DeviceId, MethodName};
use hub_proto::sas::{SasKey, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// A time far in the future.
const LATER_UNIX_S: i64 = 4_000_000_000;
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

async fn start(dir: &tempfile::TempDir) -> RunningEmulator {
    let config = Config {
        ports: Ports::ANY,
        ..Config::new(dir.path())
    };
    Emulator::start(config).await.unwrap()
}

fn key() -> SasKey {
    SasKey::from_bytes(b"a device's key for these tests..")
}

fn spec(id: &DeviceId) -> DeviceSpec {
    DeviceSpec::enabled(
        id.clone(),
        Authentication::Sas(SymmetricKeys {
            primary: key(),
            secondary: key(),
        }),
    )
}

fn id(text: &str) -> DeviceId {
    DeviceId::parse(text).unwrap()
}

/// An MQTT packet: first byte, length, the rest.
fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = rest.len();
    loop {
        let low = u8::try_from(length % 128).unwrap();
        length /= 128;
        packet.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    packet.extend(rest);
    packet
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn connect_packet(id: &DeviceId) -> Vec<u8> {
    let token = sign(
        &format!("localhost/devices/{id}"),
        &key(),
        LATER_UNIX_S,
        None,
    );
    let body = [
        b"\0\x04MQTT\x04\xc2\0\x3c".to_vec(),
        text(id.as_str()),
        text(&format!("localhost/{id}/?api-version=2021-04-12")),
        text(&token),
    ];
    packet(0x10, &body.concat())
}

fn subscribe_packet(filter: &str) -> Vec<u8> {
    packet(0x82, &[b"\0\x01".to_vec(), text(filter), vec![0]].concat())
}

fn publish_packet(topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(0x30, &[&text(topic), payload].concat())
}

async fn dial(port: u16) -> TcpStream {
    TcpStream::connect((LOOPBACK, port)).await.unwrap()
}

/// The next packet: its first byte and the rest; `None` when the hub has closed.
async fn next_packet(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = socket.read_u8().await.ok()?;
    let mut length = 0;
    for shift in 0..4 {
        let byte = socket.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut rest = vec![0; length];
    socket.read_exact(&mut rest).await.ok()?;
    Some((first, rest))
}

/// A device asked for its twin a few dozen times in one segment and read every answer, but the hub
/// wrote none before it had acted on the whole segment: more waited than may, and the link was closed
/// for a reader that was not slow.
#[tokio::test]
async fn a_burst_of_requests_for_a_large_twin_is_answered_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = start(&dir).await;
    let device = id("burst");
    emulator.hub().create_device(spec(&device)).unwrap();
    let members: Vec<String> = (0..7)
        .map(|key| format!("\"k{key}\":\"{}\"", "x".repeat(4096)))
        .collect();
    let body = format!(
        "{{\"properties\":{{\"desired\":{{{}}}}}}}",
        members.join(",")
    );
    let update = TwinUpdate::parse(body.as_bytes(), emulator.hub().limits()).unwrap();
    emulator
        .hub()
        .update_twin(
            &device.clone().into(),
            update,
            UpdateMode::Merge,
            &IfMatch::Absent,
        )
        .unwrap();

    let mut socket = dial(emulator.ports().mqtt.unwrap()).await;
    let requests = 1000;
    let mut bytes = connect_packet(&device);
    bytes.extend(subscribe_packet("$iothub/twin/res/#"));
    for _ in 0..requests {
        bytes.extend(publish_packet("$iothub/twin/GET/?$rid=1", b""));
    }
    socket.write_all(&bytes).await.unwrap();
    assert_eq!(next_packet(&mut socket).await.unwrap().0, 0x20);
    assert_eq!(next_packet(&mut socket).await.unwrap().0, 0x90);
    for answer in 0..requests {
        let next = tokio::time::timeout(PATIENCE, next_packet(&mut socket)).await;
        let (first, rest) = next
            .unwrap()
            .unwrap_or_else(|| panic!("closed at {answer}"));
        assert_eq!((first, rest.len() > 28_000), (0x30, true), "{answer}");
    }
    drop(socket);
    emulator.stop().await;
}

/// Answers methods until the hub closes or `calls` were answered, then goes without a word.
async fn serve_methods(port: u16, device: DeviceId, calls: usize) {
    let mut socket = dial(port).await;
    let mut bytes = connect_packet(&device);
    bytes.extend(subscribe_packet("$iothub/methods/POST/#"));
    if socket.write_all(&bytes).await.is_err() {
        return;
    }
    let mut answered = 0;
    while answered < calls {
        let Some((first, rest)) = next_packet(&mut socket).await else {
            return;
        };
        if first & 0xf0 != 0x30 {
            continue;
        }
        let topic_bytes = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let topic = std::str::from_utf8(&rest[2..2 + topic_bytes]).unwrap();
        let (_, rid) = topic.rsplit_once('=').unwrap();
        let answer = publish_packet(&format!("$iothub/methods/res/200/?$rid={rid}"), b"{}");
        if socket.write_all(&answer).await.is_err() {
            return;
        }
        answered += 1;
    }
}

/// Calls, writes and now and then deletes; gives how many calls were answered, in whatever way.
async fn serve_hub(emulator: &RunningEmulator, devices: &[DeviceId], turns: usize) -> usize {
    let hub = emulator.hub();
    let mut answered = 0;
    for turn in 0..turns {
        let device = &devices[turn % devices.len()];
        let invoke = InvokeMethod {
            client: device.clone().into(),
            name: MethodName::parse("m").unwrap(),
            payload: b"null".to_vec(),
            timeouts: Timeouts {
                connect: Duration::from_secs(u64::from(turn % 2 == 0)),
                response: Duration::from_secs(5),
            },
        };
        let outcome = tokio::time::timeout(PATIENCE, hub.invoke_method(invoke)).await;
        answered += usize::from(outcome.is_ok());
        let body = format!("{{\"properties\":{{\"desired\":{{\"turn\":{turn}}}}}}}");
        let update = TwinUpdate::parse(body.as_bytes(), hub.limits()).unwrap();
        let _ = hub.update_twin(
            &device.clone().into(),
            update,
            UpdateMode::Merge,
            &IfMatch::Absent,
        );
        if turn % 16 == 15 {
            let _ = hub.delete_device(device, &IfMatch::Any);
            let _ = hub.create_device(spec(device));
        }
    }
    answered
}

/// Registry, twins, methods, connects, take-overs and deletes at once: no call stays without an
/// answer, and the event log tells of each device a story that can have happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everything_at_once_leaves_no_call_unanswered_and_a_log_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = start(&dir).await;
    let devices: Vec<DeviceId> = (0..6).map(|number| id(&format!("d{number}"))).collect();
    for device in &devices {
        emulator.hub().create_device(spec(device)).unwrap();
    }
    let port = emulator.ports().mqtt.unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut fleet = tokio::task::JoinSet::new();
    // Two connections for each identity take each other's place.
    for number in 0..2 * devices.len() {
        let (device, mut stopped) = (devices[number % devices.len()].clone(), stopped.clone());
        fleet.spawn(async move {
            while !*stopped.borrow() {
                tokio::select! {
                    () = serve_methods(port, device.clone(), 1 + number) => {}
                    _ = stopped.changed() => {}
                }
                tokio::task::yield_now().await;
            }
        });
    }
    let turns = 120;
    let callers =
        futures_util::future::join_all((0..8).map(|_| serve_hub(&emulator, &devices, turns)));
    let answered: usize = callers.await.iter().sum();
    assert_eq!(answered, 8 * turns);
    stop.send(true).unwrap();
    while let Some(ended) = fleet.join_next().await {
        ended.unwrap();
    }
    check_story(&emulator);
    emulator.stop().await;
}

/// Links of a device follow each other, and a call is invoked, perhaps delivered, and ends once.
fn check_story(emulator: &RunningEmulator) {
    let page = emulator.event_log().read(0, usize::MAX);
    assert_eq!(page.missed, 0);
    let mut online: BTreeMap<DeviceId, bool> = BTreeMap::new();
    let mut calls: BTreeMap<(DeviceId, CallId), &'static str> = BTreeMap::new();
    for (number, event) in &page.events {
        let device = event.client.device_id().clone();
        let (from, to, call) = match &event.kind {
            EventKind::Connected { .. } => {
                assert_ne!(online.insert(device, true), Some(true), "{number}");
                continue;
            }
            EventKind::Disconnected { .. } => {
                assert_eq!(online.insert(device, false), Some(true), "{number}");
                continue;
            }
            EventKind::MethodInvoked { call, .. } => (&[""][..], "invoked", call),
            EventKind::MethodDelivered { call } => (&["invoked"][..], "delivered", call),
            EventKind::MethodAnswered { call, .. } => (&["delivered"][..], "ended", call),
            EventKind::MethodFailed { call, .. } => (&["invoked", "delivered"][..], "ended", call),
            _ => continue,
        };
        let was = calls.insert((device, *call), to).unwrap_or("");
        assert!(from.contains(&was), "{number}: {was:?} before {to:?}");
    }
    assert!(!calls.is_empty());
    assert!(calls.values().all(|state| *state == "ended"), "{calls:?}");
}
