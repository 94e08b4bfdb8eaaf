//! What steps tell the loop, and what they ask of it.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::judge::verdict::Outcome;
use crate::scenario::ast::Check;

/// From a step to the loop. Whoever asks waits for the reply, so that everything the hub has logged
/// before lies before it for the judge as well.
#[derive(Debug)]
pub(super) enum Message {
    /// A step starts; the reply is its place among the results.
    Started {
        /// The name that checks anchor at.
        anchor: String,
        /// In words.
        name: String,
        /// `file:line`
        at: Option<String>,
        /// Its place.
        reply: oneshot::Sender<usize>,
    },
    /// How far a step is.
    Progress {
        /// Its place.
        step: usize,
        /// Devices done.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// A step has ended.
    Ended {
        /// Its place.
        step: usize,
        /// How.
        ending: Ending,
        /// Comes when it is noted.
        reply: oneshot::Sender<()>,
    },
    /// A step will not start.
    Skipped {
        /// In words.
        name: String,
        /// `file:line`
        at: Option<String>,
    },
    /// Tell when all of them are online, or offline.
    AwaitPresence {
        /// Whom it is about.
        devices: Vec<Arc<str>>,
        /// Which of the two.
        online: bool,
        /// How many are missing.
        missing: watch::Sender<usize>,
        /// Comes when they are watched: who gives them the order before may miss what it does.
        reply: oneshot::Sender<()>,
    },
    /// Tell when all of them have met the condition since now.
    AwaitCondition {
        /// An `eventually`.
        check: Box<Check>,
        /// Whom it is about.
        devices: Vec<Arc<str>>,
        /// How many are missing.
        missing: watch::Sender<usize>,
    },
}

/// How a step ended, and why if it did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// As it must.
    Passed,
    /// An expectation was not met.
    Failed(String),
    /// It could not be carried out.
    Error(String),
}

impl Ending {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Passed => Outcome::Passed,
            Self::Failed(_) => Outcome::Failed,
            Self::Error(_) => Outcome::Error,
        }
    }

    pub(super) fn problem(self) -> Option<String> {
        match self {
            Self::Passed => None,
            Self::Failed(problem) | Self::Error(problem) => Some(problem),
        }
    }
}
