//! What the judge sees: facts of the hub, whichever way they were got (the embedded hub's event log,
//! a running hub's admin API, or polling a real one).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

/// One fact about one device, in the order it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Its number in the log; counted by the poller where there is no log.
    pub seq: u64,
    /// Since the scenario's start, by the hub's clock.
    pub at: Duration,
    /// The device.
    pub device: Arc<str>,
    /// What happened.
    pub what: What,
}

/// What happened. Names follow docs/ADMIN.md.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An identity was registered, with an empty twin.
    Created,
    /// An identity was enabled or disabled.
    Updated {
        /// Whether it may connect.
        enabled: bool,
    },
    /// An identity was removed.
    Deleted,
    /// A link came up.
    Connected {
        /// Whether a session was resumed.
        session_present: bool,
    },
    /// A link ended.
    Disconnected {
        /// `goodbye`, `lost`, `takenOver` and so on.
        reason: String,
    },
    /// Reported properties changed by this patch.
    Reported {
        /// The new version.
        version: u64,
        /// A merge patch.
        patch: Value,
    },
    /// Desired properties changed by this patch.
    Desired {
        /// The new version.
        version: u64,
        /// A merge patch.
        patch: Value,
    },
    /// Tags changed by this patch.
    Tags {
        /// A merge patch.
        patch: Value,
    },
    /// A method was called.
    MethodInvoked {
        /// The call.
        call: u64,
        /// The method.
        name: String,
    },
    /// A call reached the device.
    MethodDelivered {
        /// The call.
        call: u64,
    },
    /// The device answered.
    MethodAnswered {
        /// The call.
        call: u64,
        /// The device's status.
        status: i32,
    },
    /// A call ended without an answer.
    MethodFailed {
        /// The call.
        call: u64,
        /// The hub's code by name.
        code: String,
    },
    /// A late, repeated or unknown answer.
    MethodAnswerIgnored,
    /// A message of the device.
    Telemetry {
        /// The body, as text where it is UTF-8.
        body: String,
    },
    /// A message for the device was queued.
    C2dEnqueued {
        /// Its number.
        sequence: u64,
    },
    /// It was handed over.
    C2dDelivered {
        /// Its number.
        sequence: u64,
        /// How often by now.
        deliveries: u32,
    },
    /// It left the queue.
    C2dSettled {
        /// Its number.
        sequence: u64,
        /// `completed`, `expired` or `purged`.
        outcome: String,
    },
    /// Its part in a scheduled job ended.
    DeviceJobEnded {
        /// The job.
        job: String,
        /// The hub's code by name, if the part failed.
        error: Option<String>,
    },
    /// Something else that no check speaks of.
    Other,
}
