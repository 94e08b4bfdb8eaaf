//! A network between a device and its hub, without I/O: delay, cuts, and trouble on demand.
//!
//! Pure and seeded. It sits at the device's end: bytes come in with the time at which they do, and go
//! out when they have crossed. The order of bytes is kept.

use std::time::Duration;

/// What a network is like on an ordinary day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NetworkProfile {
    /// One way, shortest.
    pub delay_least: Duration,
    /// One way, longest.
    pub delay_most: Duration,
    /// How often a connection is cut, per minute on average.
    pub cuts_per_minute: f64,
}

/// Trouble between one device and its hub, for a while. Bytes that are lost stay lost, so that a
/// connection that lost some ends with the trouble at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is cut now. How long the trouble lasts is of no matter.
    Drop,
    /// The connection is cut, and new ones are refused.
    Refuse,
    /// The connection there is falls silent both ways, and nobody is told; new ones work.
    HalfOpen,
    /// Everything takes so much longer, one way.
    Slow(Duration),
    /// Silence both ways, and new connections hang.
    Partition,
    /// What the hub sends is lost, what the device sends arrives.
    LostAck,
}
