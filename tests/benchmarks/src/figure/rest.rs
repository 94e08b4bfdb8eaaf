//! A twin read over REST.
//!
//! 64 connections ask one after another for the twins of 1,000 devices, over plain HTTP.
//!
//! Why it is fair: bare hyper, the library beneath the hub, answers every request with as many bytes, head and
//! body together, from memory and without a look at the request. The hub finds a route, checks a token, and
//! prints a document. What it costs beyond hyper is its own.

use super::shape::OURS;
use super::{Comparison, Contestant, Figure, Goal};
use crate::bench::{Bench, device_names};
use crate::load::{HttpCaller, Reactor};
use crate::sample::{Measure, Sample};
use crate::serve::Served;
use crate::server::{Endpoint, Hub, SpeaksMqtt, Transport};

const DEVICES: usize = 1_000;
const CALLERS: usize = 64;

pub(super) const TWIN: Figure = Figure {
    name: "rest",
    about: "GET of a twin, 64 connections, plain, against bare hyper with as long an answer",
    contestants: &[
        Contestant::new(OURS, on_hub),
        Contestant::new("hyper", on_hyper),
    ],
    comparisons: &[
        Comparison::with("hyper", Measure::CpuMicros, Goal::AtMost(1.5)),
        Comparison::with("hyper", Measure::Rate, Goal::None),
    ],
};

fn hub_with_twins(bench: &Bench) -> anyhow::Result<(Hub, Vec<String>)> {
    let hub = bench.hub(Transport::Plain)?;
    let devices = device_names(DEVICES);
    hub.register(&devices)?;
    hub.write_twins(&devices)?;
    Ok((hub, devices))
}

fn on_hub(bench: &Bench) -> anyhow::Result<Sample> {
    let (hub, devices) = hub_with_twins(bench)?;
    let mut reactor = Reactor::new()?;
    reactor.open(callers(&hub, &devices, hub.http()), CALLERS)?;
    reactor.run(hub.process(), bench.window)
}

fn on_hyper(bench: &Bench) -> anyhow::Result<Sample> {
    let (hub, devices) = hub_with_twins(bench)?;
    let answer_bytes = hub.ask("GET", "/twins/device-500", "")?.len();
    let (process, address) =
        Served::Hyper.start(&[(answer_bytes - HYPER_HEAD_BYTES).to_string()])?;
    let endpoint = Endpoint { address, tls: None };
    let mut reactor = Reactor::new()?;
    // The requests are the hub's, so hyper has as much to parse.
    reactor.open(callers(&hub, &devices, &endpoint), CALLERS)?;
    reactor.run(&process, bench.window)
}

fn callers(
    hub: &Hub,
    devices: &[String],
    endpoint: &Endpoint,
) -> impl Iterator<Item = crate::load::Plan> {
    devices
        .chunks(devices.len() / CALLERS)
        .take(CALLERS)
        .map(|share| {
            let requests = share
                .iter()
                .map(|device| hub.request("GET", &format!("/twins/{device}"), ""))
                .collect();
            endpoint.plan(HttpCaller::new(requests))
        })
}

/// Status line, content-type, content-length of three digits, date, and the empty line.
const HYPER_HEAD_BYTES: usize = 17 + 47 + 21 + 37 + 2;
