//! Starts, hubs by name, resets: what a test suite waits for, again and again; and the size of the binary.
//!
//! A start is from the spawn of the process to its ready line, with a certificate authority that is there already. The other two are
//! single requests to the admin API on a kept connection, one after another, so each is as long as its user waits, HTTP
//! included. No peer does any of this.

use std::time::Instant;

use super::shape::OURS;
use super::{Comparison, Contestant, Figure, Goal};
use crate::bench::{Bench, device_names};
use crate::clock::now;
use crate::load::new_histogram;
use crate::sample::{CpuReading, Measure, Sample, as_f64};
use crate::server::{HttpClient, Hub, SpeaksMqtt, Transport};

const STARTS: usize = 21;
const HUBS: usize = 1_000;
const DEVICES: usize = 1_000;
const RESETS: usize = 11;

pub(super) const START: Figure = Figure {
    name: "start",
    about: "from spawn to ready line; memory once ready, of files as well",
    contestants: &[Contestant::new(OURS, starts)],
    comparisons: &[
        Comparison::alone(Measure::P50Millis, Goal::AtMost(50.0)),
        Comparison::alone(Measure::BytesEach, Goal::AtMost(20e6)),
    ],
};

pub(super) const SIZE: Figure = Figure {
    name: "size",
    about: "the binary",
    contestants: &[Contestant::new(OURS, |bench| {
        let mut sample = Sample::untimed();
        sample.bytes_each = Some(as_f64(std::fs::metadata(&bench.hubnerite)?.len()));
        Ok(sample)
    })],
    comparisons: &[Comparison::alone(Measure::BytesEach, Goal::AtMost(25e6))],
};

pub(super) const HUB: Figure = Figure {
    name: "hub",
    about: "PUT /admin/hubs/{name} in a process that runs, 1,000 hubs; memory of an idle one",
    contestants: &[Contestant::new(OURS, hubs)],
    comparisons: &[
        Comparison::alone(Measure::P50Millis, Goal::AtMost(0.1)),
        Comparison::alone(Measure::P99Millis, Goal::None),
    ],
};

pub(super) const RESET: Figure = Figure {
    name: "reset",
    about: "POST /admin/reset of a hub with 1,000 devices and their twins",
    contestants: &[Contestant::new(OURS, resets)],
    comparisons: &[Comparison::alone(Measure::P50Millis, Goal::AtMost(1.0))],
};

/// Repeats something and takes the time of each.
fn each_timed(
    times: usize,
    mut one: impl FnMut(usize) -> anyhow::Result<(Instant, Instant)>,
) -> anyhow::Result<Sample> {
    let mut took = new_histogram();
    let mut elapsed = std::time::Duration::ZERO;
    for number in 0..times {
        let (from, until) = one(number)?;
        let one = until.saturating_duration_since(from);
        elapsed += one;
        took.saturating_record(u64::try_from(one.as_nanos())?);
    }
    Ok(Sample::of(u64::try_from(times)?, elapsed, took))
}

fn starts(bench: &Bench) -> anyhow::Result<Sample> {
    let authority = tempfile::tempdir()?;
    let ready = || bench.hub_with_authority(authority.path());
    // Makes the authority.
    drop(ready()?);
    let mut resident = Vec::new();
    let mut sample = each_timed(STARTS, |_| {
        let from = now();
        let hub = ready()?;
        let until = now();
        // The trust files are written in the background: let that be over before memory is read.
        std::thread::sleep(std::time::Duration::from_millis(100));
        resident.push(as_f64(hub.process().resident()?));
        Ok((from, until))
    })?;
    sample.bytes_each = crate::sample::median(resident);
    Ok(sample)
}

fn hubs(bench: &Bench) -> anyhow::Result<Sample> {
    let hub = bench.hub(Transport::Plain)?;
    let mut admin = HttpClient::connect(hub.admin())?;
    // The first is not like the others: it wakes everything up.
    admin.ask(&Hub::admin_request("PUT", "/admin/hubs/first", ""))?;
    let memory = hub.process().memory()?;
    let before = CpuReading::of(hub.process())?;
    let mut sample = each_timed(HUBS, |number| {
        let request = Hub::admin_request("PUT", &format!("/admin/hubs/hub-{number}"), "");
        let from = now();
        admin.ask(&request)?;
        Ok((from, now()))
    })?;
    sample.cpu = Some(CpuReading::of(hub.process())?.since(before, sample.elapsed));
    let grown = hub.process().memory()?.saturating_sub(memory);
    sample.bytes_each = Some(as_f64(grown) / as_f64(u64::try_from(HUBS)?));
    Ok(sample)
}

fn resets(bench: &Bench) -> anyhow::Result<Sample> {
    let hub = bench.hub(Transport::Plain)?;
    let mut admin = HttpClient::connect(hub.admin())?;
    let devices = device_names(DEVICES);
    let request = Hub::admin_request("POST", "/admin/reset", "");
    each_timed(RESETS, |_| {
        hub.register(&devices)?;
        hub.write_twins(&devices)?;
        let from = now();
        admin.ask(&request)?;
        Ok((from, now()))
    })
}
