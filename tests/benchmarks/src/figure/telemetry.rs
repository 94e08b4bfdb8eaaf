//! Device-to-cloud messages at QoS 1, with eight unacknowledged a device, and with one.
//!
//! 500 devices send messages of 120 bytes to `devices/{id}/messages/events/`, as fast as they are
//! acknowledged; nobody subscribes.
//!
//! Why it is fair: the same bytes from the same load generator, and both sides acknowledge every message. The
//! hub checks each message, stamps it and keeps it in its event log; a broker without a subscriber drops it.

use super::shape::OURS;
use super::{Comparison, Contestant, Figure, Goal, Needs};
use crate::bench::{Bench, device_names};
use crate::load::Reactor;
use crate::sample::{Measure, Sample};
use crate::serve::Served;
use crate::server::{Broker, SpeaksMqtt, Transport};

pub(super) const DEVICES: usize = 500;
const AT_ONCE: usize = 64;

pub(super) const EIGHT: Figure = Figure {
    name: "telemetry",
    about: "telemetry at QoS 1, 500 devices, 8 unacknowledged each, event log on",
    contestants: &[
        Contestant::new(OURS, |bench| on_hub(bench, 8)),
        Contestant::new("mosquitto", |bench| {
            on_broker(bench, &bench.mosquitto(Transport::Plain)?, 8)
        })
        .needing(Needs::Mosquitto),
        Contestant::new("rumqttd", |bench| {
            on_broker(bench, &Broker::served(Served::Rumqttd)?, 8)
        })
        .needing(Needs::Feature("rumqttd", cfg!(feature = "rumqttd"))),
        Contestant::new("ntex-mqtt", |bench| {
            on_broker(bench, &Broker::served(Served::Ntex)?, 8)
        })
        .needing(Needs::Feature("ntex", cfg!(feature = "ntex"))),
    ],
    comparisons: &[
        // Five times the messages of a CPU second.
        Comparison::with("mosquitto", Measure::CpuMicros, Goal::AtMost(0.2)),
        Comparison::with("mosquitto", Measure::Rate, Goal::None),
        Comparison::with("rumqttd", Measure::CpuMicros, Goal::None),
        Comparison::with("ntex-mqtt", Measure::CpuMicros, Goal::None),
    ],
};

pub(super) const ONE: Figure = Figure {
    name: "telemetry-1",
    about: "telemetry at QoS 1, 500 devices, 1 unacknowledged each, event log on",
    contestants: &[
        Contestant::new(OURS, |bench| on_hub(bench, 1)),
        Contestant::new("mosquitto", |bench| {
            on_broker(bench, &bench.mosquitto(Transport::Plain)?, 1)
        })
        .needing(Needs::Mosquitto),
    ],
    comparisons: &[
        Comparison::with("mosquitto", Measure::CpuMicros, Goal::None),
        Comparison::with("mosquitto", Measure::Rate, Goal::None),
    ],
};

pub(super) fn on_hub(bench: &Bench, unacknowledged: u16) -> anyhow::Result<Sample> {
    let hub = bench.hub(Transport::Plain)?;
    let devices = device_names(DEVICES);
    hub.register(&devices)?;
    let mut reactor = Reactor::new()?;
    reactor.open(hub.telemetry(&devices, unacknowledged), AT_ONCE)?;
    reactor.run(hub.process(), bench.window)
}

fn on_broker(bench: &Bench, broker: &Broker, unacknowledged: u16) -> anyhow::Result<Sample> {
    let devices = device_names(DEVICES);
    let mut reactor = Reactor::new()?;
    reactor.open(broker.telemetry(&devices, unacknowledged), AT_ONCE)?;
    reactor.run(broker.process(), bench.window)
}
