//! A hub with a million devices, a kilobyte of properties each: its memory, and how long queries take.
//!
//! Devices are registered one by one, connect over pipes in memory, report twice and leave; the service
//! writes tags and desired properties. So what is measured is what a process holds after a life, not what
//! it holds when it was filled from a file.
//!
//! At the end direct methods are called while queries walk through all twins, which must not hold them up.
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
#[path = "support/wire.rs"]
mod wire;

use std::time::{Duration, Instant};

use emulator::memory::{MemoryConfig, MemoryDoor, MemoryHub};
use emulator::{HubHandle, ResetOptions};
use hub_core::Limits;
use hub_core::method::{InvokeMethod, Timeouts};
use hub_core::query::Query;
use hub_core::registry::{Authentication, DeviceSpec, IfMatch, SymmetricKeys};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_proto::connection_string::ConnectionString;
use hub_proto::ids::{ClientIdentity, DeviceId, MethodName};
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
    methods_beside_scans(&hub, &token).await;
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
    let mut packets = wire::connect(id(device).as_str(), token);
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    for report in [shape.report(device), Shape::later_report(device)] {
        packets.extend(wire::publish(topic, report.as_bytes()));
    }
    packets.extend([0xE0, 0]);
    pipe.write_all(&packets).await.unwrap();
    let mut answer = Vec::new();
    pipe.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, wire::CONNACK, "let in, and nothing refused");
}

/// How long calls of a direct method take, first alone and then beside queries that find nothing.
async fn methods_beside_scans(hub: &MemoryHub, token: &str) {
    let device = id(0);
    let pipe = hub.door().connect().unwrap();
    tokio::spawn(wire::answer_methods(
        pipe,
        device.as_str().to_owned(),
        token.to_owned(),
    ));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let scanned = hub.hub().clone();
    for what in ["alone", "beside a scan"] {
        let scan = (what != "alone").then(|| {
            let hub = scanned.clone();
            tokio::spawn(async move {
                let text = "SELECT * FROM devices WHERE properties.reported.engine.rpm < 0";
                let query = Query::parse(text).unwrap();
                loop {
                    hub.query(&query, None, 100).await.unwrap();
                }
            })
        });
        let (hub, client) = (hub.hub().clone(), ClientIdentity::Device(device.clone()));
        let times = tokio::spawn(async move { call(&hub, &client).await });
        let times = times.await.unwrap();
        if let Some(scan) = scan {
            scan.abort();
        }
        println!(
            "methods {what}: median {:.0?}, 99 % {:.0?}, slowest {:.0?}",
            times[CALLS / 2],
            times[CALLS * 99 / 100],
            times[CALLS - 1],
        );
    }
}

const CALLS: usize = 20_000;

/// One after the other; the times, sorted.
async fn call(hub: &HubHandle, client: &ClientIdentity) -> Vec<Duration> {
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let invoke = InvokeMethod {
            client: client.clone(),
            name: MethodName::parse("ping").unwrap(),
            payload: b"null".to_vec(),
            timeouts: Timeouts::checked(None, None).unwrap(),
        };
        let start = Instant::now();
        hub.invoke_method(invoke).await.unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times
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
