//! From the embedded hub's event log to what the judge sees. Reads the log, decides nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use emulator::EventLog;
use hub_core::event::{Event, EventKind};
use hub_proto::ids::ClientIdentity;
use hub_proto::time::Timestamp;
use serde_json::Value;

use crate::judge::observed::{Observed, What};

/// Reads the log from where it was at the start, in stretches.
#[derive(Debug)]
pub(super) struct Follower {
    log: EventLog,
    start: Timestamp,
    /// The number of the last event read.
    read: u64,
    /// Every name once: a run has many events and few devices. Looked up, never walked.
    names: HashMap<ClientIdentity, Arc<str>>,
}

/// A stretch of the log.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    pub(super) events: Vec<Observed>,
    /// Who came online (linked and subscribed) or went offline, in order.
    pub(super) presence: Vec<(Arc<str>, bool)>,
    /// Events that had fallen out of the log before they were read.
    pub(super) missed: u64,
}

impl Follower {
    /// Follows `log` from its newest event on; `start` is the scenario's start by the hub's clock.
    pub(super) fn new(log: EventLog, start: Timestamp) -> Self {
        let read = log.newest();
        Self {
            log,
            start,
            read,
            names: HashMap::new(),
        }
    }

    /// What has been appended since the last call, `STRETCH_EVENTS` at most.
    pub(super) fn read(&mut self) -> Stretch {
        let page = self.log.read(self.read, STRETCH_EVENTS);
        let mut stretch = Stretch {
            missed: page.missed,
            ..Stretch::default()
        };
        for (seq, event) in page.events {
            self.read = seq;
            let observed = self.observe(seq, &event);
            let device = &observed.device;
            match event.kind {
                EventKind::Subscribed { .. } => stretch.presence.push((Arc::clone(device), true)),
                EventKind::Disconnected { .. } => {
                    stretch.presence.push((Arc::clone(device), false));
                }
                _ => {}
            }
            stretch.events.push(observed);
        }
        stretch
    }

    /// Comes back when [`Follower::read`] has something to give.
    pub(super) async fn appended(&self) {
        self.log.appended_after(self.read).await;
    }

    fn observe(&mut self, seq: u64, event: &Event) -> Observed {
        let device = self
            .names
            .entry(event.client.clone())
            .or_insert_with(|| event.client.to_string().into());
        Observed {
            seq,
            at: since(self.start, event.at),
            device: Arc::clone(device),
            what: what(&event.kind),
        }
    }
}

fn since(start: Timestamp, at: Timestamp) -> Duration {
    at.saturating_since(start)
}

fn what(kind: &EventKind) -> What {
    match kind {
        EventKind::DeviceCreated => What::Created,
        EventKind::DeviceUpdated { enabled } => What::Updated { enabled: *enabled },
        EventKind::DeviceDeleted => What::Deleted,
        EventKind::Connected {
            session_present, ..
        } => What::Connected {
            session_present: *session_present,
        },
        EventKind::Disconnected { reason } => What::Disconnected {
            reason: reason.name().to_owned(),
        },
        EventKind::Reported { version, patch } => What::Reported {
            version: *version,
            patch: json(patch),
        },
        EventKind::Desired { version, patch } => What::Desired {
            version: *version,
            patch: json(patch),
        },
        EventKind::Tags { patch, .. } => What::Tags { patch: json(patch) },
        EventKind::MethodInvoked { call, name, .. } => What::MethodInvoked {
            call: call.0,
            name: name.as_str().to_owned(),
        },
        EventKind::MethodDelivered { call } => What::MethodDelivered { call: call.0 },
        EventKind::MethodAnswered { call, status, .. } => What::MethodAnswered {
            call: call.0,
            status: *status,
        },
        EventKind::MethodFailed { call, code } => What::MethodFailed {
            call: call.0,
            code: (*code).to_owned(),
        },
        EventKind::MethodAnswerIgnored { .. } => What::MethodAnswerIgnored,
        EventKind::Telemetry { payload, .. } => What::Telemetry {
            body: String::from_utf8_lossy(payload).into_owned(),
        },
        EventKind::C2dEnqueued { sequence } => What::C2dEnqueued {
            sequence: *sequence,
        },
        EventKind::C2dDelivered {
            sequence,
            deliveries,
        } => What::C2dDelivered {
            sequence: *sequence,
            deliveries: *deliveries,
        },
        EventKind::C2dSettled { sequence, outcome } => What::C2dSettled {
            sequence: *sequence,
            outcome: outcome.name().to_owned(),
        },
        EventKind::DeviceJobEnded(end) => What::DeviceJobEnded {
            job: end.job.as_str().to_owned(),
            error: end.error.map(str::to_owned),
        },
        EventKind::ModuleCreated
        | EventKind::ModuleUpdated
        | EventKind::ModuleDeleted
        | EventKind::ConnectRefused { .. }
        | EventKind::ConfigurationChanged { .. }
        | EventKind::ConfigurationRefused { .. }
        | EventKind::Subscribed { .. }
        | EventKind::Unsubscribed { .. }
        | EventKind::ReportedRefused { .. } => What::Other,
    }
}

/// The hub stores JSON texts only.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// So many are read at a time, so that nothing else waits long.
const STRETCH_EVENTS: usize = 4096;

#[cfg(test)]
mod tests {
    use emulator::config::EventLogLimits;
    use hub_proto::ids::DeviceId;
    use serde_json::json;

    use super::*;

    fn event(at_s: i64, kind: EventKind) -> Event {
        Event {
            at: Timestamp::from_unix_seconds(at_s),
            client: DeviceId::parse("pump-1").unwrap().into(),
            kind,
        }
    }

    fn reported(version: u64, patch: &str) -> EventKind {
        EventKind::Reported {
            version,
            patch: patch.into(),
        }
    }

    #[test]
    fn events_come_once_with_the_time_since_the_start() {
        let log = EventLog::new(EventLogLimits::default());
        log.append(event(99, EventKind::DeviceCreated));
        let mut follower = Follower::new(log.clone(), Timestamp::from_unix_seconds(100));
        log.append(event(102, reported(2, r#"{"status":"booted"}"#)));
        let stretch = follower.read();
        let expected = Observed {
            seq: 2,
            at: Duration::from_secs(2),
            device: "pump-1".into(),
            what: What::Reported {
                version: 2,
                patch: json!({"status": "booted"}),
            },
        };
        assert_eq!(stretch.events, [expected]);
        assert!(follower.read().events.is_empty());
    }

    #[test]
    fn a_follower_that_is_too_slow_is_told_how_much_it_missed() {
        let log = EventLog::new(EventLogLimits {
            events: 2,
            bytes: usize::MAX,
        });
        let mut follower = Follower::new(log.clone(), Timestamp::from_unix_seconds(0));
        for version in 1..=5 {
            log.append(event(1, reported(version, "{}")));
        }
        let stretch = follower.read();
        assert_eq!((stretch.missed, stretch.events.len()), (3, 2));
    }
}
