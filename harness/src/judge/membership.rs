//! Who is judged: the devices of the plan, and the words and commands only the runner knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::scenario::span::Source;

/// The devices a scenario names, as the plan resolved them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Cohorts in the order of the file, each with its device ids in the plan's order.
    pub cohorts: Vec<(String, Vec<Arc<str>>)>,
    /// For each check (by its index) whose target is a share of a cohort: the ids drawn for it.
    pub drawn: BTreeMap<usize, Vec<Arc<str>>>,
}

/// What a result says about where a check stands and how its run is played again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayContext {
    /// The scenario's sources, for `file:line`; empty if it was built by hand.
    pub sources: Vec<Source>,
    /// The command that plays the run again, `hubnerite run reboot.yaml --seed 7`.
    pub command: Option<String>,
}
