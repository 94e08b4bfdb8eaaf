//! A direct method, from the caller to the device and back: plain, with many idle devices beside, over TLS.
//!
//! 1,000 devices answer every call at once; 64 callers keep one call each in flight, on a connection each.
//!
//! Why it is fair: every server carries the same number of calls over the same number of connections, with
//! payloads of the same bytes and a fresh request id each, from one load generator on the same cores. The
//! hub's callers speak HTTP/1.1 with a token on each request, as IoT Hub's do, and its devices MQTT with
//! tokens; a broker's callers and devices speak MQTT without any: a round trip is four PUBLISH packets there. The
//! hub does more (it parses HTTP and JSON, checks a token, keeps deadlines and an event log); the goal is to
//! do so for no more. `mosquitto, one caller` keeps all 64 calls in flight on one connection, which spares it
//! most of the caller's system calls; no HTTP/1.1 caller can do so.
//!
//! `tcp echo` is what the machine can do: 64 connections whose 128 bytes come back, served by tokio with as
//! many threads as the hub's. A method call is two such round trips.

use super::shape::OURS;
use super::{Comparison, Contestant, Figure, Goal, Needs};
use crate::bench::{Bench, device_names};
use crate::load::{EchoCaller, HttpCaller, Reactor};
use crate::sample::{Measure, Sample};
use crate::serve::Served;
use crate::server::{Broker, Endpoint, Hub, SpeaksMqtt, Transport, callers};

pub(super) const DEVICES: usize = 1_000;
pub(super) const IN_FLIGHT: usize = 64;
/// Connections that open at once.
pub(super) const AT_ONCE: usize = 64;
const IDLE_DEVICES: usize = 10_000;

const NO_IDLE: usize = 0;

pub(super) const PLAIN: Figure = Figure {
    name: "method",
    about: "direct method round trip, 1,000 devices, 64 in flight, plain",
    contestants: &[
        Contestant::new(OURS, |bench| on_hub(bench, Transport::Plain, NO_IDLE)),
        Contestant::new("mosquitto", |bench| on_mosquitto(bench, IN_FLIGHT))
            .needing(Needs::Mosquitto),
        Contestant::new("mosquitto, one caller", |bench| on_mosquitto(bench, 1))
            .needing(Needs::Mosquitto),
        Contestant::new("rumqttd", |bench| {
            on_broker(bench, &Broker::served(Served::Rumqttd)?, IN_FLIGHT, NO_IDLE)
        })
        .needing(Needs::Feature("rumqttd", cfg!(feature = "rumqttd"))),
        Contestant::new("ntex-mqtt", |bench| {
            on_broker(bench, &Broker::served(Served::Ntex)?, IN_FLIGHT, NO_IDLE)
        })
        .needing(Needs::Feature("ntex", cfg!(feature = "ntex"))),
        Contestant::new("tcp echo", echo),
    ],
    comparisons: &[
        Comparison::with("mosquitto", Measure::CpuMicros, Goal::AtMost(1.0)),
        Comparison::with("mosquitto", Measure::P99Millis, Goal::AtMost(1.5)),
        Comparison::with("mosquitto", Measure::Rate, Goal::None),
        Comparison::with("mosquitto, one caller", Measure::CpuMicros, Goal::None),
        Comparison::with("rumqttd", Measure::CpuMicros, Goal::None),
        Comparison::with("ntex-mqtt", Measure::CpuMicros, Goal::None),
        Comparison::with("tcp echo", Measure::CpuMicros, Goal::None),
    ],
};

pub(super) const IDLE: Figure = Figure {
    name: "method-idle",
    about: "the same with 10,000 further devices that are connected, listen for calls, and get none",
    contestants: &[
        Contestant::new(OURS, |bench| on_hub(bench, Transport::Plain, IDLE_DEVICES)),
        Contestant::new("mosquitto", |bench| {
            on_broker(
                bench,
                &bench.mosquitto(Transport::Plain)?,
                IN_FLIGHT,
                IDLE_DEVICES,
            )
        })
        .needing(Needs::Mosquitto),
    ],
    comparisons: &[
        Comparison::with("mosquitto", Measure::CpuMicros, Goal::AtMost(1.3)),
        Comparison::with("mosquitto", Measure::P99Millis, Goal::AtMost(1.5)),
    ],
};

pub(super) const TLS: Figure = Figure {
    name: "method-tls",
    about: "the same with every connection over TLS 1.3, callers and devices",
    contestants: &[
        Contestant::new(OURS, |bench| on_hub(bench, Transport::Tls, NO_IDLE)),
        Contestant::new("mosquitto", |bench| {
            on_broker(bench, &bench.mosquitto(Transport::Tls)?, IN_FLIGHT, NO_IDLE)
        })
        .needing(Needs::Mosquitto),
    ],
    comparisons: &[
        Comparison::with("mosquitto", Measure::CpuMicros, Goal::None),
        Comparison::with("mosquitto", Measure::P99Millis, Goal::None),
    ],
};

fn on_hub(bench: &Bench, transport: Transport, idle: usize) -> anyhow::Result<Sample> {
    let hub = bench.hub(transport)?;
    let devices = device_names(DEVICES + idle);
    hub.register(&devices)?;
    let (answering, idle) = devices.split_at(DEVICES);
    let mut reactor = Reactor::new()?;
    reactor.open(hub.answering(answering), AT_ONCE)?;
    reactor.open(hub.idle(idle), AT_ONCE)?;
    let callers = http_callers(&hub, answering).map(|it| hub.http().plan(it));
    reactor.open(callers, AT_ONCE)?;
    reactor.run(hub.process(), bench.window)
}

/// Callers that share the devices.
pub(super) fn http_callers(hub: &Hub, devices: &[String]) -> impl Iterator<Item = HttpCaller> {
    let shares = devices.chunks(devices.len() / IN_FLIGHT).take(IN_FLIGHT);
    shares.map(|share| {
        let requests = share
            .iter()
            .map(|device| hub.request("POST", &format!("/twins/{device}/methods"), BODY))
            .collect();
        HttpCaller::new(requests)
    })
}

/// mosquitto with no idle devices.
pub(super) fn on_mosquitto(bench: &Bench, connections: usize) -> anyhow::Result<Sample> {
    on_broker(
        bench,
        &bench.mosquitto(Transport::Plain)?,
        connections,
        NO_IDLE,
    )
}

fn on_broker(
    bench: &Bench,
    broker: &Broker,
    connections: usize,
    idle: usize,
) -> anyhow::Result<Sample> {
    let devices = device_names(DEVICES + idle);
    let (answering, idle) = devices.split_at(DEVICES);
    let mut reactor = Reactor::new()?;
    reactor.open(broker.answering(answering), AT_ONCE)?;
    reactor.open(broker.idle(idle), AT_ONCE)?;
    let mqtt = broker.mqtt();
    reactor.open(callers(&mqtt, answering, connections, IN_FLIGHT), AT_ONCE)?;
    reactor.run(broker.process(), bench.window)
}

fn echo(bench: &Bench) -> anyhow::Result<Sample> {
    let (process, address) = Served::Echo.start(&[])?;
    let endpoint = Endpoint { address, tls: None };
    let mut reactor = Reactor::new()?;
    let callers = (0..IN_FLIGHT).map(|_| endpoint.plan(EchoCaller::new(128)));
    reactor.open(callers, AT_ONCE)?;
    reactor.run(&process, bench.window)
}

/// What a caller of the hub asks.
const BODY: &str = r#"{"methodName":"reboot","payload":{"delay":5},"responseTimeoutInSeconds":30}"#;
