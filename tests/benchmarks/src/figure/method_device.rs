//! A direct method without the caller's part: what the hub spends on its devices.
//!
//! The caller is taken out by having it in the hub's own process: a server of the suite starts the emulator as
//! a library, registers 1,000 devices, and keeps 64 calls of `HubHandle::invoke_method` in flight, each from a
//! task of its own, with the timestamps of their latencies. What is left is two socket calls, one PUBLISH out and one in: the shard, the
//! codec, deadlines and the event log. The callers' tasks and clock readings are counted as the server's.
//!
//! Why it is fair: mosquitto cannot call by itself, so it is measured with the callers' part in: all of it, which is
//! what the goal is on, and with all 64 calls in flight on one connection, which leaves little more of that part
//! than the packets. The latter is the nearest there is to a broker's device side.

use super::method::{AT_ONCE, DEVICES, IN_FLIGHT};
use super::shape::OURS;
use super::{Comparison, Contestant, Figure, Goal, Needs};
use crate::bench::{Bench, device_names};
use crate::load::Reactor;
use crate::sample::{CpuReading, Measure, Sample};
use crate::server::{CallingHub, SpeaksMqtt};

pub(super) const PLAIN: Figure = Figure {
    name: "method-device",
    about: "direct method, device side only: the callers are in the hub's process",
    contestants: &[
        Contestant::new(OURS, on_hub),
        Contestant::new("mosquitto", |bench| {
            super::method::on_mosquitto(bench, IN_FLIGHT)
        })
        .needing(Needs::Mosquitto),
        Contestant::new("mosquitto, one caller", |bench| {
            super::method::on_mosquitto(bench, 1)
        })
        .needing(Needs::Mosquitto),
    ],
    comparisons: &[
        Comparison::with("mosquitto", Measure::CpuMicros, Goal::AtMost(0.65)),
        Comparison::with("mosquitto, one caller", Measure::CpuMicros, Goal::None),
    ],
};

fn on_hub(bench: &Bench) -> anyhow::Result<Sample> {
    let devices = device_names(DEVICES);
    let mut hub = CallingHub::start(DEVICES, IN_FLIGHT)?;
    let mut reactor = Reactor::new()?;
    reactor.open(hub.answering(&devices), AT_ONCE)?;
    hub.begin()?;
    reactor.carry(crate::clock::now() + bench.window.warm_up)?;
    let before = CpuReading::of(hub.process())?;
    hub.count()?;
    let from = crate::clock::now();
    reactor.carry(from + bench.window.measured)?;
    let elapsed = from.elapsed();
    let after = CpuReading::of(hub.process())?;
    let counted = hub.count()?;
    let mut sample = Sample::of(counted.operations, elapsed, counted.latency);
    sample.cpu = Some(after.since(before, elapsed));
    Ok(sample)
}
