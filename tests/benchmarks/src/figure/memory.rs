//! What a connected device holds of the server's memory while it is idle.
//!
//! 8,000 devices (4,000 over TLS) connect, listen for calls, report a property, and keep silent. What is told is the growth of the
//! server's anonymous memory (`RssAnon`: heap and stacks, not files), for each device, from ready to a second after
//! the last has connected.
//!
//! What it holds: identity and keys, a twin with a tag, a desired and a reported property, the link and its task, and the facts in the event
//! log that tell of all this. `hubnerite, not connected` is the same without a connection: identity, twin, facts. mosquitto has a connection
//! and a subscription and no twin; it is there for the picture. Memory of the kernel is in neither.

use super::shape::OURS;
use super::{Comparison, Contestant, Figure, Goal, Needs};
use crate::bench::{Bench, device_names};
use crate::load::Reactor;
use crate::sample::{Measure, Sample, as_f64};
use crate::server::{Process, SpeaksMqtt, Transport};

const PLAIN_DEVICES: usize = 8_000;
const TLS_DEVICES: usize = 4_000;
const AT_ONCE: usize = 64;
const NOT_CONNECTED: &str = "hubnerite, not connected";

pub(super) const PLAIN: Figure = Figure {
    name: "memory",
    about: "user-space memory a connected, twinned, idle device, plain",
    contestants: &[
        Contestant::new(OURS, |bench| on_hub(bench, Transport::Plain, true)),
        Contestant::new(NOT_CONNECTED, |bench| {
            on_hub(bench, Transport::Plain, false)
        }),
        Contestant::new("mosquitto", |bench| on_mosquitto(bench, Transport::Plain))
            .needing(Needs::Mosquitto),
    ],
    comparisons: &[
        Comparison::alone(Measure::BytesEach, Goal::AtMost(3.0 * 1024.0)),
        Comparison::with("mosquitto", Measure::BytesEach, Goal::None),
    ],
};

pub(super) const TLS: Figure = Figure {
    name: "memory-tls",
    about: "user-space memory a connected, twinned, idle device, TLS 1.3",
    contestants: &[
        Contestant::new(OURS, |bench| on_hub(bench, Transport::Tls, true)),
        Contestant::new("mosquitto", |bench| on_mosquitto(bench, Transport::Tls))
            .needing(Needs::Mosquitto),
    ],
    comparisons: &[
        Comparison::alone(Measure::BytesEach, Goal::AtMost(10.0 * 1024.0)),
        Comparison::with("mosquitto", Measure::BytesEach, Goal::None),
    ],
};

fn device_count(transport: Transport) -> usize {
    match transport {
        Transport::Plain => PLAIN_DEVICES,
        Transport::Tls => TLS_DEVICES,
    }
}

fn on_hub(bench: &Bench, transport: Transport, connected: bool) -> anyhow::Result<Sample> {
    let hub = bench.hub(transport)?;
    let devices = device_names(device_count(transport));
    let grown = Growth::from(hub.process())?;
    hub.register(&devices)?;
    hub.write_twins(&devices)?;
    let mut reactor = Reactor::new()?;
    if connected {
        reactor.open(hub.twinned(&devices), AT_ONCE)?;
    }
    grown.sample(hub.process(), &mut reactor, devices.len())
}

fn on_mosquitto(bench: &Bench, transport: Transport) -> anyhow::Result<Sample> {
    let broker = bench.mosquitto(transport)?;
    let devices = device_names(device_count(transport));
    let grown = Growth::from(broker.process())?;
    let mut reactor = Reactor::new()?;
    reactor.open(broker.idle(&devices), AT_ONCE)?;
    grown.sample(broker.process(), &mut reactor, devices.len())
}

/// Memory before anything was connected.
struct Growth(u64);

impl Growth {
    fn from(server: &Process) -> anyhow::Result<Self> {
        // The hub writes its trust files in the background: let that be over.
        std::thread::sleep(std::time::Duration::from_millis(500));
        Ok(Self(server.memory()?))
    }

    fn sample(
        self,
        server: &Process,
        reactor: &mut Reactor,
        devices: usize,
    ) -> anyhow::Result<Sample> {
        reactor.carry(crate::clock::now() + std::time::Duration::from_secs(1))?;
        let devices = u64::try_from(devices)?;
        let grown = server.memory()?.saturating_sub(self.0);
        let mut sample = Sample::untimed();
        sample.bytes_each = Some(as_f64(grown) / as_f64(devices));
        Ok(sample)
    }
}
