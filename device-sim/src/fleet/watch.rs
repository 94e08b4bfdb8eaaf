//! Turns what happens to one device into the fleet's figures.

use hub_proto::time::Instant;

use crate::device::Fact;
use crate::metrics::{Metrics, Phase};

/// What must be known of a device's connection to make figures of its facts.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// When the dial was meant to begin; `None` once the device is online.
    pub(super) dial_due: Option<Instant>,
    /// Whether there is a socket.
    pub(super) is_open: bool,
}

impl Watch {
    /// The device's fact, now.
    pub(super) fn note(&mut self, now: Instant, fact: &Fact, metrics: &mut Metrics) {
        let counts = &mut metrics.counts;
        match fact {
            // Counted when the driver gets round to it.
            Fact::Dialling => {}
            Fact::Connected { took, .. } => {
                counts.connects += 1;
                metrics.record(Phase::Connect, *took);
            }
            Fact::Online { took } => {
                counts.onlines += 1;
                metrics.record(Phase::Subscribe, *took);
                if let Some(due) = self.dial_due.take() {
                    metrics.record(Phase::Online, now.saturating_since(due));
                }
            }
            Fact::TwinGot { took } => {
                counts.twins_read += 1;
                metrics.record(Phase::TwinGet, *took);
            }
            Fact::DesiredChanged { .. } => counts.desired_changes += 1,
            Fact::MessageReceived => counts.messages_received += 1,
            Fact::MethodCalled { .. } => counts.method_calls += 1,
            Fact::Answered { took, .. } => {
                counts.answers += 1;
                if let Some(took) = took {
                    metrics.record(Phase::MethodHandling, *took);
                }
            }
            Fact::Reporting { .. } => counts.reports += 1,
            Fact::Reported { took, .. } => {
                counts.reports_stored += 1;
                metrics.record(Phase::TwinAck, *took);
            }
            Fact::TwinRefused { .. } => counts.twin_refusals += 1,
            Fact::Sent => counts.messages_sent += 1,
            Fact::Acknowledged { took } => {
                counts.messages_acknowledged += 1;
                metrics.record(Phase::MessageAck, *took);
            }
            Fact::Dropped { what } => metrics.record_loss(what),
            Fact::WentOffline => self.is_open = false,
            Fact::Lost { reason } => {
                if std::mem::take(&mut self.is_open) {
                    counts.losses += 1;
                } else {
                    counts.dial_failures += 1;
                }
                metrics.record_loss(reason);
            }
            Fact::Stopped { reason } => {
                counts.stopped += 1;
                metrics.record_loss(reason);
            }
        }
    }
}
