//! The packets of MQTT 3.1.1, borrowed from the bytes they were read from.

use std::fmt;
use std::num::NonZeroU16;

/// Quality of service, as far as the hub has it (QoS 2 is refused).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// 0: sent once, never acknowledged.
    AtMostOnce,
    /// 1: repeated until acknowledged.
    AtLeastOnce,
}

/// A packet identifier; never zero. [MQTT-2.3.1-1]
pub type PacketId = NonZeroU16;

/// One control packet, either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The first packet of a client.
    Connect(Connect<'a>),
    /// The server's answer to it.
    ConnAck(ConnAck),
    /// An application message.
    Publish(Publish<'a>),
    /// The answer to a QoS 1 message.
    PubAck(PacketId),
    /// Asks for messages.
    Subscribe(Subscribe<'a>),
    /// The answer, one code a filter.
    SubAck(SubAck<'a>),
    /// Asks for no more messages.
    Unsubscribe(Unsubscribe<'a>),
    /// The answer to it.
    UnsubAck(PacketId),
    /// "Are you there?"
    PingReq,
    /// "Yes."
    PingResp,
    /// A client's orderly goodbye; discards its will.
    Disconnect,
}

/// CONNECT. Protocol name and level are checked by the decoder. `Debug` does not print the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The client identifier, possibly empty.
    pub client_id: &'a str,
    /// Whether session state is forgotten, before and after.
    pub clean_session: bool,
    /// Seconds; 0 switches keep-alive off.
    pub keep_alive_s: u16,
    /// Published by the server if the client goes without DISCONNECT.
    pub will: Option<Will<'a>>,
    /// The user name.
    pub user_name: Option<&'a str>,
    /// The password: for IoT Hub a SAS token. Never log it.
    pub password: Option<&'a [u8]>,
}

/// A message to publish on behalf of a client that vanished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where to.
    pub topic: &'a str,
    /// What.
    pub payload: &'a [u8],
    /// How; `None` stands for QoS 2, which the hub refuses.
    pub qos: Option<QoS>,
    /// Whether it asks to be retained.
    pub retain: bool,
}

/// CONNACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether the server remembered a session; only ever true with `Accepted`. [MQTT-3.2.2-4]
    pub session_present: bool,
    /// The verdict.
    pub code: ConnectCode,
}

/// The return codes of CONNACK that exist in MQTT 3.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectCode {
    /// 0
    Accepted,
    /// 1: wrong protocol level.
    UnacceptableProtocolVersion,
    /// 2
    IdentifierRejected,
    /// 3: the hub's answer to a disabled device.
    ServerUnavailable,
    /// 4
    BadUserNameOrPassword,
    /// 5: the hub's answer to a bad token or an unknown device.
    NotAuthorized,
}

/// PUBLISH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Set on a repeated delivery; false with QoS 0. [MQTT-3.3.1-2]
    pub dup: bool,
    /// QoS, with the packet id that QoS 1 has.
    pub delivery: Delivery,
    /// The retain flag.
    pub retain: bool,
    /// Never empty, without U+0000. May hold `#` and `+`: see [`super::decode`].
    pub topic: &'a str,
    /// The application's bytes.
    pub payload: &'a [u8],
}

/// How a PUBLISH is delivered: a packet id exists exactly when QoS is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// QoS 0
    AtMostOnce,
    /// QoS 1
    AtLeastOnce(PacketId),
}

/// SUBSCRIBE: at least one filter, in the order sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Echoed by the SUBACK.
    pub packet_id: PacketId,
    /// The filters.
    pub filters: Filters<'a>,
}

/// UNSUBSCRIBE: at least one filter. The QoS that [`Filters`] yields means nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Echoed by the UNSUBACK.
    pub packet_id: PacketId,
    /// The filters.
    pub filters: Filters<'a>,
}

/// SUBACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// The SUBSCRIBE's.
    pub packet_id: PacketId,
    /// One byte a filter: 0, 1 (2 is never granted here), or 0x80 for a refusal.
    pub codes: &'a [u8],
}

/// The filters of a SUBSCRIBE or UNSUBSCRIBE, checked by the decoder and read on demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filters<'a> {
    /// The packet's payload: valid by construction.
    pub(super) payload: &'a [u8],
    /// A SUBSCRIBE's filters are followed by a QoS byte.
    pub(super) with_qos: bool,
}

impl fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("client_id", &self.client_id)
            .field("clean_session", &self.clean_session)
            .field("keep_alive_s", &self.keep_alive_s)
            .field("will", &self.will)
            .field("user_name", &self.user_name)
            .field("password", &self.password.map(|_| format_args!("***")))
            .finish()
    }
}

impl<'a> Filters<'a> {
    /// The filters in the order sent, each with the QoS asked for: 0, 1 or 2 (0 for UNSUBSCRIBE).
    pub fn iter(&self) -> FilterIter<'a> {
        FilterIter {
            rest: self.payload,
            with_qos: self.with_qos,
        }
    }
}

impl<'a> IntoIterator for &Filters<'a> {
    type Item = (&'a str, u8);
    type IntoIter = FilterIter<'a>;

    fn into_iter(self) -> FilterIter<'a> {
        self.iter()
    }
}

/// Iterator of [`Filters`].
#[derive(Clone, Debug)]
pub struct FilterIter<'a> {
    rest: &'a [u8],
    with_qos: bool,
}

impl<'a> Iterator for FilterIter<'a> {
    type Item = (&'a str, u8);

    fn next(&mut self) -> Option<(&'a str, u8)> {
        // The decoder walked over this list, so nothing is cut short and every filter is UTF-8.
        let (length, rest) = self.rest.split_first_chunk()?;
        let (filter, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (qos, rest) = if self.with_qos {
            rest.split_first()?
        } else {
            (&0, rest)
        };
        self.rest = rest;
        Some((std::str::from_utf8(filter).ok()?, *qos))
    }
}
