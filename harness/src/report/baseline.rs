//! A previous JSON report, and gates: what must not have become worse since.
//!
//! A gate says what must **not** be: `p99.method > +20%` is broken when the 99th percentile of method
//! calls lies more than a fifth above the baseline's.

use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use super::json;
use super::metric::{Bound, Comparison, Metric, Value};
use super::text::visible_line;
use crate::judge::verdict::Verdict;

/// The verdicts of a previous run.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    verdicts: Vec<Verdict>,
}

/// Why a baseline could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} as a baseline: {reason}")]
pub struct BaselineError {
    /// The file.
    pub path: String,
    /// In words.
    pub reason: String,
}

impl Baseline {
    /// Reads a report written by `--report json=FILE`.
    pub fn load(path: &Path) -> Result<Self, BaselineError> {
        let fail = |reason: String| BaselineError {
            path: path.display().to_string(),
            reason,
        };
        let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
        let mut text = String::new();
        file.take(BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(|error| fail(error.to_string()))?;
        if text.len() as u64 > BYTES_MAX {
            return Err(fail(format!("it is larger than {} MiB", BYTES_MAX >> 20)));
        }
        Self::parse(&text).map_err(fail)
    }

    /// The same from text.
    pub fn parse(text: &str) -> Result<Self, String> {
        json::read(text).map(|verdicts| Self { verdicts })
    }

    /// The one of the same name; of several, that of the same file.
    fn before(&self, now: &Verdict) -> Option<&Verdict> {
        let mut named = self
            .verdicts
            .iter()
            .filter(|verdict| verdict.scenario == now.scenario);
        named
            .clone()
            .find(|verdict| verdict.file == now.file)
            .or_else(|| named.next())
    }
}

/// What must not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    text: String,
    metric: Metric,
    comparison: Comparison,
    bound: Bound,
}

/// Why a gate was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the gate `{gate}`: {reason}")]
pub struct GateError {
    /// As written.
    pub gate: String,
    /// In words.
    pub reason: String,
}

/// How a gate ended for one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateOutcome {
    /// It is not so, as it must.
    Held,
    /// It is so.
    Broken,
    /// Could not be told: no such phase, or no baseline.
    NotJudged,
}

/// A gate and one scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateResult {
    /// As written.
    pub gate: String,
    /// The scenario's name.
    pub scenario: String,
    /// How it ended.
    pub outcome: GateOutcome,
    /// Why, in a sentence.
    pub words: String,
}

impl Gate {
    /// Reads `p99.method > +20%`, `failed > 0`, `p50.offline > 5s`, `took > +10%`.
    pub fn parse(text: &str) -> Result<Self, GateError> {
        let fail = |reason: String| GateError {
            gate: text.to_owned(),
            reason,
        };
        let start = text.find(['<', '>', '=']).ok_or_else(|| {
            fail("it compares nothing; write for example `p99.method > +20%`".into())
        })?;
        let operator_bytes = text[start..]
            .bytes()
            .take_while(|byte| b"<>=".contains(byte))
            .count();
        let (metric, rest) = text.split_at(start);
        let (operator, bound) = rest.split_at(operator_bytes);
        let metric = Metric::parse(metric.trim()).map_err(fail)?;
        let comparison = Comparison::parse(operator).map_err(fail)?;
        let bound = Bound::parse(bound.trim(), metric.unit()).map_err(fail)?;
        Ok(Self {
            text: text.trim().to_owned(),
            metric,
            comparison,
            bound,
        })
    }

    /// Whether a baseline is needed to judge it.
    pub fn needs_baseline(&self) -> bool {
        !matches!(self.bound, Bound::Absolute(_))
    }

    /// One result a scenario.
    pub fn evaluate(&self, verdicts: &[Verdict], baseline: Option<&Baseline>) -> Vec<GateResult> {
        verdicts
            .iter()
            .map(|verdict| {
                let (outcome, words) = self
                    .judge(verdict, baseline)
                    .unwrap_or_else(|reason| (GateOutcome::NotJudged, reason));
                GateResult {
                    gate: self.text.clone(),
                    scenario: verdict.scenario.clone(),
                    outcome,
                    words,
                }
            })
            .collect()
    }

    fn judge(
        &self,
        verdict: &Verdict,
        baseline: Option<&Baseline>,
    ) -> Result<(GateOutcome, String), String> {
        let name = &self.metric;
        let now = name
            .of(verdict)
            .map_err(|reason| format!("this run {reason}"))?;
        let (limit, before) = match self.bound {
            Bound::Absolute(limit) => (limit, None),
            Bound::Percent(_) | Bound::Difference(_) => {
                let before = self.value_before(verdict, baseline)?;
                (self.bound.over(before, now)?, Some(before))
            }
        };
        let holds = !self.comparison.is_so(now, limit);
        let outcome = if holds {
            GateOutcome::Held
        } else {
            GateOutcome::Broken
        };
        let compared = match before {
            Some(before) => format!(", {} in the baseline", before.words()),
            None => String::new(),
        };
        let verb = if holds { "within" } else { "beyond" };
        let side = self.comparison.limit_word();
        Ok((
            outcome,
            format!(
                "{name} is {}{compared}: {verb} the {side} of {}",
                now.words(),
                limit.words()
            ),
        ))
    }

    fn value_before(
        &self,
        verdict: &Verdict,
        baseline: Option<&Baseline>,
    ) -> Result<Value, String> {
        let baseline = baseline
            .ok_or("it compares with a baseline, and none was given (`--baseline FILE`)")?;
        let before = baseline.before(verdict).ok_or_else(|| {
            format!(
                "the baseline has no scenario named `{}`",
                visible_line(&verdict.scenario)
            )
        })?;
        self.metric
            .of(before)
            .map_err(|reason| format!("the baseline {reason}"))
    }
}

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        Self::parse(text)
    }
}

/// A report is a few hundred kilobytes; what is larger is not one.
const BYTES_MAX: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn baseline(verdict: Verdict) -> Baseline {
        Baseline::parse(&json::render(&[verdict])).unwrap()
    }

    fn evaluate(gate: &str, now: &Verdict, before: &Verdict) -> (GateOutcome, String) {
        let results = Gate::parse(gate)
            .unwrap()
            .evaluate(std::slice::from_ref(now), Some(&baseline(before.clone())));
        assert_eq!(results.len(), 1);
        (results[0].outcome, results[0].words.clone())
    }

    fn slower() -> Verdict {
        let mut verdict = samples::failed();
        verdict.took_ms = 33_000;
        verdict.phases.get_mut("method").unwrap().p99_ms = 144.0;
        verdict
    }

    #[test]
    fn gates_are_judged_against_the_baseline() {
        use GateOutcome::{Broken, Held};
        let (before, now) = (samples::passed(), slower());
        let table = [
            (
                "p99.method > +20%",
                Held,
                "p99.method is 144 ms, 120 ms in the baseline: within the limit of 144 ms",
            ),
            (
                "p99.method > +19.5%",
                Broken,
                "p99.method is 144 ms, 120 ms in the baseline: beyond the limit of 143 ms",
            ),
            (
                "p99.method >= +20%",
                Broken,
                "p99.method is 144 ms, 120 ms in the baseline: beyond the limit of 144 ms",
            ),
            (
                "p99.method > +24ms",
                Held,
                "p99.method is 144 ms, 120 ms in the baseline: within the limit of 144 ms",
            ),
            (
                "took>+5%",
                Broken,
                "took is 33.0 s, 30.0 s in the baseline: beyond the limit of 31.5 s",
            ),
            (
                "p50.offline > 5s",
                Broken,
                "p50.offline is 11.0 s: beyond the limit of 5.00 s",
            ),
            (
                "p50.offline > 1min",
                Held,
                "p50.offline is 11.0 s: within the limit of 1 min 00 s",
            ),
            ("failed > 0", Broken, "failed is 2: beyond the limit of 0"),
            (
                "failed > +2",
                Held,
                "failed is 2, 0 in the baseline: within the limit of 2",
            ),
            ("errors > 0", Held, "errors is 0: within the limit of 0"),
            (
                "count.method < 1000",
                Held,
                "count.method is 1,000: within the least of 1,000",
            ),
            (
                "count.method < -10%",
                Held,
                "count.method is 1,000, 1,000 in the baseline: within the least of 900",
            ),
            (
                "devices < 1001",
                Broken,
                "devices is 1,000: beyond the least of 1,001",
            ),
        ];
        for (gate, outcome, words) in table {
            assert_eq!(
                evaluate(gate, &now, &before),
                (outcome, words.to_owned()),
                "{gate}"
            );
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_judged_and_says_why() {
        let passed = samples::passed();
        let mut zero = samples::passed();
        zero.phases.get_mut("method").unwrap().p99_ms = 0.0;
        let mut none = samples::passed();
        none.phases.get_mut("method").unwrap().count = 0;
        let empty = samples::error();
        let mut renamed = samples::passed();
        renamed.scenario = "other".into();
        let phases = "connect, subscribe, method, offline";
        let table = [
            ("p99.method > +20%", &passed, &zero, "the baseline is 0, and no percentage of 0 can be taken; write a difference such as `> +5ms`".to_owned()),
            ("p99.method > +20%", &passed, &empty, "the baseline has no phase `method`; it has none".to_owned()),
            ("p99.tls > 1s", &passed, &passed, format!("this run has no phase `tls`; it has {phases}")),
            ("p99.method > 1s", &none, &passed, "this run recorded nothing in the phase `method`".to_owned()),
            ("took > +1%", &passed, &renamed, "the baseline has no scenario named `reboot wave`".to_owned()),
            ("failed > +10%", &samples::failed(), &passed, "the baseline is 0, and no percentage of 0 can be taken; write a difference such as `> +1`".to_owned()),
        ];
        for (gate, now, before, words) in table {
            assert_eq!(
                evaluate(gate, now, before),
                (GateOutcome::NotJudged, words),
                "{gate}"
            );
        }
        let gate = Gate::parse("took > +1%").unwrap();
        let alone = gate.evaluate(&[passed], None);
        assert_eq!(alone[0].outcome, GateOutcome::NotJudged);
        assert_eq!(
            alone[0].words,
            "it compares with a baseline, and none was given (`--baseline FILE`)"
        );
    }

    #[test]
    fn no_change_from_zero_is_no_regression() {
        let zero = samples::passed();
        assert_eq!(
            evaluate("failed > +10%", &zero, &zero),
            (
                GateOutcome::Held,
                "failed is 0, 0 in the baseline: within the limit of 0".to_owned()
            )
        );
    }

    #[test]
    fn a_gate_that_cannot_be_read_says_what_can() {
        let table = [
            (
                "p99.method",
                "it compares nothing; write for example `p99.method > +20%`",
            ),
            (
                "p99.method = 5s",
                "`=` is no comparison; write `>`, `>=`, `<` or `<=`",
            ),
            (
                "p98.method > 5s",
                "nothing is measured as `p98`, did you mean `p90`?; there are min, p50, p90, p99, max, count",
            ),
            (
                "p99. > 5s",
                "`p99.` names no phase; write for example `p99.method`",
            ),
            (
                "tok > 5s",
                "nothing is called `tok`, did you mean `took`?; there are took, failed, errors, skipped, devices, and min, p50, p90, p99, max, count of a phase, as in `p99.method`",
            ),
            (
                "> 5s",
                "nothing is called ``; there are took, failed, errors, skipped, devices, and min, p50, p90, p99, max, count of a phase, as in `p99.method`",
            ),
            ("p99.method > 5", "`5` needs a unit: us, ms, s, min or h"),
            (
                "p99.method > 5 parsecs",
                "`parsecs` is no unit; write us, ms, s, min or h",
            ),
            (
                "failed > 5s",
                "`5s` has a unit, and this is a number without one",
            ),
            ("failed > many", "`many` is no number"),
            ("failed >", "it has no bound; write for example `> +20%`"),
            (
                "failed > 20%",
                "`20%` is a percentage of what? write `+20%` or `-20%` for a change against the baseline",
            ),
            ("failed > NaN", "`NaN` is no number"),
            ("failed > +NaN%", "`+NaN` is no number"),
            ("failed > 1.2.3", "`1.2.3` is no number"),
        ];
        for (gate, reason) in table {
            let error = Gate::parse(gate).unwrap_err();
            assert_eq!(error.reason, reason, "{gate}");
        }
    }

    #[test]
    fn a_baseline_that_is_not_there_is_named() {
        let error = Baseline::load(Path::new("/nonexistent/b.json"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("cannot use /nonexistent/b.json as a baseline: "),
            "{error}"
        );
    }

    #[test]
    fn only_a_change_needs_a_baseline() {
        assert!(Gate::parse("took > +10%").unwrap().needs_baseline());
        assert!(Gate::parse("took > +10s").unwrap().needs_baseline());
        assert!(!Gate::parse("took > 10s").unwrap().needs_baseline());
    }
}
