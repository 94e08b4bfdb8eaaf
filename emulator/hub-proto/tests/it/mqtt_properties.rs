//! The codec over generated packets: there and back, over any cut of a stream, and against an
//! independent codec (rumqttc's) in both directions.

use hub_proto::mqtt::decode::decode;
use hub_proto::mqtt::encode::{encode, encode_publish, encode_subscribe, encode_unsubscribe};
use hub_proto::mqtt::packet::{
    ConnAck, Connect, ConnectCode, Delivery, Packet, PacketId, Publish, QoS, SubAck, Will,
};
use proptest::collection::vec;
use proptest::prelude::*;
use rumqttc::mqttbytes as oracle;
use rumqttc::mqttbytes::v4;

const MAX: usize = 512 * 1024;

/// A packet that owns its parts, so that it can be generated.
#[derive(Clone, Debug)]
enum Owned {
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
struct OwnedConnect {
    client_id: String,
    clean_session: bool,
    keep_alive_s: u16,
    will: Option<(String, Vec<u8>, Option<QoS>, bool)>,
    login: Option<(String, Option<String>)>,
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

fn publish() -> impl Strategy<Value = Owned> {
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

fn any_packet() -> impl Strategy<Value = Owned> {
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

    fn assert_is(&self, decoded: &Packet<'_>) {
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

fn encoded(packet: &Owned) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(&mut bytes);
    bytes
}

proptest! {
    #[test]
    fn every_packet_decodes_to_what_was_encoded(packet in any_packet()) {
        let bytes = encoded(&packet);
        let (decoded, consumed) = decode(&bytes, MAX).unwrap().unwrap();
        prop_assert_eq!(consumed, bytes.len());
        packet.assert_is(&decoded);
        let mut again = Vec::new();
        encode(&decoded, &mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_packets(
        packets in vec(any_packet(), 1..6),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream: Vec<u8> = packets.iter().flat_map(encoded).collect();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        ends.push(stream.len());
        ends.sort_unstable();
        let (mut start, mut seen) = (0, 0);
        for end in ends {
            while let Some((packet, consumed)) = decode(&stream[start..end], MAX).unwrap() {
                packets[seen].assert_is(&packet);
                start += consumed;
                seen += 1;
            }
        }
        prop_assert_eq!((start, seen), (stream.len(), packets.len()));
    }

    #[test]
    fn a_mutated_packet_never_panics_the_decoder(
        packet in any_packet(),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encoded(&packet);
        for (place, byte) in mutations {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        hub_proto::fuzz::decode_stream(&bytes);
        hub_proto::fuzz::decode_encode_decode(&bytes);
    }

    #[test]
    fn a_topic_printed_in_place_gives_the_same_bytes(packet in publish()) {
        let Owned::Publish { dup, delivery, topic, payload, .. } = &packet else { unreachable!() };
        let mut bytes = Vec::new();
        encode_publish(&mut bytes, *delivery, *dup, |out| out.extend(topic.bytes()), payload);
        let plain = Packet::Publish(Publish { dup: *dup, delivery: *delivery, retain: false, topic, payload });
        let mut expected = Vec::new();
        encode(&plain, &mut expected);
        prop_assert_eq!(bytes, expected);
    }

    #[test]
    fn an_independent_decoder_reads_our_packets(packet in any_packet()) {
        let bytes = encoded(&packet);
        let read = v4::Packet::read(&mut bytes.as_slice().into(), MAX);
        assert_oracle_agrees(&packet, read);
    }

    #[test]
    fn packets_of_an_independent_encoder_are_read(packet in any_packet()) {
        let bytes = encoded(&packet);
        let Ok(theirs) = v4::Packet::read(&mut bytes.as_slice().into(), MAX) else { return Ok(()) };
        let mut written = [].as_slice().into();
        theirs.write(&mut written, MAX).unwrap();
        let (decoded, consumed) = decode(&written, MAX).unwrap().unwrap();
        prop_assert_eq!(consumed, written.len());
        packet.assert_is(&decoded);
    }
}

/// What rumqttc makes of our bytes, field by field.
fn assert_oracle_agrees(packet: &Owned, read: Result<v4::Packet, oracle::Error>) {
    match (packet, read.unwrap()) {
        (Owned::Connect(ours), v4::Packet::Connect(theirs)) => assert_connect(ours, &theirs),
        (Owned::ConnAck(present, _), v4::Packet::ConnAck(theirs)) => {
            assert_eq!(theirs.session_present, *present);
        }
        (
            Owned::Publish {
                dup,
                delivery,
                retain,
                topic,
                payload,
            },
            v4::Packet::Publish(theirs),
        ) => {
            assert_eq!(
                (theirs.dup, theirs.retain, &theirs.topic),
                (*dup, *retain, topic)
            );
            assert_eq!(&theirs.payload[..], &payload[..]);
            let id = match delivery {
                Delivery::AtMostOnce => 0,
                Delivery::AtLeastOnce(packet_id) => packet_id.get(),
            };
            assert_eq!((theirs.pkid, theirs.qos as u8), (id, u8::from(id != 0)));
        }
        (Owned::PubAck(id), v4::Packet::PubAck(theirs)) => assert_eq!(theirs.pkid, id.get()),
        (Owned::UnsubAck(id), v4::Packet::UnsubAck(theirs)) => assert_eq!(theirs.pkid, id.get()),
        (Owned::Subscribe(id, filters), v4::Packet::Subscribe(theirs)) => {
            assert_eq!(theirs.pkid, id.get());
            let theirs = theirs.filters.iter().map(|f| (f.path.clone(), f.qos as u8));
            assert!(
                theirs.eq(filters
                    .iter()
                    .map(|(f, q)| (f.clone(), u8::from(*q != QoS::AtMostOnce))))
            );
        }
        (Owned::SubAck(id, codes), v4::Packet::SubAck(theirs)) => {
            assert_eq!(
                (theirs.pkid, theirs.return_codes.len()),
                (id.get(), codes.len())
            );
        }
        (Owned::Unsubscribe(id, filters), v4::Packet::Unsubscribe(theirs)) => {
            assert_eq!((theirs.pkid, &theirs.topics), (id.get(), filters));
        }
        (Owned::PingReq, v4::Packet::PingReq)
        | (Owned::PingResp, v4::Packet::PingResp)
        | (Owned::Disconnect, v4::Packet::Disconnect) => {}
        (ours, theirs) => panic!("{ours:?} was read as {theirs:?}"),
    }
}

fn assert_connect(ours: &OwnedConnect, theirs: &v4::Connect) {
    assert_eq!(theirs.client_id, ours.client_id);
    assert_eq!(
        (theirs.keep_alive, theirs.clean_session),
        (ours.keep_alive_s, ours.clean_session)
    );
    let will = theirs
        .last_will
        .as_ref()
        .map(|w| (&w.topic, &w.message[..], w.qos as u8, w.retain));
    let our_will = ours.will.as_ref().map(|(topic, payload, qos, retain)| {
        (
            topic,
            &payload[..],
            qos.map_or(2, |qos| u8::from(qos == QoS::AtLeastOnce)),
            *retain,
        )
    });
    assert_eq!(will, our_will);
    let login = theirs
        .login
        .as_ref()
        .map(|l| (l.username.as_str(), l.password.as_str()));
    let our_login = ours.login.as_ref();
    assert_eq!(
        login,
        our_login.map(|(u, p)| (u.as_str(), p.as_deref().unwrap_or_default()))
    );
}
