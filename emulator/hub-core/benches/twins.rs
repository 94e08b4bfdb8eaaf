//! What a twin of a kilobyte costs: its memory, and the time to patch, print and search it.
//!
//! Memory is what the allocator was asked for, without what it rounds up and keeps for itself.
//!
//! `cargo bench -p hub-core --bench twins`

#![expect(clippy::unwrap_used, reason = "a measurement that fails is a panic")]
#![expect(clippy::print_stdout, reason = "the result of a measurement")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures of a few digits are printed"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement is about the real clock"
)]

#[path = "shapes/shape.rs"]
mod shapes;

use std::alloc::System;
use std::time::{Duration, Instant as Clock};

use hub_core::link::{Credential, LinkClose, LinkId, LinkUp};
use hub_core::query::{Query, Row};
use hub_core::registry::{Authentication, DeviceSpec, IfMatch, SymmetricKeys};
use hub_core::twin::{DocumentIdentity, Twin, TwinUpdate, UpdateMode};
use hub_core::{Limits, ReportedPatch, Shard};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::sas::SasKey;
use hub_proto::time::{Instant, Now, Timestamp};
use shapes::Shape;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DEVICES: u32 = 20_000;
const ROUNDS: usize = 9;

fn main() {
    println!("a device of {DEVICES} in one shard, bytes on the heap");
    println!("shape     JSON  identity  with its twin  allocations");
    for shape in Shape::ALL {
        memory(shape);
    }
    println!();
    println!("one twin, median of {ROUNDS} rounds, ns");
    println!(
        "shape     patch of 2  allocations  document  device view  WHERE found  WHERE not found"
    );
    for shape in Shape::ALL {
        time(shape);
    }
}

fn in_use() -> (usize, usize) {
    let stats = ALLOCATOR.stats();
    let bytes = stats.bytes_allocated - stats.bytes_deallocated;
    (bytes, stats.allocations - stats.deallocations)
}

fn memory(shape: Shape) {
    let mut shard = Shard::new(Limits::default());
    let before = in_use();
    for device in 0..DEVICES {
        register(&mut shard, device);
    }
    let identities = in_use();
    let mut json = 0;
    for device in 0..DEVICES {
        json += write_twin(&mut shard, shape, device);
    }
    let all = in_use();
    let each = |bytes: usize| bytes as f64 / f64::from(DEVICES);
    println!(
        "{:<8} {:>5.0} {:>9.0} {:>14.0} {:>12.1}",
        shape.name(),
        each(json),
        each(identities.0 - before.0),
        each(all.0 - before.0),
        each(all.1 - before.1),
    );
}

fn register(shard: &mut Shard, device: u32) {
    let byte = device.to_le_bytes()[0];
    let keys = SymmetricKeys {
        primary: SasKey::from_bytes(&[byte; 32]),
        secondary: SasKey::from_bytes(&[byte.wrapping_add(1); 32]),
    };
    let spec = DeviceSpec::enabled(id(device), Authentication::Sas(keys));
    shard.create_device(now(0), spec).unwrap();
    while shard.poll_output().is_some() {}
}

/// Gives the bytes of JSON that the twin then has.
fn write_twin(shard: &mut Shard, shape: Shape, device: u32) -> usize {
    let client = ClientIdentity::Device(id(device));
    let link = LinkId(u64::from(device));
    let update = Shape::update(device);
    let parsed = TwinUpdate::parse(update.as_bytes(), &Limits::default()).unwrap();
    shard
        .update_twin(now(1), &client, parsed, UpdateMode::Merge, &IfMatch::Any)
        .unwrap();
    let link_up = LinkUp {
        link,
        client: client.clone(),
        credential: Credential::Policy,
        clean_session: true,
        will: None,
        model_id: None,
        client_type: None,
    };
    shard.link_up(now(2), link_up).unwrap();
    let report = shape.report(device);
    let later = Shape::later_report(device);
    for (second, body) in [(3, &report), (4, &later)] {
        let patch = ReportedPatch {
            rid: None,
            if_version: None,
            body: body.as_bytes(),
        };
        shard.patch_reported(now(second), &client, link, patch);
    }
    shard.link_down(now(5), &client, link, LinkClose::Goodbye);
    while shard.poll_output().is_some() {}
    // Of the update, what is around the members of the sections.
    report.len() + update.len() - r#"{"tags":,"properties":{"desired":}}"#.len()
}

fn time(shape: Shape) {
    let limits = Limits::default();
    let mut twin = Twin::new(Timestamp::NEVER);
    twin.patch_reported(Timestamp::NEVER, shape.report(7).as_bytes(), None, &limits)
        .unwrap();
    let bodies: Vec<String> = (0..64).map(Shape::later_report).collect();
    let mut patched = twin.clone();
    let mut patch_all = || {
        for body in &bodies {
            let patched = patched.patch_reported(Timestamp::NEVER, body.as_bytes(), None, &limits);
            std::hint::black_box(patched.unwrap());
        }
    };
    patch_all();
    let before = ALLOCATOR.stats();
    patch_all();
    let after = ALLOCATOR.stats();
    let count = |stats: &stats_alloc::Stats| stats.allocations + stats.reallocations;
    let allocations = (count(&after) - count(&before)) as f64 / 64.0;
    let patch = median(&mut patch_all);
    let client = ClientIdentity::Device(id(7));
    let identity = DocumentIdentity::new(&client, "", &Authentication::None);
    let document = median(|| {
        for _ in 0..64 {
            std::hint::black_box(twin.document(&identity));
        }
    });
    let device_view = median(|| {
        for _ in 0..64 {
            std::hint::black_box(twin.device_view());
        }
    });
    let wheres = [
        "properties.reported.engine.temperature > 70",
        "properties.reported.noSuch.thing > 70",
    ];
    let wheres = wheres.map(|condition| {
        let query = Query::parse(&format!("SELECT * FROM devices WHERE {condition}")).unwrap();
        median(|| {
            for _ in 0..64 {
                let row = Row::twin(std::hint::black_box(&twin), &identity);
                std::hint::black_box(query.matches(row));
            }
        })
    });
    println!(
        "{:<8} {patch:>11.0} {allocations:>12.1} {document:>9.0} {device_view:>12.0} {:>12.0} {:>16.0}",
        shape.name(),
        wheres[0],
        wheres[1],
    );
}

/// Nanoseconds for one of 64.
fn median(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Clock::now();
            for _ in 0..64 {
                work();
            }
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2].as_secs_f64() * 1e9 / (64.0 * 64.0)
}

fn id(device: u32) -> DeviceId {
    DeviceId::parse(&format!("device-{device:07}")).unwrap()
}

fn now(second: i64) -> Now {
    Now {
        mono: Instant::from_start(Duration::ZERO),
        wall: Timestamp::from_unix_seconds(1_700_000_000 + second),
    }
}
