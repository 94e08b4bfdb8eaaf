//! A direct method, from the caller to the device and back.
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

use super::{Against, Comparison, Contestant, Figure, Goal, Needs};
use crate::bench::{Bench, device_names};
use crate::load::{HttpCaller, Reactor};
use crate::sample::{Measure, Sample};
use crate::server::{Hub, SpeaksMqtt, Transport, callers};

const DEVICES: usize = 1_000;
const IN_FLIGHT: usize = 64;
/// Connections that open at once.
const AT_ONCE: usize = 64;

pub(super) const PLAIN: Figure = Figure {
    name: "method",
    about: "direct method round trip, 1,000 devices, 64 in flight, plain",
    contestants: &[
        Contestant {
            name: "hubnerite",
            needs: Needs::Nothing,
            measure: |bench| on_hub(bench, Transport::Plain),
        },
        Contestant {
            name: "mosquitto",
            needs: Needs::Mosquitto,
            measure: |bench| on_mosquitto(bench, IN_FLIGHT),
        },
        Contestant {
            name: "mosquitto, one caller",
            needs: Needs::Mosquitto,
            measure: |bench| on_mosquitto(bench, 1),
        },
    ],
    comparisons: &[
        Comparison {
            measure: Measure::CpuMicros,
            ours: "hubnerite",
            against: Against::Contestant("mosquitto"),
            goal: Goal::AtMost(1.0),
        },
        Comparison {
            measure: Measure::P99Millis,
            ours: "hubnerite",
            against: Against::Contestant("mosquitto"),
            goal: Goal::AtMost(1.5),
        },
        Comparison {
            measure: Measure::CpuMicros,
            ours: "hubnerite",
            against: Against::Contestant("mosquitto, one caller"),
            goal: Goal::None,
        },
    ],
};

fn on_hub(bench: &Bench, transport: Transport) -> anyhow::Result<Sample> {
    let hub = bench.hub(transport)?;
    let devices = device_names(DEVICES);
    hub.register(&devices)?;
    let mut reactor = Reactor::new()?;
    reactor.open(hub.answering(&devices), AT_ONCE)?;
    reactor.open(http_callers(&hub, &devices), AT_ONCE)?;
    reactor.run(hub.process(), bench.window)
}

fn http_callers(hub: &Hub, devices: &[String]) -> impl Iterator<Item = crate::load::Plan> {
    devices
        .chunks(devices.len() / IN_FLIGHT)
        .take(IN_FLIGHT)
        .map(|share| {
            let requests = share
                .iter()
                .map(|device| hub.request("POST", &format!("/twins/{device}/methods"), BODY))
                .collect();
            hub.http().plan(HttpCaller::new(requests))
        })
}

fn on_mosquitto(bench: &Bench, connections: usize) -> anyhow::Result<Sample> {
    let broker = bench.mosquitto(Transport::Plain)?;
    let devices = device_names(DEVICES);
    let mut reactor = Reactor::new()?;
    reactor.open(broker.answering(&devices), AT_ONCE)?;
    let mqtt = broker.mqtt();
    let callers = callers(&mqtt, &devices, connections, IN_FLIGHT);
    reactor.open(callers, AT_ONCE)?;
    reactor.run(broker.process(), bench.window)
}

/// What a caller of the hub asks.
const BODY: &str = r#"{"methodName":"reboot","payload":{"delay":5},"responseTimeoutInSeconds":30}"#;
