//! A patch of reported properties, from the device to the hub's word that it is done.
//!
//! 500 devices patch one property of their twins as fast as they are answered, with one patch open each and with
//! eight; beside it, telemetry with as many messages unacknowledged.
//!
//! Why it is fair: both are one packet in and one packet out, from the same devices in the same hub. A patch is
//! parsed, merged and versioned, logged with its text, and answered with a topic of its own; a message is stamped, logged and acknowledged
//! in four bytes.

use super::telemetry::{self, DEVICES};
use super::{Comparison, Contestant, Figure, Goal};
use crate::bench::{Bench, device_names};
use crate::load::Reactor;
use crate::sample::{Measure, Sample};
use crate::server::{SpeaksMqtt, Transport};

const PATCH_ONE: &str = "patch, 1 open";
const PATCH_EIGHT: &str = "patch, 8 open";

pub(super) const PATCH: Figure = Figure {
    name: "reported",
    about: "reported patch round trip over MQTT, 500 devices, against telemetry on the same hub",
    contestants: &[
        Contestant::new(PATCH_ONE, |bench| patch(bench, 1)),
        Contestant::new("telemetry, 1 open", |bench| telemetry::on_hub(bench, 1)),
        Contestant::new(PATCH_EIGHT, |bench| patch(bench, 8)),
        Contestant::new("telemetry, 8 open", |bench| telemetry::on_hub(bench, 8)),
    ],
    comparisons: &[
        Comparison::with("telemetry, 1 open", Measure::CpuMicros, Goal::AtMost(3.0)).of(PATCH_ONE),
        Comparison::with("telemetry, 8 open", Measure::CpuMicros, Goal::AtMost(3.0))
            .of(PATCH_EIGHT),
    ],
};

fn patch(bench: &Bench, open: u16) -> anyhow::Result<Sample> {
    let hub = bench.hub(Transport::Plain)?;
    let devices = device_names(DEVICES);
    hub.register(&devices)?;
    let mut reactor = Reactor::new()?;
    reactor.open(hub.reporting(&devices, open), DEVICES)?;
    reactor.run(hub.process(), bench.window)
}
