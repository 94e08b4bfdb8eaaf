//! What a gate can measure in a verdict, and bounds on it. Knows neither files nor scenarios.

use std::fmt;

use super::text::{count, float, latency, phases_in_order};
use crate::judge::verdict::{Latency, Outcome, Verdict};

/// A figure of a verdict.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Metric {
    /// Of the whole run.
    Run(RunMetric),
    /// Of a phase: `p99.method`.
    Phase(PhaseMetric, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunMetric {
    Took,
    Failed,
    Errors,
    Skipped,
    Devices,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhaseMetric {
    Min,
    P50,
    P90,
    P99,
    Max,
    Count,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Number,
}

/// A figure with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    number: f64,
    unit: Unit,
}

impl Metric {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some((figure, phase)) = text.split_once('.') else {
            return find(text, &RUN_METRICS).map(Self::Run).ok_or_else(|| {
                format!(
                    "nothing is called `{text}`{}; there are {}, and {} of a phase, as in `p99.method`",
                    suggestion(text, &RUN_METRICS),
                    names(&RUN_METRICS),
                    names(&PHASE_METRICS)
                )
            });
        };
        let Some(metric) = find(figure, &PHASE_METRICS) else {
            return Err(format!(
                "nothing is measured as `{figure}`{}; there are {}",
                suggestion(figure, &PHASE_METRICS),
                names(&PHASE_METRICS)
            ));
        };
        if phase.is_empty() {
            return Err(format!(
                "`{text}` names no phase; write for example `{figure}.method`"
            ));
        }
        Ok(Self::Phase(metric, phase.to_owned()))
    }

    pub(super) fn unit(&self) -> Unit {
        match self {
            Self::Run(RunMetric::Took) => Unit::Milliseconds,
            Self::Run(_) | Self::Phase(PhaseMetric::Count, _) => Unit::Number,
            Self::Phase(_, _) => Unit::Milliseconds,
        }
    }

    /// The figure; or what the run lacks, to be put after "this run" or "the baseline".
    pub(super) fn of(&self, verdict: &Verdict) -> Result<Value, String> {
        let number = match self {
            Self::Run(metric) => float(metric.of(verdict)),
            Self::Phase(metric, phase) => {
                let latency = verdict
                    .phases
                    .get(phase)
                    .ok_or_else(|| lacks(phase, verdict))?;
                metric
                    .of(latency)
                    .ok_or_else(|| format!("recorded nothing in the phase `{phase}`"))?
            }
        };
        Ok(Value {
            number,
            unit: self.unit(),
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(metric) => formatter.write_str(name_of(metric, &RUN_METRICS)),
            Self::Phase(metric, phase) => {
                write!(formatter, "{}.{phase}", name_of(metric, &PHASE_METRICS))
            }
        }
    }
}

impl RunMetric {
    fn of(self, verdict: &Verdict) -> u64 {
        let ended = |outcome| {
            let steps = verdict
                .steps
                .iter()
                .filter(|step| step.outcome == outcome)
                .count();
            let checks = verdict
                .checks
                .iter()
                .filter(|check| check.outcome == outcome)
                .count();
            (steps + checks) as u64
        };
        match self {
            Self::Took => verdict.took_ms,
            Self::Failed => ended(Outcome::Failed),
            Self::Errors => ended(Outcome::Error),
            Self::Skipped => ended(Outcome::Skipped),
            Self::Devices => verdict.devices,
        }
    }
}

impl PhaseMetric {
    /// `None` where nothing was recorded: a percentile of nothing is no zero.
    fn of(self, latency: &Latency) -> Option<f64> {
        let ms = match self {
            Self::Count => return Some(float(latency.count)),
            Self::Min => latency.min_ms,
            Self::P50 => latency.p50_ms,
            Self::P90 => latency.p90_ms,
            Self::P99 => latency.p99_ms,
            Self::Max => latency.max_ms,
        };
        (latency.count > 0).then_some(ms)
    }
}

impl Value {
    pub(super) fn words(self) -> String {
        match self.unit {
            Unit::Milliseconds => latency(self.number),
            Unit::Number if self.number.fract() == 0.0 && (0.0..1e15).contains(&self.number) =>
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "whole and in range, as just asked"
                )]
                count(self.number as u64)
            }
            Unit::Number => format!("{:.2}", self.number),
        }
    }
}

/// How a figure must not stand to its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Above,
    AboveOrAt,
    Below,
    BelowOrAt,
}

impl Comparison {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            ">" => Ok(Self::Above),
            ">=" => Ok(Self::AboveOrAt),
            "<" => Ok(Self::Below),
            "<=" => Ok(Self::BelowOrAt),
            other => Err(format!(
                "`{other}` is no comparison; write `>`, `>=`, `<` or `<=`"
            )),
        }
    }

    pub(super) fn is_so(self, now: Value, limit: Value) -> bool {
        // A bound computed from a percentage is off by a rounding; a thousandth of a millionth is none.
        let slack = limit.number.abs() * 1e-9;
        match self {
            Self::Above => now.number > limit.number + slack,
            Self::AboveOrAt => now.number >= limit.number - slack,
            Self::Below => now.number < limit.number - slack,
            Self::BelowOrAt => now.number <= limit.number + slack,
        }
    }

    /// What its bound is called.
    pub(super) fn limit_word(self) -> &'static str {
        match self {
            Self::Above | Self::AboveOrAt => "limit",
            Self::Below | Self::BelowOrAt => "least",
        }
    }
}

/// What a figure is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    /// `5s`, `0`
    Absolute(Value),
    /// `+20%` of the baseline.
    Percent(f64),
    /// `+50ms` against the baseline.
    Difference(Value),
}

impl Bound {
    /// Reads a bound on a figure counted in `unit`.
    pub(super) fn parse(text: &str, unit: Unit) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it has no bound; write for example `> +20%`".to_owned());
        }
        let signed = text.starts_with(['+', '-']);
        if let Some(percent) = text.strip_suffix('%') {
            if !signed {
                return Err(format!(
                    "`{text}` is a percentage of what? write `+{text}` or `-{text}` for a change against the baseline"
                ));
            }
            return Ok(Self::Percent(number(percent.trim())?));
        }
        let digits_end = text
            .find(|c: char| !(c.is_ascii_digit() || "+-. ".contains(c)))
            .unwrap_or(text.len());
        let (digits, word) = text.split_at(digits_end);
        if digits.is_empty() {
            return Err(format!("`{text}` is no number"));
        }
        let factor = match (unit, word) {
            (Unit::Number, "") | (Unit::Milliseconds, "ms") => 1.0,
            (Unit::Number, _) => {
                return Err(format!(
                    "`{text}` has a unit, and this is a number without one"
                ));
            }
            (Unit::Milliseconds, "") => {
                return Err(format!("`{text}` needs a unit: us, ms, s, min or h"));
            }
            (Unit::Milliseconds, "us") => 0.001,
            (Unit::Milliseconds, "s") => 1_000.0,
            (Unit::Milliseconds, "min") => 60_000.0,
            (Unit::Milliseconds, "h") => 3_600_000.0,
            (Unit::Milliseconds, word) => {
                return Err(format!("`{word}` is no unit; write us, ms, s, min or h"));
            }
        };
        let value = Value {
            number: number(digits.trim())? * factor,
            unit,
        };
        Ok(if signed {
            Self::Difference(value)
        } else {
            Self::Absolute(value)
        })
    }

    /// The bound itself, once the baseline is known.
    pub(super) fn over(self, before: Value, now: Value) -> Result<Value, String> {
        let number = match self {
            Self::Absolute(value) => value.number,
            Self::Difference(value) => before.number + value.number,
            Self::Percent(_) if before.number == 0.0 && now.number == 0.0 => 0.0,
            Self::Percent(_) if before.number == 0.0 => {
                let example = match before.unit {
                    Unit::Milliseconds => "+5ms",
                    Unit::Number => "+1",
                };
                return Err(format!(
                    "the baseline is 0, and no percentage of 0 can be taken; write a difference such as `> {example}`"
                ));
            }
            Self::Percent(percent) => before.number * (1.0 + percent / 100.0),
        };
        Ok(Value {
            number,
            unit: before.unit,
        })
    }
}

fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("`{text}` is no number")),
    }
}

fn lacks(phase: &str, verdict: &Verdict) -> String {
    let there: Vec<&str> = phases_in_order(verdict)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let there = if there.is_empty() {
        "none".to_owned()
    } else {
        there.join(", ")
    };
    format!("has no phase `{phase}`; it has {there}")
}

fn find<T: Copy>(text: &str, table: &[(&str, T)]) -> Option<T> {
    table
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, metric)| *metric)
}

fn name_of<T: PartialEq>(metric: &T, table: &[(&'static str, T)]) -> &'static str {
    table
        .iter()
        .find(|(_, known)| known == metric)
        .map_or("", |(name, _)| name)
}

fn names<T>(table: &[(&str, T)]) -> String {
    table
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn suggestion<T>(text: &str, table: &[(&str, T)]) -> String {
    table
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(name, text), name))
        .filter(|(distance, _)| *distance <= 2 && !text.is_empty())
        .min_by_key(|(distance, _)| *distance)
        .map_or(String::new(), |(_, name)| {
            format!(", did you mean `{name}`?")
        })
}

const RUN_METRICS: [(&str, RunMetric); 5] = [
    ("took", RunMetric::Took),
    ("failed", RunMetric::Failed),
    ("errors", RunMetric::Errors),
    ("skipped", RunMetric::Skipped),
    ("devices", RunMetric::Devices),
];

const PHASE_METRICS: [(&str, PhaseMetric); 6] = [
    ("min", PhaseMetric::Min),
    ("p50", PhaseMetric::P50),
    ("p90", PhaseMetric::P90),
    ("p99", PhaseMetric::P99),
    ("max", PhaseMetric::Max),
    ("count", PhaseMetric::Count),
];
