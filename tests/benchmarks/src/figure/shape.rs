//! What a figure is: plain data, read by the run and by the reports.

use crate::bench::Bench;
use crate::sample::{Measure, Sample};

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
