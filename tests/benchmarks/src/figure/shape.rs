//! What a figure is: plain data, read by the run and by the reports.

use crate::bench::Bench;
use crate::sample::{Measure, Sample};

/// The name of the hub among the contestants.
pub(super) const OURS: &str = "hubnerite";

/// Something measured on several servers in interleaved rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// For `--only`.
    pub(crate) name: &'static str,
    /// One line.
    pub(crate) about: &'static str,
    pub(crate) contestants: &'static [Contestant],
    pub(crate) comparisons: &'static [Comparison],
}

/// One server in a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    /// Starts the server, loads it, ends it.
    pub(crate) measure: fn(&Bench) -> anyhow::Result<Sample>,
}

impl Contestant {
    /// One that needs nothing but the suite.
    pub(super) const fn new(
        name: &'static str,
        measure: fn(&Bench) -> anyhow::Result<Sample>,
    ) -> Self {
        Self {
            name,
            needs: Needs::Nothing,
            measure,
        }
    }

    /// The same, left out where what it needs is missing.
    pub(super) const fn needing(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }
}

/// What has to be there for a contestant to take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing but the suite.
    Nothing,
    Mosquitto,
    /// A broker that is only built in with this feature.
    Feature(&'static str, bool),
}

/// What is compared, and the goal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    pub(crate) measure: Measure,
    pub(crate) ours: &'static str,
    pub(crate) against: Against,
    pub(crate) goal: Goal,
}

impl Comparison {
    /// The first contestant of a figure, `hubnerite`, against another.
    pub(super) const fn with(peer: &'static str, measure: Measure, goal: Goal) -> Self {
        Self {
            measure,
            ours: OURS,
            against: Against::Contestant(peer),
            goal,
        }
    }

    /// `hubnerite` by itself.
    pub(super) const fn alone(measure: Measure, goal: Goal) -> Self {
        Self {
            measure,
            ours: OURS,
            against: Against::Nobody,
            goal,
        }
    }

    /// The same of another contestant.
    pub(super) const fn of(self, ours: &'static str) -> Self {
        Self { ours, ..self }
    }
}

/// What ours is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Against {
    /// Another contestant: the goal is on ours divided by theirs.
    Contestant(&'static str),
    /// Nobody: the goal is on ours itself.
    Nobody,
}

/// What is hoped for. A goal that is missed is told and fails nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// Told for the picture.
    None,
}

impl Goal {
    /// Whether `value` reaches it; `None` without a goal.
    pub(crate) fn is_reached_by(self, value: f64) -> Option<bool> {
        match self {
            Self::AtMost(most) => Some(value <= most),
            Self::AtLeast(least) => Some(value >= least),
            Self::None => None,
        }
    }
}
