//! A previous JSON report, and gates: what must not have become worse since.
//!
//! A gate says what must **not** be: `p99.method > +20%` is broken when the 99th percentile of method
//! calls lies more than a fifth above the baseline's.

use std::path::Path;
use std::str::FromStr;

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
        let _ = path;
        todo!()
    }
}

/// What must not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    text: String,
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
        let _ = text;
        todo!()
    }

    /// Whether a baseline is needed to judge it.
    pub fn needs_baseline(&self) -> bool {
        todo!()
    }

    /// One result a scenario.
    pub fn evaluate(&self, verdicts: &[Verdict], baseline: Option<&Baseline>) -> Vec<GateResult> {
        let _ = (verdicts, baseline, &self.text);
        todo!()
    }
}

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        Self::parse(text)
    }
}
