//! The server's side of one MQTT connection, without I/O: order of packets, and time limits.
//!
//! The owner of the socket feeds decoded packets to [`ServerSession::receive`], acts on the
//! [`Event`], and calls [`ServerSession::handle_deadline`] when [`ServerSession::poll_deadline`] has
//! come. What a topic means, and whether a credential is good, is for others to say.

use std::time::Duration;

use crate::time::Instant;

use super::packet::{Connect, Packet, PacketId, Publish, Subscribe, Unsubscribe};
use super::violation::Violation;

/// The time limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long a client may take to send CONNECT.
    pub connect_within: Duration,
    /// The longest silence whatever the client's keep-alive says; also the limit for keep-alive 0.
    pub silence_max: Duration,
}

impl Default for SessionLimits {
    /// The real hub's: 60 s for CONNECT, 1,767 s of silence.
    fn default() -> Self {
        Self {
            connect_within: Duration::from_secs(60),
            silence_max: Duration::from_secs(1767),
        }
    }
}

/// What a packet asks the server to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Check the credential, then call [`ServerSession::accept`] or close with a CONNACK.
    Connect(Connect<'a>),
    /// Act on the topic, then acknowledge if QoS 1.
    Publish(Publish<'a>),
    /// The client has message `PacketId`.
    Acknowledged(PacketId),
    /// Grant or close.
    Subscribe(Subscribe<'a>),
    /// Always answered with UNSUBACK.
    Unsubscribe(Unsubscribe<'a>),
    /// Answer PINGRESP.
    Ping,
    /// The client leaves in order: its will is void.
    Disconnect,
}

/// Why a session's time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// No CONNECT in time.
    ConnectTimeout,
    /// Nothing arrived for 1.5 times the keep-alive. [MQTT-3.1.2-24]
    KeepAlive,
    /// The SAS token ran out, grace included.
    Credential,
}

/// The server's side of one connection.
#[derive(Clone, Debug)]
pub struct ServerSession {
    limits: SessionLimits,
    opened: Instant,
}

impl ServerSession {
    /// A connection that has just been opened.
    pub fn new(now: Instant, limits: SessionLimits) -> Self {
        Self { limits, opened: now }
    }

    /// Feeds one packet from the client. An error ends the connection.
    pub fn receive<'a>(&mut self, now: Instant, packet: Packet<'a>) -> Result<Event<'a>, Violation> {
        todo!("{now:?} {packet:?} {:?} {:?}", self.limits, self.opened)
    }

    /// The credential was good: the keep-alive of the CONNECT counts from here on, and the session
    /// ends at `credential_ends` at the latest.
    pub fn accept(&mut self, now: Instant, credential_ends: Option<Instant>) {
        todo!("{now:?} {credential_ends:?}")
    }

    /// When [`ServerSession::handle_deadline`] is to be called next. Moves only forward with traffic,
    /// so a timer may be left armed at an old value and asked again when it fires.
    pub fn poll_deadline(&self) -> Instant {
        todo!()
    }

    /// Says whether the session's time is up at `now`.
    pub fn handle_deadline(&mut self, now: Instant) -> Option<Expired> {
        todo!("{now:?}")
    }
}
