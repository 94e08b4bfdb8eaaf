//! Device-to-cloud messages at QoS 1, with eight unacknowledged a device, and with one.
//!
//! 500 devices send messages of 120 bytes to `devices/{id}/messages/events/`, as fast as they are
//! acknowledged; nobody subscribes.
//!
//! Why it is fair: the same bytes from the same load generator, and both sides acknowledge every message. The
//! hub checks each message, stamps it and keeps it in its event log; a broker without a subscriber drops it.

use super::{Against, Comparison, Contestant, Figure, Goal, Needs};
use crate::bench::{Bench, device_names};
use crate::load::Reactor;
use crate::sample::{Measure, Sample};
use crate::server::{SpeaksMqtt, Transport};

const DEVICES: usize = 500;
const AT_ONCE: usize = 64;

pub(super) const EIGHT: Figure = Figure {
    name: "telemetry",
    about: "telemetry at QoS 1, 500 devices, 8 unacknowledged each, event log on",
    contestants: &[
        Contestant {
            name: "hubnerite",
            needs: Needs::Nothing,
            measure: |bench| on_hub(bench, 8),
        },
        Contestant {
            name: "mosquitto",
            needs: Needs::Mosquitto,
            measure: |bench| on_mosquitto(bench, 8),
        },
    ],
    comparisons: &[
        // Five times the messages of a CPU second.
        Comparison {
            measure: Measure::CpuMicros,
            ours: "hubnerite",
            against: Against::Contestant("mosquitto"),
            goal: Goal::AtMost(0.2),
        },
        Comparison {
            measure: Measure::Rate,
            ours: "hubnerite",
            against: Against::Contestant("mosquitto"),
            goal: Goal::None,
        },
    ],
};

pub(super) const ONE: Figure = Figure {
    name: "telemetry-1",
    about: "telemetry at QoS 1, 500 devices, 1 unacknowledged each, event log on",
    contestants: &[
        Contestant {
            name: "hubnerite",
            needs: Needs::Nothing,
            measure: |bench| on_hub(bench, 1),
        },
        Contestant {
            name: "mosquitto",
            needs: Needs::Mosquitto,
            measure: |bench| on_mosquitto(bench, 1),
        },
    ],
    comparisons: &[Comparison {
        measure: Measure::CpuMicros,
        ours: "hubnerite",
        against: Against::Contestant("mosquitto"),
        goal: Goal::None,
    }],
};

fn on_hub(bench: &Bench, unacknowledged: u16) -> anyhow::Result<Sample> {
    let hub = bench.hub(Transport::Plain)?;
    let devices = device_names(DEVICES);
    hub.register(&devices)?;
    send(bench, &hub, &devices, unacknowledged)
}

fn on_mosquitto(bench: &Bench, unacknowledged: u16) -> anyhow::Result<Sample> {
    let broker = bench.mosquitto(Transport::Plain)?;
    send(bench, &broker, &device_names(DEVICES), unacknowledged)
}

fn send(
    bench: &Bench,
    server: &impl SpeaksMqtt,
    devices: &[String],
    unacknowledged: u16,
) -> anyhow::Result<Sample> {
    let mut reactor = Reactor::new()?;
    reactor.open(server.telemetry(devices, unacknowledged), AT_ONCE)?;
    reactor.run(server.process(), bench.window)
}
