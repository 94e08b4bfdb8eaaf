//! What the devices did, in figures: per cohort, and how long things took by the hub's clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::device::Device;
use super::histogram::Histogram;
use super::observed::What;
use super::verdict::{CohortSummary, Latency};

/// Calls remembered while they are open. A hub bounds its open calls far below this.
const OPEN_CALLS: usize = 1 << 20;

/// An open method call.
#[derive(Clone, Debug)]
pub(super) struct OpenCall {
    pub(super) method: Arc<str>,
    pub(super) since: Duration,
}

/// Counts and latencies.
#[derive(Debug)]
pub(super) struct Activity {
    cohorts: Vec<CohortSummary>,
    method: Histogram,
    offline: Histogram,
    /// By device and call; looked up, never listed.
    calls: HashMap<(u32, u64), OpenCall>,
}

impl Activity {
    /// Cohorts by name and number of devices.
    pub(super) fn new(cohorts: impl Iterator<Item = (String, u64)>) -> Self {
        let summary = |(name, devices)| CohortSummary {
            name,
            devices,
            ..CohortSummary::default()
        };
        Self {
            cohorts: cohorts.map(summary).collect(),
            method: Histogram::default(),
            offline: Histogram::default(),
            calls: HashMap::new(),
        }
    }

    /// Takes a fact of a device as it was before; says which call it speaks of.
    pub(super) fn observe(
        &mut self,
        place: u32,
        device: &mut Device,
        what: &What,
        at: Duration,
    ) -> Option<OpenCall> {
        let mut nobody = CohortSummary::default();
        let cohort = device
            .cohort
            .and_then(|cohort| self.cohorts.get_mut(cohort));
        let cohort = cohort.unwrap_or(&mut nobody);
        match what {
            What::Connected { .. } => {
                cohort.connects += 1;
                if let Some(since) = device.offline_since.take() {
                    self.offline.record(at.saturating_sub(since));
                }
            }
            What::Disconnected { .. } => {
                cohort.disconnects += 1;
                device.offline_since = Some(at);
            }
            What::Deleted => device.offline_since = None,
            What::Reported { .. } => cohort.reports += 1,
            What::Telemetry { .. } => cohort.messages += 1,
            What::MethodInvoked { call, name } => self.open(place, *call, name, at),
            What::MethodDelivered { call } => return self.calls.get(&(place, *call)).cloned(),
            What::MethodAnswered { call, .. } => {
                cohort.methods_answered += 1;
                let call = self.calls.remove(&(place, *call));
                if let Some(call) = &call {
                    self.method.record(at.saturating_sub(call.since));
                }
                return call;
            }
            What::MethodFailed { call, .. } => {
                cohort.methods_failed += 1;
                return self.calls.remove(&(place, *call));
            }
            What::Created
            | What::Updated { .. }
            | What::Desired { .. }
            | What::Tags { .. }
            | What::MethodAnswerIgnored
            | What::C2dEnqueued { .. }
            | What::C2dDelivered { .. }
            | What::C2dSettled { .. }
            | What::DeviceJobEnded { .. }
            | What::Other => {}
        }
        None
    }

    fn open(&mut self, place: u32, call: u64, name: &str, since: Duration) {
        if self.calls.len() < OPEN_CALLS {
            let method = Arc::from(name);
            self.calls.insert((place, call), OpenCall { method, since });
        }
    }

    /// The figures.
    pub(super) fn finish(self) -> (Vec<CohortSummary>, BTreeMap<String, Latency>) {
        let phases = [("method", &self.method), ("offline", &self.offline)];
        let phase =
            |(name, histogram): (&str, &Histogram)| Some((name.to_owned(), histogram.latency()?));
        (self.cohorts, phases.into_iter().filter_map(phase).collect())
    }
}
