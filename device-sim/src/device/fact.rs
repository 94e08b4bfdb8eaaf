//! What a device asks of its driver, and what it tells whoever watches. Decides nothing.

use std::time::Duration;

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open a socket, then call [`Device::handle_opened`](crate::device::Device::handle_opened) or
    /// [`Device::handle_lost`](crate::device::Device::handle_lost).
    Dial,
    /// Close the socket once the output is written. No call follows.
    Close,
    /// Drop the socket at once, without a goodbye of any kind (TCP reset where that can be had); what
    /// is not written yet is lost. No call follows.
    Drop,
}

/// What happened to a device, for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It wants a socket.
    Dialling,
    /// CONNACK 0.
    Connected {
        /// Whether the hub remembered its subscriptions.
        session_present: bool,
        /// Since the socket was open.
        took: Duration,
    },
    /// SUBACK: methods and twin changes reach it.
    Online {
        /// Since CONNACK.
        took: Duration,
    },
    /// The twin it asked for came.
    TwinGot {
        /// Since it asked.
        took: Duration,
    },
    /// Desired properties changed.
    DesiredChanged {
        /// The new desired version.
        version: u64,
    },
    /// A cloud-to-device message came, and was acknowledged.
    MessageReceived,
    /// A method was called.
    MethodCalled {
        /// Its name.
        name: String,
    },
    /// It answered a method.
    Answered {
        /// Its verdict.
        status: i32,
        /// JSON text.
        payload: String,
        /// Since the call came; `None` if that is forgotten, as it is once the call is answered.
        took: Option<Duration>,
    },
    /// It reported.
    Reporting {
        /// JSON text.
        patch: String,
    },
    /// A report was stored.
    Reported {
        /// The new reported version.
        version: Option<u64>,
        /// Since it was first sent.
        took: Duration,
    },
    /// A twin request was refused.
    TwinRefused {
        /// The hub's status.
        status: u16,
    },
    /// Telemetry was sent.
    Sent,
    /// Telemetry was acknowledged.
    Acknowledged {
        /// Since it was first sent.
        took: Duration,
    },
    /// It went offline on purpose, with a goodbye or without.
    WentOffline,
    /// It lost its connection, or could not make one.
    Lost {
        /// Why.
        reason: String,
    },
    /// Something was not done: too much of it was under way, or there was no connection for it.
    Dropped {
        /// What.
        what: &'static str,
    },
    /// Its behaviour did so much at once that it was stopped; it stays as it is.
    Stopped {
        /// What it was doing.
        reason: String,
    },
}
