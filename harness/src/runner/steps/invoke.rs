//! Direct methods on many devices: so many in flight, or so many a second whatever comes back.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hub_proto::ids::MethodName;
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep_until};

use super::super::message::Ending;
use super::super::plan::timeouts;
use super::super::service::{MethodCall, Refused};
use super::{Problems, Stage};
use crate::scenario::ast::{Invoke, InvokeExpectation};

impl Stage<'_> {
    pub(super) async fn invoke(&self, place: usize, invoke: &Invoke) -> Ending {
        let call = MethodCall {
            name: MethodName::parse(&invoke.method.value).expect("the plan checked the name"),
            payload: invoke.payload.as_ref().unwrap_or(&Value::Null).to_string(),
            timeouts: timeouts(invoke).expect("the plan checked the time-outs"),
        };
        let devices = self.choose(&invoke.on).devices;
        let tempo = Tempo::new(invoke);
        let mut open = FuturesUnordered::new();
        let mut problems = Problems::default();
        let (mut started, mut done) = (0, 0);
        while done < devices.len() {
            while started < devices.len() && tempo.may_start(started, open.len()) {
                let device = &devices[started];
                let answer = self.service.invoke(self.plan.roster.id(device), &call);
                open.push(async move { (device, answer.await) });
                started += 1;
            }
            tokio::select! {
                biased;
                Some((device, answer)) = open.next(), if !open.is_empty() => {
                    note(device, &answer, &invoke.expect, &mut problems);
                    done += 1;
                    self.progress(place, done, devices.len()).await;
                }
                () = sleep_until(tempo.due(started)), if started < devices.len() && tempo.is_timed() => {}
            }
        }
        problems.ending(devices.len(), "calls")
    }
}

/// When the next call may start.
#[derive(Debug)]
struct Tempo {
    start: Instant,
    rate: Option<f64>,
    in_flight: usize,
}

impl Tempo {
    fn new(invoke: &Invoke) -> Self {
        Self {
            start: Instant::now(),
            rate: invoke.rate,
            in_flight: usize::try_from(invoke.in_flight).unwrap_or(usize::MAX),
        }
    }

    fn is_timed(&self) -> bool {
        self.rate.is_some()
    }

    /// Call `index` is due by its place alone: one that takes long does not hold up the next.
    fn due(&self, index: usize) -> Instant {
        let Some(rate) = self.rate else {
            return self.start;
        };
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let offset = Duration::try_from_secs_f64(f64::from(index) / rate);
        self.start + offset.unwrap_or_default()
    }

    fn may_start(&self, index: usize, open: usize) -> bool {
        if self.is_timed() {
            return self.due(index) <= Instant::now();
        }
        open < self.in_flight
    }
}

fn note(
    device: &Arc<str>,
    answer: &Result<i32, Refused>,
    expect: &InvokeExpectation,
    problems: &mut Problems,
) {
    let is_met = match (expect, answer) {
        (InvokeExpectation::Anything, _) => true,
        (InvokeExpectation::Success, Ok(status)) => (200..300).contains(status),
        (InvokeExpectation::Status(expected), Ok(status)) => status == expected,
        (InvokeExpectation::Error(expected), Err(refused)) => refused.code == expected.value,
        (InvokeExpectation::Success | InvokeExpectation::Status(_), Err(_))
        | (InvokeExpectation::Error(_), Ok(_)) => false,
    };
    if !is_met {
        problems.add(device, || match answer {
            Ok(status) => format!("the device answered {status}"),
            Err(refused) => refused.to_string(),
        });
    }
}
