//! What a run tells whoever watches it. Observers see these and nothing else.

use std::time::Duration;

use crate::judge::Tally;
use crate::judge::verdict::{Outcome, StepResult};

/// One thing to know about a run, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RunEvent {
    /// The hub is up, the devices are registered.
    Started {
        /// The scenario's name.
        scenario: String,
        /// Devices of the fleet.
        devices: usize,
        /// Checks to judge.
        checks: usize,
    },
    /// A step has started.
    StepStarted {
        /// In words.
        name: String,
        /// Since the scenario's start.
        at: Duration,
    },
    /// How far a step is.
    StepProgress {
        /// In words.
        name: String,
        /// Devices done.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// A step has ended.
    StepEnded(StepResult),
    /// How things stand. Only sent to an observer that asks for it.
    Picture {
        /// Since the scenario's start.
        at: Duration,
        /// Events of the hub so far.
        events: u64,
        /// The checks and the devices' states.
        tally: Tally,
    },
    /// The steps are over; the judge waits for what is still open.
    Judging {
        /// Since the scenario's start.
        at: Duration,
        /// When it is decided at the latest.
        until: Option<Duration>,
    },
    /// The run is over.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// Watches a run.
pub trait Observer: Send {
    /// Takes the next event.
    fn event(&mut self, event: &RunEvent);

    /// Whether it is time for another [`RunEvent::Picture`], which costs something to make.
    fn wants_picture(&mut self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _event: &RunEvent) {}
}
