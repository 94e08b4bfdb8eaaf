//! What `hubnerite fleet` spends on its devices, beside what the hub spends on them.
//!
//! Hub and fleet are processes of the one binary; the load generator calls the devices over REST, 64 calls in flight. `fleet`
//! and `hub` are measured one after the other under the same load, each in a run of its own: while the one is measured, the other is
//! among `others`.
//!
//! `fleet` and `fleet-tls`: each device answers each call and does nothing else. A round trip is two packets for the fleet, and for the hub these
//! and the request of the caller. `fleet-reboot`: each of the devices is called once, behaves as `reboot` does (it answers, reports, says
//! goodbye, comes back after a second, reports again), and what is measured is all of that, on both sides.
//!
//! Memory is what a device adds to the fleet's process (`RssAnon`): with all of them online, less with one, over the devices.

use std::time::Duration;

use anyhow::ensure;

use super::method::{AT_ONCE, http_callers};
use super::shape::OURS;
use super::{Comparison, Contestant, Figure, Goal};
use crate::bench::Bench;
use crate::clock::now;
use crate::load::Reactor;
use crate::sample::{CpuReading, Measure, Sample, as_f64};
use crate::server::{Fleet, Process, SpeaksMqtt, Transport};

const HUB: &str = "hub of the fleet";
const PLAIN_DEVICES: usize = 8_000;
const TLS_DEVICES: usize = 4_000;
/// As many for each caller.
const REBOOTING_DEVICES: usize = 4_096;
/// Longer than any reboot takes, and no more than that: what is idle costs next to nothing.
const REBOOTED_WITHIN: Duration = Duration::from_secs(4);

const ANSWERS: &str = "\
about: Answers.
start: running
states:
  running:
    - on-method: reboot
      do: {answer: {status: 200, payload: {rebooting: true}}}
";
const REBOOTS: &str = include_str!("../../../../device-sim/behaviours/reboot.yaml");

pub(super) const PLAIN: Figure = Figure {
    name: "fleet",
    about: "8,000 virtual devices of a fleet process that answer calls, plain; memory of one",
    contestants: &[
        Contestant::new(OURS, |bench| calls(bench, Transport::Plain, Side::Fleet)),
        Contestant::new(HUB, |bench| calls(bench, Transport::Plain, Side::Hub)),
    ],
    comparisons: &[
        Comparison::with(HUB, Measure::CpuMicros, Goal::AtMost(1.0)),
        Comparison::alone(Measure::BytesEach, Goal::AtMost(2_048.0)),
    ],
};

pub(super) const TLS: Figure = Figure {
    name: "fleet-tls",
    about: "4,000 virtual devices over TLS 1.3, called by plain HTTP; memory of one",
    contestants: &[
        Contestant::new(OURS, |bench| calls(bench, Transport::Tls, Side::Fleet)),
        Contestant::new(HUB, |bench| calls(bench, Transport::Tls, Side::Hub)),
    ],
    comparisons: &[
        Comparison::with(HUB, Measure::CpuMicros, Goal::AtMost(1.0)),
        Comparison::alone(Measure::BytesEach, Goal::AtMost(9_216.0)),
    ],
};

pub(super) const REBOOT: Figure = Figure {
    name: "fleet-reboot",
    about: "4,096 whole reboots: call, answer, two reports, goodbye and return, plain",
    contestants: &[
        Contestant::new(OURS, |bench| reboots(bench, Side::Fleet)),
        Contestant::new(HUB, |bench| reboots(bench, Side::Hub)),
    ],
    comparisons: &[Comparison::with(HUB, Measure::CpuMicros, Goal::AtMost(1.0))],
};

/// Whose CPU time is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Fleet,
    Hub,
}

impl Side {
    fn of<'a>(self, hub: &'a impl SpeaksMqtt, fleet: &'a Fleet) -> &'a Process {
        match self {
            Self::Fleet => fleet.process(),
            Self::Hub => hub.process(),
        }
    }
}

fn calls(bench: &Bench, transport: Transport, side: Side) -> anyhow::Result<Sample> {
    let devices = match transport {
        Transport::Plain => PLAIN_DEVICES,
        Transport::Tls => TLS_DEVICES,
    };
    let hub = bench.hub_of_fleet(transport)?;
    let start = |count| Fleet::start(&bench.hubnerite, &hub, transport, ANSWERS, count);
    let one = match side {
        Side::Fleet => Some(start(1)?.process().memory()?),
        Side::Hub => None,
    };
    let fleet = start(devices)?;
    let grown = match one {
        Some(one) => Some(fleet.process().memory()?.saturating_sub(one)),
        None => None,
    };
    let mut reactor = Reactor::new()?;
    let at = hub.plain_http();
    let names = names(devices);
    let callers = http_callers(&hub, &names).map(|it| at.plan(it));
    reactor.open(callers, AT_ONCE)?;
    let mut sample = reactor.run(side.of(&hub, &fleet), bench.window)?;
    sample.bytes_each = match grown {
        Some(grown) => Some(as_f64(grown) / as_f64(u64::try_from(devices - 1)?)),
        None => None,
    };
    Ok(sample)
}

fn reboots(bench: &Bench, side: Side) -> anyhow::Result<Sample> {
    let hub = bench.hub_of_fleet(Transport::Plain)?;
    let mut fleet = Fleet::start(
        &bench.hubnerite,
        &hub,
        Transport::Plain,
        REBOOTS,
        REBOOTING_DEVICES,
    )?;
    let mut reactor = Reactor::new()?;
    let at = hub.plain_http();
    let names = names(REBOOTING_DEVICES);
    let callers = http_callers(&hub, &names);
    reactor.open(callers.map(|it| at.plan(it.once())), AT_ONCE)?;
    let process = side.of(&hub, &fleet);
    let (before, from) = (CpuReading::of(process)?, now());
    let (answered, latency) = reactor.run_for(REBOOTED_WITHIN)?;
    let elapsed = from.elapsed();
    let cpu = CpuReading::of(process)?.since(before, elapsed);
    let count = u64::try_from(REBOOTING_DEVICES)?;
    ensure!(answered == count, "{answered} of {count} were answered");
    // Twice each, and nobody is away.
    fleet.wait_until(|told| {
        told["online"].as_u64() == Some(count) && told["onlines"].as_u64() == Some(2 * count)
    })?;
    let mut sample = Sample::of(count, elapsed, latency);
    sample.cpu = Some(cpu);
    Ok(sample)
}

/// As a fleet calls them.
fn names(count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("device-{number}"))
        .collect()
}
