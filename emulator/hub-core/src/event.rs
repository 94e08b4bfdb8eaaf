//! Facts for the event log: everything that a judge or a person may want to know afterwards.
//!
//! Events of one client are in the order they happened. How they are numbered, kept and printed is
//! the log's affair.

use hub_proto::ids::{ClientIdentity, MethodName};
use hub_proto::raw_bag::RawBag;
use hub_proto::time::Timestamp;
use hub_proto::topic::Subscription;

use crate::configuration::{ConfigurationId, ConfigurationStatus};
use crate::jobs::{JobId, JobType};
use crate::link::LinkClose;
use crate::method::CallId;

/// One fact about one client: a device, or a module of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// To whom.
    pub client: ClientIdentity,
    /// What.
    pub kind: EventKind,
}

/// What happened. Where it says "device", a module of one may stand as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An identity was registered.
    DeviceCreated,
    /// An identity was changed.
    DeviceUpdated {
        /// Whether the device may connect now.
        enabled: bool,
    },
    /// An identity was removed, with its twin and queue.
    DeviceDeleted,
    /// A module identity was registered.
    ModuleCreated,
    /// A module identity was changed.
    ModuleUpdated,
    /// A module identity was removed, with its twin.
    ModuleDeleted,
    /// A device connected.
    Connected {
        /// Whether a stored session was resumed.
        session_present: bool,
        /// The SDK's user agent, if it told.
        client_type: Option<String>,
    },
    /// A connection in the name of a registered device was not let in.
    ConnectRefused {
        /// Why, by name.
        reason: &'static str,
        /// Why, in words.
        message: String,
    },
    /// A device's connection ended.
    Disconnected {
        /// Why.
        reason: LinkClose,
    },
    /// A device was granted subscriptions.
    Subscribed {
        /// Which.
        subscriptions: Box<[Subscription]>,
    },
    /// A device gave a subscription up that it had.
    Unsubscribed {
        /// Which.
        subscription: Subscription,
    },
    /// A device changed its reported properties.
    Reported {
        /// The new reported version.
        version: u64,
        /// The patch, as JSON text.
        patch: Box<str>,
    },
    /// A device's reported patch was refused.
    ReportedRefused {
        /// The status the device was told.
        status: u16,
        /// Why.
        message: String,
    },
    /// The service changed desired properties.
    Desired {
        /// The new desired version.
        version: u64,
        /// The change as notified (removed keys are null), as JSON text.
        patch: Box<str>,
    },
    /// The service changed tags.
    Tags {
        /// The new twin version.
        version: u64,
        /// The change, as JSON text.
        patch: Box<str>,
    },
    /// The service called a direct method.
    MethodInvoked {
        /// The call.
        call: CallId,
        /// The method.
        name: MethodName,
        /// The payload, as JSON text.
        payload: Box<str>,
    },
    /// A call was handed to the device.
    MethodDelivered {
        /// The call.
        call: CallId,
    },
    /// The device answered a call.
    MethodAnswered {
        /// The call.
        call: CallId,
        /// The device's status.
        status: i32,
        /// The device's body; JSON unless the device sent something else.
        payload: Vec<u8>,
    },
    /// A call ended without an answer.
    MethodFailed {
        /// The call.
        call: CallId,
        /// The hub's code, by name.
        code: &'static str,
    },
    /// A device answered a call that is not open: late, twice, or never made.
    MethodAnswerIgnored {
        /// The request id as the device sent it.
        rid: String,
    },
    /// A configuration is something else to the twin than before.
    ConfigurationChanged {
        /// Which.
        configuration: ConfigurationId,
        /// What it is now; `None` if it targets the twin no more.
        status: Option<ConfigurationStatus>,
    },
    /// A configuration targets the twin and could not be written.
    ConfigurationRefused {
        /// Which.
        configuration: ConfigurationId,
        /// Why.
        message: String,
    },
    /// A device sent a message.
    Telemetry {
        /// Its properties.
        properties: RawBag,
        /// Its body.
        payload: Vec<u8>,
    },
    /// The service sent a message to the device.
    C2dEnqueued {
        /// The message's number in the device's queue, counted from 1 for ever.
        sequence: u64,
    },
    /// A message was handed to the device.
    C2dDelivered {
        /// The message's number.
        sequence: u64,
        /// How often by now.
        deliveries: u32,
    },
    /// A message left the queue.
    C2dSettled {
        /// The message's number.
        sequence: u64,
        /// How it ended.
        outcome: C2dOutcome,
    },
    /// A device's part in a scheduled job ended.
    DeviceJobEnded(DeviceJobEnd),
}

/// How a device's part in a scheduled job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceJobEnd {
    /// Which job.
    pub job: JobId,
    /// Its kind.
    pub job_type: JobType,
    /// The hub's code, by name, if the part failed.
    pub error: Option<&'static str>,
}

impl EventKind {
    /// Whether a configuration may think otherwise of the twin after this.
    pub fn concerns_configurations(&self) -> bool {
        match self {
            Self::DeviceCreated
            | Self::DeviceUpdated { .. }
            | Self::ModuleCreated
            | Self::ModuleUpdated
            | Self::Reported { .. }
            | Self::Tags { .. } => true,
            Self::DeviceDeleted
            | Self::ModuleDeleted
            | Self::Connected { .. }
            | Self::ConnectRefused { .. }
            | Self::Disconnected { .. }
            | Self::Subscribed { .. }
            | Self::Unsubscribed { .. }
            | Self::ReportedRefused { .. }
            | Self::Desired { .. }
            | Self::MethodInvoked { .. }
            | Self::MethodDelivered { .. }
            | Self::MethodAnswered { .. }
            | Self::MethodFailed { .. }
            | Self::MethodAnswerIgnored { .. }
            | Self::ConfigurationChanged { .. }
            | Self::ConfigurationRefused { .. }
            | Self::Telemetry { .. }
            | Self::C2dEnqueued { .. }
            | Self::C2dDelivered { .. }
            | Self::C2dSettled { .. }
            | Self::DeviceJobEnded(_) => false,
        }
    }
}

/// How a cloud-to-device message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum C2dOutcome {
    /// The device acknowledged it.
    Completed,
    /// Dead letter: its time to live ran out.
    Expired,
    /// Dead letter: the device abandoned it as often as it may.
    DeliveryCountExceeded,
    /// Dead letter: the device rejected it.
    Rejected,
    /// The service emptied the queue.
    Purged,
}

impl C2dOutcome {
    /// The outcome in one word, as the admin API and scenarios call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::DeliveryCountExceeded => "deliveryCountExceeded",
            Self::Rejected => "rejected",
            Self::Purged => "purged",
        }
    }

    /// The outcome as feedback names it.
    pub fn status_code(self) -> &'static str {
        match self {
            Self::Completed => "Success",
            Self::Expired => "Expired",
            Self::DeliveryCountExceeded => "DeliveryCountExceeded",
            Self::Rejected => "Rejected",
            Self::Purged => "Purged",
        }
    }
}
