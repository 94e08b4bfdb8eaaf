//! From the hub's event log to what the judge sees. Reads the log, decides nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use emulator::EventLog;
use hub_core::event::EventKind;
use hub_proto::ids::ClientIdentity;
use hub_proto::time::Timestamp;
use serde_json::Value;

use super::poll::Poller;
use super::remote_log::RemoteLog;
use crate::judge::observed::{Observed, What};

/// Reads the log from where it was at the start, in stretches.
#[derive(Debug)]
pub(super) struct Follower {
    source: Source,
    start: Timestamp,
    /// Why the last look came to nothing.
    trouble: Option<String>,
}

#[derive(Debug)]
enum Source {
    Embedded {
        log: EventLog,
        /// The number of the last event read.
        read: u64,
        names: Names,
    },
    Elsewhere(RemoteLog),
    Polled(Poller),
}

/// Every name once: a run has many events and few devices. Looked up, never walked.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    pub(super) fn name(&mut self, device: &str) -> Arc<str> {
        if let Some(known) = self.0.get(device) {
            return Arc::clone(known);
        }
        let name: Arc<str> = device.into();
        self.0.insert(Arc::clone(&name));
        name
    }
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
        let source = Source::Embedded {
            read: log.newest(),
            log,
            names: Names::default(),
        };
        Self {
            source,
            start,
            trouble: None,
        }
    }

    /// Follows the log of a hub elsewhere.
    pub(super) fn elsewhere(log: RemoteLog, start: Timestamp) -> Self {
        Self {
            source: Source::Elsewhere(log),
            start,
            trouble: None,
        }
    }

    /// Follows a hub without a log.
    pub(super) fn polled(poller: Poller, start: Timestamp) -> Self {
        Self {
            source: Source::Polled(poller),
            start,
            trouble: None,
        }
    }

    /// What whoever reads the verdict must know of how facts were got.
    pub(super) fn note(&self) -> Option<String> {
        match &self.source {
            Source::Polled(poller) => Some(poller.note()),
            Source::Embedded { .. } | Source::Elsewhere(_) => None,
        }
    }

    /// What has been appended since the last call, as much as is read at a time, and whether there may
    /// be more.
    pub(super) async fn read(&mut self) -> (Stretch, bool) {
        match &mut self.source {
            Source::Embedded { log, read, names } => {
                let stretch = read_embedded(log, read, names, self.start);
                let may_be_more = !stretch.events.is_empty();
                (stretch, may_be_more)
            }
            Source::Polled(poller) => match poller.look().await {
                Ok(stretch) => {
                    self.trouble = None;
                    (stretch, false)
                }
                Err(trouble) => {
                    self.trouble = Some(trouble);
                    (Stretch::default(), false)
                }
            },
            Source::Elsewhere(log) => match log.read(self.start).await {
                Ok(read) => {
                    self.trouble = None;
                    read
                }
                Err(trouble) => {
                    self.trouble = Some(trouble);
                    (Stretch::default(), false)
                }
            },
        }
    }

    /// Why nothing could be read the last time; the next time goes on where the one before ended.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Comes back when [`Follower::read`] has something to give, or may have.
    pub(super) async fn appended(&self) {
        match &self.source {
            Source::Embedded { log, read, .. } => log.appended_after(*read).await,
            Source::Elsewhere(_) => tokio::time::sleep(LOOK_EVERY).await,
            Source::Polled(poller) => poller.due().await,
        }
    }
}

fn read_embedded(log: &EventLog, read: &mut u64, names: &mut Names, start: Timestamp) -> Stretch {
    let page = log.read(*read, STRETCH_EVENTS);
    let mut stretch = Stretch {
        missed: page.missed,
        ..Stretch::default()
    };
    for (seq, event) in page.events {
        *read = seq;
        let device = match &event.client {
            ClientIdentity::Device(id) => names.name(id.as_str()),
            module @ ClientIdentity::Module(..) => names.name(&module.to_string()),
        };
        match event.kind {
            EventKind::Subscribed { .. } => stretch.presence.push((Arc::clone(&device), true)),
            EventKind::Disconnected { .. } => stretch.presence.push((Arc::clone(&device), false)),
            _ => {}
        }
        stretch.events.push(Observed {
            seq,
            at: since(start, event.at),
            device,
            what: what(&event.kind),
        });
    }
    stretch
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
/// How often a log elsewhere is looked at while nothing else asks for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use emulator::config::EventLogLimits;
    use hub_core::event::Event;
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

    #[tokio::test]
    async fn events_come_once_with_the_time_since_the_start() {
        let log = EventLog::new(EventLogLimits::default());
        log.append(event(99, EventKind::DeviceCreated));
        let mut follower = Follower::new(log.clone(), Timestamp::from_unix_seconds(100));
        log.append(event(102, reported(2, r#"{"status":"booted"}"#)));
        let stretch = follower.read().await.0;
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
        assert!(follower.read().await.0.events.is_empty());
    }

    #[tokio::test]
    async fn a_follower_that_is_too_slow_is_told_how_much_it_missed() {
        let log = EventLog::new(EventLogLimits {
            events: 2,
            bytes: usize::MAX,
        });
        let mut follower = Follower::new(log.clone(), Timestamp::from_unix_seconds(0));
        for version in 1..=5 {
            log.append(event(1, reported(version, "{}")));
        }
        let stretch = follower.read().await.0;
        assert_eq!((stretch.missed, stretch.events.len()), (3, 2));
    }
}
