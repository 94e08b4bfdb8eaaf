//! The server's side of one MQTT connection, without I/O: order of packets, and time limits.
//!
//! The owner of the socket feeds decoded packets to [`ServerSession::receive`], acts on the
//! [`Event`], and calls [`ServerSession::handle_deadline`] when [`ServerSession::poll_deadline`] has
//! come. What a topic means, and whether a credential is good, is for others to say.
//!
//! Packets are handled strictly one after the other: between [`Event::Connect`] and
//! [`ServerSession::accept`] nothing else is fed. A client may send on before its CONNACK, and those
//! packets wait in the owner's buffer.

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
            connect_within: Duration::from_mins(1),
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
///
/// Order of calls: `new`; `receive` of CONNECT; `accept` if the credential was good (if not, the
/// connection is closed); then `receive` for each packet. `handle_deadline` at any time.
#[derive(Clone, Debug)]
pub struct ServerSession {
    stage: Stage,
}

/// Each stage holds what it needs, since a hub has a session for each connection.
#[derive(Clone, Debug)]
enum Stage {
    /// Nothing has come yet.
    AwaitingConnect {
        deadline: Instant,
        silence_max: Duration,
    },
    /// CONNECT has come; its credential is being checked.
    Checking {
        deadline: Instant,
        silence: Duration,
    },
    /// The client is in.
    Open {
        last_heard: Instant,
        silence: Duration,
        credential_ends: Option<Instant>,
    },
    /// DISCONNECT has come.
    Left,
}

impl ServerSession {
    /// A connection that has just been opened.
    pub fn new(now: Instant, limits: SessionLimits) -> Self {
        let stage = Stage::AwaitingConnect {
            deadline: now + limits.connect_within,
            silence_max: limits.silence_max,
        };
        Self { stage }
    }

    /// Feeds one packet from the client. An error ends the connection.
    pub fn receive<'a>(
        &mut self,
        now: Instant,
        packet: Packet<'a>,
    ) -> Result<Event<'a>, Violation> {
        match (&mut self.stage, packet) {
            (
                Stage::AwaitingConnect {
                    deadline,
                    silence_max,
                },
                Packet::Connect(connect),
            ) => {
                self.stage = Stage::Checking {
                    deadline: *deadline,
                    silence: silence(connect.keep_alive_s, *silence_max),
                };
                Ok(Event::Connect(connect))
            }
            // [MQTT-3.1.0-1]
            (Stage::AwaitingConnect { .. }, _) => Err(Violation::FirstPacketNotConnect),
            (Stage::Left, _) => Err(Violation::AfterDisconnect),
            // [MQTT-3.1.0-2]
            (Stage::Checking { .. } | Stage::Open { .. }, Packet::Connect(_)) => {
                Err(Violation::SecondConnect)
            }
            (Stage::Checking { .. }, _) => Err(Violation::BeforeAccept),
            (Stage::Open { last_heard, .. }, packet) => {
                *last_heard = now;
                let event = event_of(packet)?;
                if matches!(event, Event::Disconnect) {
                    self.stage = Stage::Left;
                }
                Ok(event)
            }
        }
    }

    /// The credential was good: the keep-alive of the CONNECT counts from here on, and the session
    /// ends at `credential_ends` at the latest. Without a CONNECT before it, this does nothing.
    pub fn accept(&mut self, now: Instant, credential_ends: Option<Instant>) {
        let Stage::Checking { silence, .. } = self.stage else {
            debug_assert!(false, "accept answers a CONNECT");
            return;
        };
        self.stage = Stage::Open {
            last_heard: now,
            silence,
            credential_ends,
        };
    }

    /// When [`ServerSession::handle_deadline`] is to be called next. Moves only forward with traffic,
    /// so a timer may be left armed at an old value and asked again when it fires.
    pub fn poll_deadline(&self) -> Instant {
        match self.stage {
            Stage::AwaitingConnect { deadline, .. } | Stage::Checking { deadline, .. } => deadline,
            Stage::Open {
                last_heard,
                silence,
                credential_ends,
            } => {
                let silent = last_heard + silence;
                credential_ends.map_or(silent, |ends| ends.min(silent))
            }
            // Nothing is left to wait for.
            Stage::Left => Instant::from_start(Duration::MAX),
        }
    }

    /// Says whether the session's time is up at `now`.
    pub fn handle_deadline(&mut self, now: Instant) -> Option<Expired> {
        if now < self.poll_deadline() {
            return None;
        }
        match self.stage {
            Stage::AwaitingConnect { .. } | Stage::Checking { .. } => Some(Expired::ConnectTimeout),
            Stage::Open {
                credential_ends: Some(ends),
                ..
            } if ends <= now => Some(Expired::Credential),
            Stage::Open { .. } => Some(Expired::KeepAlive),
            Stage::Left => None,
        }
    }
}

/// How long a client with this keep-alive may be silent.
fn silence(keep_alive_s: u16, silence_max: Duration) -> Duration {
    match keep_alive_s {
        // The client wants no limit; the hub has one. [MQTT-3.1.2-24] lets a server end it.
        0 => silence_max,
        // [MQTT-3.1.2-24] One and a half times the keep-alive.
        seconds => {
            let keep_alive = Duration::from_secs(u64::from(seconds));
            (keep_alive * 3 / 2).min(silence_max)
        }
    }
}

/// What a packet of a client that is in asks for; packets that only a server sends are refused.
fn event_of(packet: Packet<'_>) -> Result<Event<'_>, Violation> {
    match packet {
        Packet::Connect(_) => Err(Violation::SecondConnect),
        Packet::Publish(publish) => Ok(Event::Publish(publish)),
        Packet::PubAck(packet_id) => Ok(Event::Acknowledged(packet_id)),
        Packet::Subscribe(subscribe) => Ok(Event::Subscribe(subscribe)),
        Packet::Unsubscribe(unsubscribe) => Ok(Event::Unsubscribe(unsubscribe)),
        Packet::PingReq => Ok(Event::Ping),
        Packet::Disconnect => Ok(Event::Disconnect),
        Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
            Err(Violation::ServerPacket)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::{ConnAck, ConnectCode, SubAck};
    use super::*;

    const START: Instant = Instant::from_start(Duration::from_secs(1000));

    fn after(seconds: u64) -> Instant {
        START + Duration::from_secs(seconds)
    }

    fn connect(keep_alive_s: u16) -> Packet<'static> {
        Packet::Connect(Connect {
            client_id: "d",
            clean_session: false,
            keep_alive_s,
            will: None,
            user_name: None,
            password: None,
        })
    }

    fn open_session(keep_alive_s: u16, credential_ends: Option<Instant>) -> ServerSession {
        let mut session = ServerSession::new(START, SessionLimits::default());
        session.receive(START, connect(keep_alive_s)).unwrap();
        session.accept(START, credential_ends);
        session
    }

    #[test]
    fn connect_comes_first_and_once() {
        let mut session = ServerSession::new(START, SessionLimits::default());
        let first = session.clone().receive(START, Packet::PingReq);
        assert_eq!(first, Err(Violation::FirstPacketNotConnect));
        assert!(matches!(
            session.receive(START, connect(60)),
            Ok(Event::Connect(_))
        ));
        let second = session.clone().receive(START, connect(60));
        assert_eq!(second, Err(Violation::SecondConnect));
        let early = session.clone().receive(START, Packet::PingReq);
        assert_eq!(early, Err(Violation::BeforeAccept));
        session.accept(START, None);
        assert_eq!(session.receive(START, Packet::PingReq), Ok(Event::Ping));
        assert_eq!(
            session.receive(START, connect(60)),
            Err(Violation::SecondConnect)
        );
    }

    #[test]
    fn packets_of_a_server_are_refused() {
        let packet_id = PacketId::MIN;
        for packet in [
            Packet::ConnAck(ConnAck {
                session_present: false,
                code: ConnectCode::Accepted,
            }),
            Packet::SubAck(SubAck {
                packet_id,
                codes: &[0],
            }),
            Packet::UnsubAck(packet_id),
            Packet::PingResp,
        ] {
            let refused = open_session(60, None).receive(START, packet);
            assert_eq!(refused, Err(Violation::ServerPacket));
        }
        let acknowledged = open_session(60, None).receive(START, Packet::PubAck(packet_id));
        assert_eq!(acknowledged, Ok(Event::Acknowledged(packet_id)));
    }

    #[test]
    fn nothing_follows_disconnect() {
        let mut session = open_session(60, Some(after(1)));
        assert_eq!(
            session.receive(START, Packet::Disconnect),
            Ok(Event::Disconnect)
        );
        assert_eq!(
            session.receive(START, Packet::PingReq),
            Err(Violation::AfterDisconnect)
        );
        assert_eq!(session.handle_deadline(after(100_000)), None);
    }

    #[test]
    fn connect_must_come_within_its_time() {
        let mut session = ServerSession::new(START, SessionLimits::default());
        assert_eq!(session.poll_deadline(), after(60));
        assert_eq!(session.handle_deadline(after(59)), None);
        assert_eq!(
            session.handle_deadline(after(60)),
            Some(Expired::ConnectTimeout)
        );
    }

    #[test]
    fn silence_may_last_one_and_a_half_keep_alives_up_to_the_cap() {
        // Keep-alive and silence, in seconds. The largest useful keep-alive of the hub is 1177 s.
        for (keep_alive_s, silence_s) in [
            (60, 90),
            (240, 360),
            (1177, 1765),
            (1178, 1767),
            (u16::MAX, 1767),
            (0, 1767),
        ] {
            let mut session = open_session(keep_alive_s, None);
            assert_eq!(session.handle_deadline(after(silence_s)), {
                // 1177 s are 1765.5 s of silence.
                (keep_alive_s != 1177).then_some(Expired::KeepAlive)
            });
            assert_eq!(
                session.handle_deadline(after(silence_s - 1)),
                None,
                "{keep_alive_s}"
            );
            assert_eq!(
                session.handle_deadline(after(silence_s + 1)),
                Some(Expired::KeepAlive)
            );
        }
    }

    #[test]
    fn any_packet_moves_the_deadline_forward() {
        let mut session = open_session(60, None);
        assert_eq!(session.poll_deadline(), after(90));
        session.receive(after(50), Packet::PingReq).unwrap();
        assert_eq!(session.poll_deadline(), after(140));
        assert_eq!(session.handle_deadline(after(90)), None);
        assert_eq!(
            session.handle_deadline(after(140)),
            Some(Expired::KeepAlive)
        );
    }

    #[test]
    fn a_credential_ends_the_session_whatever_the_traffic() {
        let mut session = open_session(60, Some(after(100)));
        session.receive(after(80), Packet::PingReq).unwrap();
        assert_eq!(session.poll_deadline(), after(100));
        assert_eq!(session.handle_deadline(after(99)), None);
        assert_eq!(
            session.handle_deadline(after(100)),
            Some(Expired::Credential)
        );
    }
}
