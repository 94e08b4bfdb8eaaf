//! The ways to break the protocol. Each ends the connection; none is answered, but for a wrong
//! protocol level, which gets CONNACK 1 first. [MQTT-3.1.2-2]

use thiserror::Error;

/// A broken clause of MQTT 3.1.1, or of the hub's own narrower rules.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Violation {
    /// The first packet was not CONNECT. [MQTT-3.1.0-1]
    #[error("the first packet is not CONNECT")]
    FirstPacketNotConnect,
}
