//! What the judge knows of one device: its link, what is watched of its twin, and its recent story.

use std::sync::Arc;
use std::time::Duration;

use super::observed::What;
use super::story::Story;
use super::watched::{Values, Watched};
use crate::scenario::ast::Document;

/// One device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) name: Arc<str>,
    /// Its cohort's place, unless only a check names it.
    pub(super) cohort: Option<usize>,
    /// Devices of the plan exist from the start: whether the hub registered them a moment before or
    /// after the judge began is no difference to a check.
    pub(super) exists: bool,
    pub(super) is_online: bool,
    pub(super) values: Values,
    reported_version: u64,
    desired_version: u64,
    /// Since when it is offline, if it was online before.
    pub(super) offline_since: Option<Duration>,
    /// Its state in the wave, by its reported status.
    pub(super) status: Option<u16>,
    /// The monitors still open: check and place in that check.
    pub(super) open: Vec<(u16, u32)>,
    pub(super) story: Story,
}

impl Device {
    /// A device that has a new twin and no link.
    pub(super) fn new(name: Arc<str>, cohort: Option<usize>) -> Self {
        Self {
            name,
            cohort,
            exists: true,
            is_online: false,
            values: Values::default(),
            reported_version: 1,
            desired_version: 1,
            offline_since: None,
            status: None,
            open: Vec::new(),
            story: Story::default(),
        }
    }

    /// `$version` of a document; tags have none of their own.
    pub(super) fn version(&self, document: Document) -> u64 {
        match document {
            Document::Reported => self.reported_version,
            Document::Desired => self.desired_version,
            Document::Tags => 0,
        }
    }

    /// Changes the state as the fact says.
    pub(super) fn apply(&mut self, what: &What, watched: &Watched) {
        match what {
            What::Created => self.begin(true),
            What::Deleted => self.begin(false),
            What::Connected { .. } => self.is_online = true,
            What::Disconnected { .. } => self.is_online = false,
            What::Reported { version, patch } => {
                self.reported_version = *version;
                watched.apply(&mut self.values, Document::Reported, patch);
            }
            What::Desired { version, patch } => {
                self.desired_version = *version;
                watched.apply(&mut self.values, Document::Desired, patch);
            }
            What::Tags { patch } => watched.apply(&mut self.values, Document::Tags, patch),
            What::Updated { .. }
            | What::MethodInvoked { .. }
            | What::MethodDelivered { .. }
            | What::MethodAnswered { .. }
            | What::MethodFailed { .. }
            | What::MethodAnswerIgnored
            | What::Telemetry { .. }
            | What::C2dEnqueued { .. }
            | What::C2dDelivered { .. }
            | What::C2dSettled { .. }
            | What::DeviceJobEnded { .. }
            | What::Other => {}
        }
    }

    /// A new identity has a new twin; one that is gone has none.
    fn begin(&mut self, exists: bool) {
        self.exists = exists;
        self.is_online = false;
        self.values.clear();
        self.reported_version = 1;
        self.desired_version = 1;
    }
}
