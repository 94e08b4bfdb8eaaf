//! A hub with a million devices, a kilobyte of properties each: its memory, and how long queries take.
//!
//! Devices are registered one by one, connect over pipes in memory, report twice and leave; the service
//! writes tags and desired properties. So what is measured is what a process holds after a life, not what
//! it holds when it was filled from a file.
//!
//! `cargo bench -p emulator --bench million -- [devices] [flat|nested|arrays] [megabytes of event log]`

#![expect(clippy::unwrap_used, reason = "a measurement that fails is a panic")]
#![expect(clippy::print_stdout, reason = "the result of a measurement")]
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement is about the real clock"
)]

#[path = "../hub-core/benches/shapes/shape.rs"]
mod shapes;

use std::time::{Duration, Instant};

use emulator::memory::{MemoryConfig, MemoryDoor, MemoryHub};
use emulator::{HubHandle, ResetOptions};
use hub_core::Limits;
use hub_core::query::Query;
use hub_core::registry::{Authentication, DeviceSpec, IfMatch, SymmetricKeys};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_proto::connection_string::ConnectionString;
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::sas::{SasKey, sign};
use hub_proto::time::Timestamp;
use shapes::Shape;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const START_S: i64 = 1_767_225_600;
/// Tasks that bring devices in.
const TASKS: u32 = 2;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|text| text != "--bench");
    let devices: u32 = arguments
        .next()
        .map_or(1_000_000, |text| text.parse().unwrap());
    let name = arguments.next().unwrap_or_else(|| "nested".to_owned());
    let shape = Shape::ALL.into_iter().find(|shape| shape.name() == name);
    let shape = shape.unwrap();
    let mut config = MemoryConfig::starting_at(Timestamp::from_unix_seconds(START_S));
    if let Some(megabytes) = arguments.next() {
        config.event_log.bytes = megabytes.parse::<usize>().unwrap() * 1024 * 1024;
    }
    let hub = MemoryHub::start(config);
    let before = resident_kib();
    let start = Instant::now();
    for device in 0..devices {
        register(hub.hub(), device);
    }
    println!(
        "{devices} devices, {name}: registered in {:.2?}, {} MB more resident",
        start.elapsed(),
        (resident_kib() - before) * 1024 / 1_000_000,
    );
    let start = Instant::now();
    let token = device_token(hub.hub());
    let tasks = (0..TASKS).map(|task| {
        let (door, token) = (hub.door(), token.clone());
        tokio::spawn(async move {
            for device in (0..devices).filter(|device| device % TASKS == task) {
                live(&door, shape, device, &token).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for device in 0..devices {
        update(hub.hub(), device);
    }
    println!(
        "lived in {:.2?}, {} MB resident",
        start.elapsed(),
        resident_kib() * 1024 / 1_000_000,
    );
    println!("queries, the first page: time, and in brackets how much of it the processor worked");
    for condition in CONDITIONS {
        ask(hub.hub(), condition).await;
    }
    let (start, work) = (Instant::now(), worked());
    let count = hub.hub().reset(ResetOptions::default()).identities;
    println!(
        "reset of {count} in {:.2?} ({:.2?})",
        start.elapsed(),
        worked().saturating_sub(work),
    );
}

/// The same query several times: the first may make an index.
const CONDITIONS: [&str; 7] = [
    "deviceId = 'device-0000077'",
    "properties.reported.engine.temperature > 100",
    "properties.reported.noSuch.thing > 100",
    "properties.reported.reboot.state = 'failed'",
    "connectionState = 'Connected'",
    "status = 'enabled'",
    "tags.site = 'plant-3' AND tags.line = 3",
];

async fn ask(hub: &HubHandle, condition: &str) {
    let query = Query::parse(&format!("SELECT deviceId FROM devices WHERE {condition}")).unwrap();
    let (mut times, mut found) = (Vec::new(), 0);
    for _ in 0..3 {
        let (start, work) = (Instant::now(), worked());
        found = hub.query(&query, None, 100).await.unwrap().items.len();
        times.push(format!(
            "{:.2?} ({:.2?})",
            start.elapsed(),
            worked().saturating_sub(work)
        ));
    }
    println!(
        "{condition}: {found} on the first page, {}",
        times.join(", ")
    );
}

fn register(hub: &HubHandle, device: u32) {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&device.to_le_bytes());
    let primary = SasKey::from_bytes(&bytes);
    bytes[31] = 8;
    let secondary = SasKey::from_bytes(&bytes);
    let authentication = Authentication::Sas(SymmetricKeys { primary, secondary });
    hub.create_device(DeviceSpec::enabled(id(device), authentication))
        .unwrap();
}

fn update(hub: &HubHandle, device: u32) {
    let update = Shape::update(device);
    let update = TwinUpdate::parse(update.as_bytes(), &Limits::default()).unwrap();
    let client = ClientIdentity::Device(id(device));
    hub.update_twin(&client, update, UpdateMode::Merge, &IfMatch::Any)
        .unwrap();
}

/// A token of the policy that may connect every device.
fn device_token(hub: &HubHandle) -> String {
    let text = hub.connection_string("device").unwrap();
    let text = ConnectionString::parse(&text).unwrap();
    sign("localhost", &text.key, START_S + 86_400, Some("device"))
}

/// A device connects, reports everything, then two values, and leaves.
async fn live(door: &MemoryDoor, shape: Shape, device: u32, token: &str) {
    let mut pipe = door.connect().unwrap();
    let name = id(device);
    let user = format!("localhost/{name}/?api-version=2021-04-12");
    let mut connect = [&field("MQTT")[..], &[4, 0b1100_0010, 0, 60]].concat();
    for text in [name.as_str(), &user, token] {
        connect.extend(field(text));
    }
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    let mut packets = packet(0x10, &connect);
    for report in [shape.report(device), Shape::later_report(device)] {
        let body = [&field(topic)[..], report.as_bytes()].concat();
        packets.extend(packet(0x30, &body));
    }
    packets.extend([0xE0, 0]);
    pipe.write_all(&packets).await.unwrap();
    let mut answer = Vec::new();
    pipe.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0], "let in, and nothing refused");
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut length = body.len();
    loop {
        let digit = u8::try_from(length % 128).unwrap();
        length /= 128;
        if length == 0 {
            bytes.push(digit);
            break;
        }
        bytes.push(digit | 0x80);
    }
    bytes.extend_from_slice(body);
    bytes
}

fn field(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn id(device: u32) -> DeviceId {
    DeviceId::parse(&format!("device-{device:07}")).unwrap()
}

/// How long this thread has had a processor. The queries are asked on it, so other work on the machine
/// does not count.
fn worked() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Linux alone tells.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.unwrap().trim().trim_end_matches(" kB");
    resident.parse().unwrap()
}
