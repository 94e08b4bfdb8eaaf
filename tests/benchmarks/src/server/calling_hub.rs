//! The emulator as a library with its callers in the same process.

use anyhow::Context;
use hdrhistogram::Histogram;
use hub_proto::sas::SasKey;

use super::hub::{HUB_CALLS_FILTER, device_connects, hub_answer_root};
use super::process::Process;
use super::speaks::{Endpoint, SpeaksMqtt};
use crate::load::{AnswerRoot, new_histogram};
use crate::serve::Served;

/// A hub that calls its devices by itself.
#[derive(Debug)]
pub(crate) struct CallingHub {
    process: Process,
    mqtt: Endpoint,
    key: SasKey,
}

/// What it called since it was last asked.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) operations: u64,
    /// In nanoseconds; of what it tells, the median and the 99th percentile.
    pub(crate) latency: Histogram<u64>,
}

impl CallingHub {
    /// With `device-0` and so on registered.
    pub(crate) fn start(devices: usize, in_flight: usize) -> anyhow::Result<Self> {
        let key = SasKey::from_bytes(b"a key of thirty-two bytes,shared");
        let arguments = [devices.to_string(), in_flight.to_string()];
        let (process, address) = Served::CallingHub.start(&arguments)?;
        Ok(Self {
            process,
            mqtt: Endpoint { address, tls: None },
            key,
        })
    }

    /// Has it call from here on.
    pub(crate) fn begin(&mut self) -> anyhow::Result<()> {
        self.process.say("begin")
    }

    /// What it called since this was last asked.
    pub(crate) fn count(&mut self) -> anyhow::Result<Counted> {
        self.process.say("count")?;
        let told = self.process.line()?;
        let number = |name: &str| told[name].as_u64().with_context(|| format!("no {name}"));
        let mut latency = new_histogram();
        // Two of a hundred are above the 98th percentile and so decide the 99th.
        latency.saturating_record_n(number("p50Nanos")?, 98);
        latency.saturating_record_n(number("p99Nanos")?, 2);
        Ok(Counted {
            operations: number("operations")?,
            latency,
        })
    }
}

impl SpeaksMqtt for CallingHub {
    fn process(&self) -> &Process {
        &self.process
    }

    fn mqtt(&self) -> Endpoint {
        self.mqtt.clone()
    }

    fn device_connects(&self, device: &str) -> Vec<u8> {
        device_connects(device, &self.key)
    }

    fn calls_filter(&self, _device: &str) -> String {
        HUB_CALLS_FILTER.to_owned()
    }

    fn answer_root(&self) -> AnswerRoot {
        hub_answer_root
    }
}
