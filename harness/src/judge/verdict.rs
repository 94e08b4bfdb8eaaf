//! The outcome of a run as plain data. Reporters read this and nothing else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The version of this form; raised with every change that is not an addition.
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The file, if it came from one.
    pub file: Option<String>,
    /// The seed: with the file it replays the run.
    pub seed: u64,
    /// `virtual` or `real`.
    #[serde(deserialize_with = "clock_name")]
    pub clock: ClockName,
    /// `embedded`, or the host judged.
    pub hub: String,
    /// Whether everything that must hold did.
    pub outcome: Outcome,
    /// From the first step to the last check, by the scenario's clock.
    pub took_ms: u64,
    /// Devices of the fleet.
    pub devices: u64,
    /// The steps in the order they ran.
    pub steps: Vec<StepResult>,
    /// The checks in the order of the file.
    pub checks: Vec<CheckResult>,
    /// Per cohort.
    pub cohorts: Vec<CohortSummary>,
    /// Latencies by phase: `tcp`, `tls`, `connect`, `subscribe`, `twinGet`, `method`, `twinAck`, `offline`.
    pub phases: BTreeMap<String, Latency>,
    /// How many devices were in which state, over time: the wave.
    pub wave: Vec<WavePoint>,
    /// What a reader must know: a generator that was the bottleneck, polling instead of a log.
    pub notes: Vec<String>,
}

/// `virtual` or `real`.
pub type ClockName = &'static str;

/// How a run, step or check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// As it must.
    Passed,
    /// Not as it must: the judged system is at fault.
    Failed,
    /// Could not be run or judged.
    Error,
    /// Interrupted before it was its turn.
    Skipped,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// `invoke reboot on pumps`
    pub name: String,
    /// `file:line`, if from a file.
    pub at: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// When it started, since the scenario's start.
    pub started_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// Why it did not pass.
    pub problem: Option<String>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// In words.
    pub name: String,
    /// `file:line`, if from a file.
    pub at: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Devices judged.
    pub devices: u64,
    /// Devices that passed.
    pub passed: u64,
    /// The one failure that tells most, if it failed.
    pub counterexample: Option<Counterexample>,
}

/// One device that broke a rule, by its shortest time line.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counterexample {
    /// The device.
    pub device: String,
    /// What was expected, in words.
    pub expected: String,
    /// What was found, in words.
    pub found: String,
    /// The closest that any device, or this one, came.
    pub nearest_miss: Option<String>,
    /// Its events that matter.
    pub time_line: Vec<TimeLineEntry>,
    /// Expected and found values by path.
    pub difference: Vec<Difference>,
    /// The command that plays the run again.
    pub replay: Option<String>,
}

/// One event of a time line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeLineEntry {
    /// Since the scenario's start.
    pub at_ms: u64,
    /// The event's number in the log.
    pub seq: u64,
    /// What happened, in words.
    pub what: String,
}

/// A value that is not as expected.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// `reported.iothubDM.reboot.status`
    pub path: String,
    /// As expected, as JSON text or in words.
    pub expected: String,
    /// As found, as JSON text; `None` if absent.
    pub found: Option<String>,
}

/// A cohort in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CohortSummary {
    /// Its name.
    pub name: String,
    /// Its devices.
    pub devices: u64,
    /// Times a device came online.
    pub connects: u64,
    /// Times a link ended.
    pub disconnects: u64,
    /// Methods answered.
    pub methods_answered: u64,
    /// Methods that ended without an answer.
    pub methods_failed: u64,
    /// Reported patches stored.
    pub reports: u64,
    /// Telemetry messages.
    pub messages: u64,
}

/// A latency distribution.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Values recorded.
    pub count: u64,
    /// Milliseconds.
    pub min_ms: f64,
    /// Milliseconds.
    pub p50_ms: f64,
    /// Milliseconds.
    pub p90_ms: f64,
    /// Milliseconds.
    pub p99_ms: f64,
    /// Milliseconds.
    pub max_ms: f64,
}

/// A point of the wave.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WavePoint {
    /// Since the scenario's start.
    pub at_ms: u64,
    /// Devices by state: `online`, `offline`, and each distinct value of the reported `…status`.
    pub devices: BTreeMap<String, u64>,
}

/// The version of [`Verdict`]'s form.
pub const FORMAT: u32 = 1;

/// Reads a [`ClockName`] back: there are two.
fn clock_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClockName, D::Error> {
    match Cow::<str>::deserialize(deserializer)?.as_ref() {
        "virtual" => Ok("virtual"),
        "real" => Ok("real"),
        other => Err(D::Error::custom(format_args!(
            "a clock is `virtual` or `real`, not `{other}`"
        ))),
    }
}

/// A duration in whole milliseconds.
pub fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
