//! Direct methods: calls that wait for a device, or for its answer.

use std::fmt;
use std::time::Duration;

use hub_proto::ids::{DeviceId, MethodName};

/// One call of the service, unique in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// The request id of a call as the device sees it: prints as lower-case hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid(pub u64);

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A call, with its bounds checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokeMethod {
    /// On whom.
    pub device: DeviceId,
    /// What.
    pub name: MethodName,
    /// JSON text, byte for byte; the four bytes `null` when the service gave none.
    pub payload: Vec<u8>,
    /// How long each step may take.
    pub timeouts: Timeouts,
}

/// How long a call may take. Made by [`Timeouts::checked`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How long the device may take to be there; zero: it must be there now.
    pub connect: Duration,
    /// How long the device may take to answer, from the moment it has the call.
    pub response: Duration,
}

/// The device's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResult {
    /// The device's status: any integer.
    pub status: i32,
    /// The device's body, byte for byte; may be empty.
    pub payload: Vec<u8>,
}
