//! The client's side of one MQTT connection to a hub, without I/O.
//!
//! The owner of the socket makes a [`Session`] when the socket is open, writes what
//! [`Session::take_output`] gives, feeds what it reads to [`Session::receive`], then drains
//! [`Session::poll_event`], and calls [`Session::handle_deadline`] when [`Session::poll_deadline`] has
//! come. What a method means, and when to dial again, is for others to say.
//!
//! Twin requests and method answers go out at QoS 0, as those of the Node, C and C# SDKs do: each has
//! an answer of its own, so an acknowledgement adds nothing.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use hub_proto::mqtt::decode::decode;
use hub_proto::mqtt::encode::{encode, encode_publish, encode_subscribe};
use hub_proto::mqtt::packet::{Connect, ConnectCode, Delivery, Packet, PacketId, Publish, QoS};
use hub_proto::property_bag::PropertyBag;
use hub_proto::time::Instant;
use hub_proto::topic::HubTopic;
use thiserror::Error;

use crate::behaviour::Uses;
use crate::rare::Rare;

/// What a connection is opened with.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The hub's host name, as in the connection string.
    pub host: &'a str,
    /// The device.
    pub device_id: &'a str,
    /// A SAS token for the device. Never logged.
    pub token: &'a str,
    /// Seconds between two signs of life; at least 1.
    pub keep_alive_s: u16,
    /// What is subscribed to.
    pub uses: Uses,
}

/// What the hub said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// CONNACK 0.
    Connected {
        /// Whether the hub remembered the last connection's subscriptions.
        session_present: bool,
    },
    /// SUBACK, or nothing is subscribed to: whatever is used arrives from now on.
    Subscribed,
    /// The twin asked for.
    Twin {
        /// `{"desired":…,"reported":…}`
        document: String,
    },
    /// A reported patch was stored.
    Reported {
        /// What [`Session::report`] gave.
        rid: u64,
        /// The new reported version.
        version: Option<u64>,
    },
    /// A twin request was refused.
    TwinRefused {
        /// What [`Session::report`] or [`Session::get_twin`] gave.
        rid: u64,
        /// The hub's status.
        status: u16,
        /// The hub's body.
        body: String,
    },
    /// The service changed desired properties.
    Desired {
        /// The new desired version.
        version: u64,
        /// The change.
        patch: String,
    },
    /// The service calls a method.
    Method {
        /// Its name.
        name: String,
        /// To be given back with the answer.
        rid: String,
        /// JSON text.
        payload: Vec<u8>,
    },
    /// A cloud-to-device message; it is acknowledged.
    Message {
        /// As it was sent.
        body: Vec<u8>,
    },
    /// Telemetry reached the hub.
    Acknowledged {
        /// What it was sent with.
        packet_id: PacketId,
    },
}

/// Why a session is over. The socket is to be closed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SessionError {
    /// CONNACK with a code other than 0.
    #[error("the hub refused the connection: {0:?}")]
    Refused(ConnectCode),
    /// SUBACK with a failure code.
    #[error("the hub refused the subscription")]
    SubscriptionRefused,
    /// The hub does not answer.
    #[error("the hub did not answer within {0:?}")]
    Silent(Duration),
    /// The hub broke the protocol.
    #[error("the hub sent {0}")]
    Protocol(String),
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    keep_alive_s: u16,
    /// When a PINGREQ, or the end of patience, is due.
    deadline: Instant,
    last_rid: u64,
    busy: Rare<Busy>,
}

/// What is under way.
#[derive(Debug, Default)]
struct Busy {
    /// The filters to ask for, once it is connected.
    subscribe: Vec<u8>,
    /// The piece of a packet.
    input: Vec<u8>,
    output: Vec<u8>,
    events: VecDeque<Event>,
    /// Heard of a remembered session before SUBACK; told after it, so that whoever answers is ready.
    early: Vec<Event>,
    /// Twin requests without an answer so far, by their `$rid`.
    open_requests: Vec<(u64, Request)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// CONNECT is out.
    Connecting,
    /// CONNACK was good, SUBSCRIBE is out.
    Subscribing,
    /// Everything is granted; a PINGREQ may be out.
    Online { ping_sent: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Get,
    Patch,
}

impl Session {
    /// Opens a session on a fresh socket: CONNECT is in the output.
    pub fn open(login: Login<'_>, now: Instant) -> Self {
        let user_name = format!(
            "{}/{}/?api-version={API_VERSION}&DeviceClientType={CLIENT_TYPE}",
            login.host, login.device_id
        );
        let mut busy = Rare::<Busy>::default();
        busy.room().subscribe = subscribe(login);
        let output = &mut busy.room().output;
        output.reserve_exact(CONNECT_BYTES);
        encode(
            &Packet::Connect(Connect {
                client_id: login.device_id,
                clean_session: false,
                keep_alive_s: login.keep_alive_s,
                will: None,
                user_name: Some(&user_name),
                password: Some(login.token.as_bytes()),
            }),
            output,
        );
        Self {
            phase: Phase::Connecting,
            keep_alive_s: login.keep_alive_s.max(1),
            deadline: now + ANSWER_WITHIN,
            last_rid: 0,
            busy,
        }
    }

    /// Whether methods and twin requests work now.
    pub fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online { .. })
    }

    /// Whether it holds no room for anything under way.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.busy.get().is_none()
    }

    /// Feeds bytes from the socket. After an error the session is dead.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) -> Result<(), SessionError> {
        // Nearly always whole packets arrive: only the piece of one is kept.
        let kept = self.busy.get_mut();
        let kept = kept.map_or_else(Vec::new, |busy| std::mem::take(&mut busy.input));
        let joined;
        let input = if kept.is_empty() {
            bytes
        } else {
            joined = [&kept[..], bytes].concat();
            &joined
        };
        let mut used = 0;
        loop {
            let next = decode(&input[used..], PACKET_BYTES_MAX)
                .map_err(|violation| SessionError::Protocol(violation.to_string()))?;
            let Some((packet, length)) = next else { break };
            self.handle_packet(now, &packet)?;
            used += length;
        }
        if used < input.len() {
            self.busy.room().input = input[used..].to_vec();
        }
        Ok(())
    }

    /// The next thing the hub said.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.busy.get_mut()?.events.pop_front();
        self.busy.give_back_if(Busy::is_over);
        event
    }

    /// What is to be written to the socket, in order; empty if nothing.
    pub fn take_output(&mut self) -> Vec<u8> {
        let output = self.busy.get_mut();
        let output = output.map_or_else(Vec::new, |busy| std::mem::take(&mut busy.output));
        self.busy.give_back_if(Busy::is_over);
        output
    }

    /// When [`Session::handle_deadline`] is to be called.
    pub fn poll_deadline(&self) -> Instant {
        self.deadline
    }

    /// Sends a sign of life, or gives the hub up.
    pub fn handle_deadline(&mut self, now: Instant) -> Result<(), SessionError> {
        if now < self.deadline {
            return Ok(());
        }
        match self.phase {
            Phase::Online { ping_sent: false } => {
                encode(&Packet::PingReq, self.output());
                self.phase = Phase::Online { ping_sent: true };
                self.deadline = now + ANSWER_WITHIN;
                Ok(())
            }
            Phase::Connecting | Phase::Subscribing | Phase::Online { ping_sent: true } => {
                Err(SessionError::Silent(ANSWER_WITHIN))
            }
        }
    }

    /// Asks for the twin; [`Event::Twin`] or [`Event::TwinRefused`] follows.
    pub fn get_twin(&mut self) -> u64 {
        let rid = self.next_rid(Request::Get);
        self.publish(&format!("$iothub/twin/GET/?$rid={rid}"), b"");
        rid
    }

    /// Patches the reported properties; [`Event::Reported`] or [`Event::TwinRefused`] follows.
    pub fn report(&mut self, patch: &str) -> u64 {
        let rid = self.next_rid(Request::Patch);
        self.publish(
            &format!("$iothub/twin/PATCH/properties/reported/?$rid={rid}"),
            patch.as_bytes(),
        );
        rid
    }

    /// Sends telemetry at QoS 1, as every SDK does; [`Event::Acknowledged`] follows. `again` if it was
    /// sent on an earlier connection and not acknowledged there. [MQTT-4.4.0-1]
    pub fn send(
        &mut self,
        device_id: &str,
        packet_id: PacketId,
        properties: &[(String, String)],
        body: &[u8],
        again: bool,
    ) {
        let bag = PropertyBag {
            system: Vec::new(),
            application: properties
                .iter()
                .map(|(name, value)| (name.clone(), Some(value.clone())))
                .collect(),
        };
        encode_publish(
            self.output(),
            Delivery::AtLeastOnce(packet_id),
            again,
            |out| {
                out.extend_from_slice(b"devices/");
                out.extend_from_slice(device_id.as_bytes());
                out.extend_from_slice(b"/messages/events/");
                out.extend_from_slice(bag.to_telemetry().as_bytes());
            },
            body,
        );
    }

    /// Answers a method call.
    pub fn respond(&mut self, rid: &str, status: i32, payload: &[u8]) {
        self.publish(
            &format!("$iothub/methods/res/{status}/?$rid={rid}"),
            payload,
        );
    }

    /// Says goodbye; the socket is to be closed once the output is written.
    pub fn disconnect(&mut self) {
        encode(&Packet::Disconnect, self.output());
    }

    fn output(&mut self) -> &mut Vec<u8> {
        &mut self.busy.room().output
    }

    fn publish(&mut self, topic: &str, payload: &[u8]) {
        encode_publish(
            self.output(),
            Delivery::AtMostOnce,
            false,
            |out| out.extend_from_slice(topic.as_bytes()),
            payload,
        );
    }

    fn next_rid(&mut self, request: Request) -> u64 {
        self.last_rid += 1;
        let open_requests = &mut self.busy.room().open_requests;
        if open_requests.len() == OPEN_REQUESTS_MAX {
            // The oldest is the least likely to be answered; its answer will be ignored.
            open_requests.remove(0);
        }
        open_requests.push((self.last_rid, request));
        self.last_rid
    }

    fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), SessionError> {
        match (self.phase, packet) {
            (Phase::Connecting, Packet::ConnAck(ack)) => {
                if ack.code != ConnectCode::Accepted {
                    return Err(SessionError::Refused(ack.code));
                }
                let busy = self.busy.room();
                busy.events.push_back(Event::Connected {
                    session_present: ack.session_present,
                });
                if busy.subscribe.is_empty() {
                    busy.events.push_back(Event::Subscribed);
                    self.go_on(now);
                } else {
                    busy.output.append(&mut std::mem::take(&mut busy.subscribe));
                    self.phase = Phase::Subscribing;
                    self.deadline = now + ANSWER_WITHIN;
                }
            }
            (Phase::Subscribing, Packet::SubAck(ack)) => {
                if ack.codes.iter().any(|code| *code > 1) {
                    return Err(SessionError::SubscriptionRefused);
                }
                let busy = self.busy.room();
                busy.events.push_back(Event::Subscribed);
                busy.events.extend(std::mem::take(&mut busy.early));
                self.go_on(now);
            }
            (Phase::Online { .. }, Packet::PingResp) => self.go_on(now),
            // A remembered session may deliver before the SUBACK.
            (Phase::Subscribing, Packet::Publish(publish)) => {
                if self.busy.room().early.len() == EARLY_MAX {
                    return Err(SessionError::Protocol("too much before SUBACK".to_owned()));
                }
                let event = self.handle_publish(publish);
                self.busy.room().early.extend(event);
            }
            (Phase::Online { .. }, Packet::Publish(publish)) => {
                let event = self.handle_publish(publish);
                self.busy.room().events.extend(event);
            }
            (Phase::Online { .. }, Packet::PubAck(packet_id)) => {
                self.busy.room().events.push_back(Event::Acknowledged {
                    packet_id: *packet_id,
                });
            }
            (_, unexpected) => return Err(SessionError::Protocol(unexpected_name(unexpected))),
        }
        Ok(())
    }

    fn go_on(&mut self, now: Instant) {
        self.phase = Phase::Online { ping_sent: false };
        // Half of the keep-alive leaves room for one lost round trip. [MQTT-3.1.2-23]
        self.deadline = now + Duration::from_secs(u64::from(self.keep_alive_s)) / 2;
    }

    fn handle_publish(&mut self, publish: &Publish<'_>) -> Option<Event> {
        if let Delivery::AtLeastOnce(packet_id) = publish.delivery {
            encode(&Packet::PubAck(packet_id), self.output());
        }
        let text = || String::from_utf8_lossy(publish.payload).into_owned();
        // A topic of a newer hub is no reason to hang up.
        match HubTopic::parse(publish.topic).ok()? {
            HubTopic::MethodRequest { name, rid } => Some(Event::Method {
                name: name.to_owned(),
                rid: rid.to_owned(),
                payload: publish.payload.to_vec(),
            }),
            HubTopic::DesiredChange { version } => Some(Event::Desired {
                version,
                patch: text(),
            }),
            HubTopic::TwinResponse {
                status,
                rid,
                version,
            } => {
                let (rid, request) = self.close_request(rid)?;
                Some(match (status, request) {
                    (200..300, Request::Get) => Event::Twin { document: text() },
                    (200..300, Request::Patch) => Event::Reported { rid, version },
                    _ => Event::TwinRefused {
                        rid,
                        status,
                        body: text(),
                    },
                })
            }
            HubTopic::CloudToDevice { .. } => Some(Event::Message {
                body: publish.payload.to_vec(),
            }),
        }
    }

    fn close_request(&mut self, rid: &str) -> Option<(u64, Request)> {
        let rid: u64 = rid.parse().ok()?;
        let open_requests = &mut self.busy.get_mut()?.open_requests;
        let position = open_requests.iter().position(|(open, _)| *open == rid)?;
        Some(open_requests.remove(position))
    }
}

impl Busy {
    fn is_over(&self) -> bool {
        let Self {
            subscribe,
            input,
            output,
            events,
            early,
            open_requests,
        } = self;
        [subscribe, input, output].into_iter().all(Vec::is_empty)
            && events.is_empty()
            && early.is_empty()
            && open_requests.is_empty()
    }
}

/// A SUBSCRIBE for what is used, in the filters of the SDKs; empty if nothing is.
fn subscribe(login: Login<'_>) -> Vec<u8> {
    let Uses {
        methods,
        twin,
        desired,
        messages,
    } = login.uses;
    let devicebound = format!("devices/{}/messages/devicebound/#", login.device_id);
    let filters: Vec<_> = [
        (methods, "$iothub/methods/POST/#"),
        (twin, "$iothub/twin/res/#"),
        (desired, "$iothub/twin/PATCH/properties/desired/#"),
        (messages, &devicebound),
    ]
    .into_iter()
    .filter(|(is_used, _)| *is_used)
    .map(|(_, filter)| (filter, QoS::AtLeastOnce))
    .collect();
    let mut packet = Vec::new();
    if !filters.is_empty() {
        encode_subscribe(&mut packet, SUBSCRIBE_ID, &filters);
    }
    packet
}

impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("host", &self.host)
            .field("device_id", &self.device_id)
            .field("token", &"***")
            .field("keep_alive_s", &self.keep_alive_s)
            .field("uses", &self.uses)
            .finish()
    }
}

fn unexpected_name(packet: &Packet<'_>) -> String {
    let name = match packet {
        Packet::Connect(_) => "CONNECT",
        Packet::ConnAck(_) => "CONNACK",
        Packet::Publish(_) => "PUBLISH",
        Packet::PubAck(_) => "PUBACK",
        Packet::Subscribe(_) => "SUBSCRIBE",
        Packet::SubAck(_) => "SUBACK",
        Packet::Unsubscribe(_) => "UNSUBSCRIBE",
        Packet::UnsubAck(_) => "UNSUBACK",
        Packet::PingReq => "PINGREQ",
        Packet::PingResp => "PINGRESP",
        Packet::Disconnect => "DISCONNECT",
    };
    format!("{name} out of turn")
}

const API_VERSION: &str = "2021-04-12";
const CLIENT_TYPE: &str = concat!("hubnerite-device-sim%2F", env!("CARGO_PKG_VERSION"));
const SUBSCRIBE_ID: PacketId = PacketId::new(1).expect("one is not zero");
/// What a CONNECT takes, with a token for ids of a usual length.
const CONNECT_BYTES: usize = 512;
/// How long the hub may take for CONNACK, SUBACK or PINGRESP.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The hub's own limit of 256 KiB for a packet, and a topic.
const PACKET_BYTES_MAX: usize = 262_144 + 65_535;
/// Messages a hub may send before SUBACK: more than the calls it lets be open on one device.
const EARLY_MAX: usize = 256;
/// Twin requests one device has open at a time.
const OPEN_REQUESTS_MAX: usize = 16;

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
