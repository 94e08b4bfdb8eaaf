//! The judge itself: events come in by order, each goes straight to its device and the rules still open there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::membership::{Membership, ReplayContext};
use super::observed::Observed;
use super::verdict::{CheckResult, CohortSummary, Latency, WavePoint};
use crate::scenario::ast::Check;

/// Judges the checks of one run. Call [`Judge::observe`], [`Judge::step_started`] and
/// [`Judge::advance`] in the order of time, then [`Judge::finish`] once.
#[derive(Debug)]
pub struct Judge {}

impl Judge {
    /// A judge of these checks over these devices, at the scenario's start.
    pub fn new(_checks: &[Check], _members: &Membership) -> Self {
        todo!()
    }

    /// Anchors every check that counts from this step. What was observed before this call lies
    /// before the anchor, so hand over everything the hub has logged so far first. Of a step that
    /// starts several times (`repeat`) the first start counts.
    pub fn step_started(&mut self, _name: &str, _at: Duration) {
        todo!()
    }

    /// Takes the next fact.
    pub fn observe(&mut self, _observed: &Observed) {
        todo!()
    }

    /// Says that time has passed without an event, so that deadlines can be decided.
    pub fn advance(&mut self, _at: Duration) {
        todo!()
    }

    /// Whether there is nothing left to wait for. Rules that forbid (`never`, `at-most`, `at-once`)
    /// hold as long as the run lasts and do not prolong it.
    pub fn is_settled(&self) -> bool {
        todo!()
    }

    /// The latest time that a running `within` or `stays` still needs: after `advance` to it they
    /// are decided. `None` if none is running.
    pub fn undecided_until(&self) -> Option<Duration> {
        todo!()
    }

    /// How things stand, for a live view.
    pub fn tally(&self) -> Tally {
        todo!()
    }

    /// Ends the run: what has not come by now does not come.
    pub fn finish(self, _at: Duration, _context: &ReplayContext) -> Judgement {
        todo!()
    }
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The checks in the order of the file.
    pub checks: Vec<CheckTally>,
    /// Devices by state, as in the wave.
    pub states: BTreeMap<String, u64>,
}

/// How one check stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckTally {
    /// In words.
    pub name: String,
    /// Devices judged.
    pub devices: u64,
    /// Devices that have passed for good.
    pub passed: u64,
    /// Devices that have failed for good.
    pub failed: u64,
    /// Devices still open.
    pub pending: u64,
    /// Whether its step has started.
    pub started: bool,
    /// Whether too many devices have failed for it to pass.
    pub lost: bool,
}

/// What the judge adds to a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The checks in the order of the file.
    pub checks: Vec<CheckResult>,
    /// The cohorts in the order of the file.
    pub cohorts: Vec<CohortSummary>,
    /// Devices by state over time.
    pub wave: Vec<WavePoint>,
    /// `method` (called to answered) and `offline` (link lost to link up), where there were any.
    pub phases: BTreeMap<String, Latency>,
}
