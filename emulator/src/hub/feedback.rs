//! What became of cloud-to-device messages: the hub's one [`Feedback`] behind its own mutex, fed by
//! shards, read by services.
//!
//! A shard may be locked by whoever feeds it; nobody who has it locked reaches for a shard.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use hub_core::feedback::{Feedback, FeedbackBatch, FeedbackRecord};
use hub_core::limits::FeedbackLimits;
use hub_core::{Event, EventKind, HubError};
use hub_proto::time::Now;
use tracing::warn;

use super::handle::HubHandle;
use crate::clock::Clock;
use crate::random;

/// The feedback of a hub.
#[derive(Debug)]
pub(super) struct FeedbackDesk {
    clock: Clock,
    feedback: Mutex<Feedback>,
}

impl FeedbackDesk {
    pub(super) fn new(clock: Clock, limits: FeedbackLimits) -> Self {
        let feedback = Mutex::new(Feedback::new(limits));
        Self { clock, feedback }
    }

    /// Takes what a shard tells. Called with the shard locked.
    pub(super) fn push(&self, record: FeedbackRecord) {
        self.command(|feedback, now| feedback.push(now, record));
    }

    /// Forgets the messages of a device that is gone. Called with its shard locked.
    pub(super) fn note(&self, event: &Event) {
        if event.kind == EventKind::DeviceDeleted {
            self.feedback().forget(event.client.device_id());
        }
    }

    fn feedback(&self) -> MutexGuard<'_, Feedback> {
        self.feedback
            .lock()
            .expect("nothing panics with the feedback locked")
    }

    fn command<R>(&self, command: impl FnOnce(&mut Feedback, Now) -> R) -> R {
        let mut feedback = self.feedback();
        // Read with the lock held, so that time never runs backwards for the feedback.
        let now = self.clock.now();
        command(&mut feedback, now)
    }
}

/// What became of messages.
impl HubHandle {
    /// The oldest batch that is free, and the token under which it is to be settled; see
    /// [`Feedback::receive`].
    pub fn receive_feedback(&self) -> Option<(String, FeedbackBatch)> {
        let token = random::uuid().to_string();
        let (batch, dropped) = self.feedback_desk().command(|feedback, now| {
            let batch = feedback.receive(now, token.as_str().into());
            (batch, feedback.dropped())
        });
        if dropped > 0 && self.is_news("feedback dropped", Duration::from_mins(10)) {
            warn!(
                dropped,
                "records of feedback were dropped: nobody read them in time"
            );
        }
        batch.map(|batch| (token, batch))
    }

    /// See [`Feedback::complete`].
    pub fn complete_feedback(&self, token: &str) -> Result<(), HubError> {
        self.feedback_desk()
            .command(|feedback, now| feedback.complete(now, token))
    }

    /// See [`Feedback::abandon`].
    pub fn abandon_feedback(&self, token: &str) -> Result<(), HubError> {
        self.feedback_desk()
            .command(|feedback, now| feedback.abandon(now, token))
    }
}
