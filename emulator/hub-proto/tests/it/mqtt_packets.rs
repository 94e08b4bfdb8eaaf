//! Generated packets, for the codec's properties and its oracles.

use hub_proto::mqtt::encode::{encode, encode_subscribe, encode_unsubscribe};
use hub_proto::mqtt::packet::{
    ConnAck, Connect, ConnectCode, Delivery, Packet, PacketId, Publish, QoS, SubAck, Will,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// More than any generated packet has.
pub(crate) const MAX: usize = 512 * 1024;

/// A packet that owns its parts, so that it can be generated.
#[derive(Clone, Debug)]
pub(crate) enum Owned {
    Connect(OwnedConnect),
    ConnAck(bool, ConnectCode),
    Publish {
        dup: bool,
        delivery: Delivery,
        retain: bool,
        topic: String,
        payload: Vec<u8>,
    },
    PubAck(PacketId),
    Subscribe(PacketId, Vec<(String, QoS)>),
    SubAck(PacketId, Vec<u8>),
    Unsubscribe(PacketId, Vec<String>),
    UnsubAck(PacketId),
    PingReq,
    PingResp,
    Disconnect,
}

#[derive(Clone, Debug)]
pub(crate) struct OwnedConnect {
    pub(crate) client_id: String,
    pub(crate) clean_session: bool,
    pub(crate) keep_alive_s: u16,
    pub(crate) will: Option<(String, Vec<u8>, Option<QoS>, bool)>,
    pub(crate) login: Option<(String, Option<String>)>,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9/$#+?=&%._-]{1,80}",
        vec(
            any::<char>().prop_filter("U+0000 is not allowed", |c| *c != '\0'),
            1..20
        )
        .prop_map(|characters| characters.into_iter().collect()),
    ]
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce)]
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    any::<PacketId>()
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => vec(any::<u8>(), 0..300), 1 => (0_usize..300_000).prop_map(|n| vec![0; n])]
}

fn connect() -> impl Strategy<Value = OwnedConnect> {
    let will_qos = prop_oneof![qos().prop_map(Some), Just(None)];
    let will = (text(), vec(any::<u8>(), 0..50), will_qos, any::<bool>());
    let login = (text(), proptest::option::of(text()));
    (
        text(),
        any::<(bool, u16)>(),
        proptest::option::of(will),
        proptest::option::of(login),
    )
        .prop_map(
            |(client_id, (clean_session, keep_alive_s), will, login)| OwnedConnect {
                client_id,
                clean_session,
                keep_alive_s,
                will,
                login,
            },
        )
}

fn conn_ack() -> impl Strategy<Value = Owned> {
    let refusals = vec![
        ConnectCode::UnacceptableProtocolVersion,
        ConnectCode::IdentifierRejected,
        ConnectCode::ServerUnavailable,
        ConnectCode::BadUserNameOrPassword,
        ConnectCode::NotAuthorized,
    ];
    prop_oneof![
        any::<bool>().prop_map(|present| Owned::ConnAck(present, ConnectCode::Accepted)),
        prop::sample::select(refusals).prop_map(|code| Owned::ConnAck(false, code)),
    ]
}

pub(crate) fn publish() -> impl Strategy<Value = Owned> {
    (
        any::<(bool, bool)>(),
        proptest::option::of(packet_id()),
        text(),
        payload(),
    )
        .prop_map(
            |((dup, retain), packet_id, topic, payload)| Owned::Publish {
                dup: dup && packet_id.is_some(),
                delivery: packet_id.map_or(Delivery::AtMostOnce, Delivery::AtLeastOnce),
                retain,
                topic,
                payload,
            },
        )
}

pub(crate) fn any_packet() -> impl Strategy<Value = Owned> {
    let codes = vec(prop::sample::select(vec![0_u8, 1, 2, 0x80]), 1..8);
    prop_oneof![
        connect().prop_map(Owned::Connect),
        conn_ack(),
        publish(),
        packet_id().prop_map(Owned::PubAck),
        (packet_id(), vec((text(), qos()), 1..6)).prop_map(|(id, list)| Owned::Subscribe(id, list)),
        (packet_id(), codes).prop_map(|(id, codes)| Owned::SubAck(id, codes)),
        (packet_id(), vec(text(), 1..6)).prop_map(|(id, list)| Owned::Unsubscribe(id, list)),
        packet_id().prop_map(Owned::UnsubAck),
        Just(Owned::PingReq),
        Just(Owned::PingResp),
        Just(Owned::Disconnect),
    ]
}

impl OwnedConnect {
    fn borrow(&self) -> Connect<'_> {
        Connect {
            client_id: &self.client_id,
            clean_session: self.clean_session,
            keep_alive_s: self.keep_alive_s,
            will: self
                .will
                .as_ref()
                .map(|(topic, payload, qos, retain)| Will {
                    topic,
                    payload,
                    qos: *qos,
                    retain: *retain,
                }),
            user_name: self.login.as_ref().map(|(user_name, _)| user_name.as_str()),
            password: self
                .login
                .as_ref()
                .and_then(|(_, password)| Some(password.as_ref()?.as_bytes())),
        }
    }
}

impl Owned {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Subscribe(packet_id, filters) => {
                let filters: Vec<_> = filters
                    .iter()
                    .map(|(text, qos)| (text.as_str(), *qos))
                    .collect();
                encode_subscribe(out, *packet_id, &filters);
            }
            Self::Unsubscribe(packet_id, filters) => {
                let filters: Vec<_> = filters.iter().map(String::as_str).collect();
                encode_unsubscribe(out, *packet_id, &filters);
            }
            other => encode(&other.borrow().unwrap(), out),
        }
    }

    /// The borrowed form; lists of filters exist only in their wire form.
    fn borrow(&self) -> Option<Packet<'_>> {
        Some(match self {
            Self::Connect(connect) => Packet::Connect(connect.borrow()),
            Self::ConnAck(session_present, code) => Packet::ConnAck(ConnAck {
                session_present: *session_present,
                code: *code,
            }),
            Self::Publish {
                dup,
                delivery,
                retain,
                topic,
                payload,
            } => Packet::Publish(Publish {
                dup: *dup,
                delivery: *delivery,
                retain: *retain,
                topic,
                payload,
            }),
            Self::PubAck(packet_id) => Packet::PubAck(*packet_id),
            Self::SubAck(packet_id, codes) => Packet::SubAck(SubAck {
                packet_id: *packet_id,
                codes,
            }),
            Self::UnsubAck(packet_id) => Packet::UnsubAck(*packet_id),
            Self::PingReq => Packet::PingReq,
            Self::PingResp => Packet::PingResp,
            Self::Disconnect => Packet::Disconnect,
            Self::Subscribe(..) | Self::Unsubscribe(..) => return None,
        })
    }

    pub(crate) fn assert_is(&self, decoded: &Packet<'_>) {
        match (self, decoded) {
            (Self::Subscribe(packet_id, filters), Packet::Subscribe(decoded)) => {
                assert_eq!(decoded.packet_id, *packet_id);
                let wanted = filters
                    .iter()
                    .map(|(text, qos)| (text.as_str(), u8::from(*qos == QoS::AtLeastOnce)));
                assert!(decoded.filters.iter().eq(wanted));
            }
            (Self::Unsubscribe(packet_id, filters), Packet::Unsubscribe(decoded)) => {
                assert_eq!(decoded.packet_id, *packet_id);
                assert!(
                    decoded
                        .filters
                        .iter()
                        .eq(filters.iter().map(|text| (text.as_str(), 0)))
                );
            }
            (other, decoded) => assert_eq!(other.borrow().as_ref(), Some(decoded)),
        }
    }
}

pub(crate) fn encoded(packet: &Owned) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(&mut bytes);
    bytes
}
