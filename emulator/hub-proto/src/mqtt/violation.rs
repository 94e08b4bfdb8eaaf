//! The ways to break the protocol. Each ends the connection; none is answered, but for the two that
//! the specification has answered with a CONNACK first. [MQTT-3.1.2-2] [MQTT-3.1.3-8]

use thiserror::Error;

use super::packet::ConnectCode;

/// A broken clause of MQTT 3.1.1, or of the hub's own narrower rules.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Violation {
    /// The remaining length has a fifth byte. (section 2.2.3)
    #[error("the remaining length has more than four bytes")]
    RemainingLength,
    /// The announced length exceeds the bound, which is the hub's own.
    #[error("a packet of {bytes} bytes exceeds the {max} allowed")]
    PacketTooLarge {
        /// The whole packet, fixed header included.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// Packet types 0 and 15 do not exist. (section 2.2.1)
    #[error("packet type {0} is reserved")]
    ReservedPacketType(u8),
    /// The flags of the fixed header are not those of the packet type. [MQTT-2.2.2-2]
    #[error("the flags of the fixed header are not those of the packet type")]
    HeaderFlags,
    /// A field reaches beyond the packet's end.
    #[error("a field reaches beyond the end of its packet")]
    FieldBeyondPacket,
    /// Bytes are left behind the last field.
    #[error("bytes follow the last field of a packet")]
    TrailingBytes,
    /// A string is not UTF-8; surrogates are not either. [MQTT-1.5.3-1]
    #[error("a string is not valid UTF-8")]
    Utf8,
    /// A string holds U+0000. [MQTT-1.5.3-2]
    #[error("a string holds the null character")]
    NullCharacter,
    /// A packet id is zero. [MQTT-2.3.1-1]
    #[error("a packet id is zero")]
    PacketIdZero,
    /// The protocol's name is no known one. [MQTT-3.1.2-1]
    #[error("the protocol is not MQTT")]
    ProtocolName,
    /// The protocol's level is not 4 (MQTT 3.1.1). [MQTT-3.1.2-2]
    #[error("the protocol level is {level}; only MQTT 3.1.1, level 4, is spoken here")]
    UnacceptableProtocol {
        /// The level asked for.
        level: u8,
    },
    /// The reserved bit of the connect flags is set. [MQTT-3.1.2-3]
    #[error("the reserved connect flag is set")]
    ReservedConnectFlag,
    /// Will QoS or will retain without a will. [MQTT-3.1.2-13] [MQTT-3.1.2-15]
    #[error("the connect flags describe a will that is not there")]
    WillFlagsWithoutWill,
    /// Will QoS 3. [MQTT-3.1.2-14]
    #[error("the will has QoS 3")]
    WillQoS3,
    /// A password without a user name. [MQTT-3.1.2-22]
    #[error("a password comes without a user name")]
    PasswordWithoutUserName,
    /// An empty client id that wants its session kept. [MQTT-3.1.3-8]
    #[error("an empty client id asks for a kept session")]
    EmptyClientId,
    /// A reserved bit of the CONNACK's flags is set. (section 3.2.2.1)
    #[error("a reserved flag of CONNACK is set")]
    ReservedConnAckFlag,
    /// A CONNACK that refuses, and claims a session. [MQTT-3.2.2-4]
    #[error("CONNACK refuses, and claims a session")]
    SessionPresentOnRefusal,
    /// A return code that does not exist. [MQTT-3.2.2-6] [MQTT-3.9.3-2]
    #[error("return code {0} does not exist")]
    ReturnCode(u8),
    /// A topic or filter without a character. [MQTT-4.7.3-1]
    #[error("a topic or filter is empty")]
    EmptyTopic,
    /// PUBLISH with QoS 3. [MQTT-3.3.1-4]
    #[error("PUBLISH has QoS 3")]
    PublishQoS3,
    /// PUBLISH with QoS 2, which the hub does not have: it closes the connection.
    #[error("PUBLISH has QoS 2, which the hub does not support")]
    PublishQoS2,
    /// The duplicate flag on QoS 0. [MQTT-3.3.1-2]
    #[error("PUBLISH with QoS 0 has the duplicate flag")]
    DuplicateWithoutQoS,
    /// PUBREC, PUBREL or PUBCOMP: parts of QoS 2, which the hub does not have.
    #[error("packet type {0} belongs to QoS 2, which the hub does not support")]
    QoS2Flow(u8),
    /// A SUBSCRIBE or UNSUBSCRIBE without a filter, or its answer without a code.
    /// [MQTT-3.8.3-3] [MQTT-3.10.3-2]
    #[error("a packet that lists filters lists none")]
    NoFilters,
    /// A requested QoS above 2, or reserved bits beside it. [MQTT-3.8.3-4]
    #[error("a requested QoS is above 2")]
    RequestedQoS,
    /// The first packet was not CONNECT. [MQTT-3.1.0-1]
    #[error("the first packet is not CONNECT")]
    FirstPacketNotConnect,
    /// CONNECT came again. [MQTT-3.1.0-2]
    #[error("CONNECT came a second time")]
    SecondConnect,
    /// A packet was handled before CONNECT was answered. Only an owner that does not handle packets
    /// one after the other gets here; see [`ServerSession`](super::session::ServerSession).
    #[error("a packet was handled before CONNECT was answered")]
    BeforeAccept,
    /// A packet that only a server sends.
    #[error("the client sent a packet that only a server sends")]
    ServerPacket,
    /// A packet behind DISCONNECT. [MQTT-3.14.4-2]
    #[error("a packet follows DISCONNECT")]
    AfterDisconnect,
}

impl Violation {
    /// The CONNACK that goes out before the connection is closed, where there is one.
    pub fn connect_code(&self) -> Option<ConnectCode> {
        match self {
            Self::UnacceptableProtocol { .. } => Some(ConnectCode::UnacceptableProtocolVersion),
            Self::EmptyClientId => Some(ConnectCode::IdentifierRejected),
            _ => None,
        }
    }
}
