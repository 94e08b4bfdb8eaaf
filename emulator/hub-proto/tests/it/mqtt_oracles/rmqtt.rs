//! The codec of rmqtt, a broker.

use hub_proto::mqtt::packet::{Delivery, QoS};
use rmqtt_codec::types::{Publish, QoS as TheirQoS};
use rmqtt_codec::v3::{Codec, Connect, Packet, SubscribeReturnCode};
use tokio_util::codec::{Decoder as _, Encoder as _};

use crate::mqtt_packets::{Owned, OwnedConnect};

/// Whether it reads these bytes as one whole packet.
pub(crate) fn accepts(bytes: &[u8]) -> bool {
    matches!(Codec::default().decode(&mut bytes.into()), Ok(Some(_)))
}

/// Reads our bytes, compares field by field, and writes what it read.
pub(crate) fn read_and_write(ours: &Owned, bytes: &[u8]) -> Vec<u8> {
    let mut codec = Codec::default();
    let (theirs, _) = codec.decode(&mut bytes.into()).unwrap().unwrap();
    assert_agrees(ours, &theirs);
    let mut written = [].as_slice().into();
    codec.encode(theirs, &mut written).unwrap();
    written.to_vec()
}

fn assert_agrees(ours: &Owned, theirs: &Packet) {
    match (ours, theirs) {
        (Owned::Connect(ours), Packet::Connect(theirs)) => assert_connect(ours, theirs),
        (Owned::ConnAck(present, code), Packet::ConnectAck(theirs)) => {
            assert_eq!(theirs.session_present, *present);
            assert_eq!(u8::from(theirs.return_code), *code as u8);
        }
        (Owned::Publish { .. }, Packet::Publish(theirs)) => assert_publish(ours, theirs),
        (Owned::PubAck(id), Packet::PublishAck { packet_id })
        | (Owned::UnsubAck(id), Packet::UnsubscribeAck { packet_id }) => {
            assert_eq!(packet_id, id);
        }
        (
            Owned::Subscribe(id, filters),
            Packet::Subscribe {
                packet_id,
                topic_filters,
            },
        ) => {
            assert_eq!(packet_id, id);
            let theirs = topic_filters
                .iter()
                .map(|(text, qos)| (&**text, qos.value()));
            let ours = filters
                .iter()
                .map(|(text, qos)| (&**text, bits(Some(*qos))));
            assert!(theirs.eq(ours));
        }
        (Owned::SubAck(id, codes), Packet::SubscribeAck { packet_id, status }) => {
            assert_eq!(packet_id, id);
            let theirs = status.iter().map(|code| match code {
                SubscribeReturnCode::Success(qos) => qos.value(),
                SubscribeReturnCode::Failure => 0x80,
            });
            assert!(theirs.eq(codes.iter().copied()));
        }
        (
            Owned::Unsubscribe(id, filters),
            Packet::Unsubscribe {
                packet_id,
                topic_filters,
            },
        ) => {
            assert_eq!(packet_id, id);
            assert!(
                topic_filters
                    .iter()
                    .map(|text| &**text)
                    .eq(filters.iter().map(|text| &**text))
            );
        }
        (Owned::PingReq, Packet::PingRequest)
        | (Owned::PingResp, Packet::PingResponse)
        | (Owned::Disconnect, Packet::Disconnect) => {}
        (ours, theirs) => panic!("{ours:?} was read as {theirs:?}"),
    }
}

fn assert_publish(ours: &Owned, theirs: &Publish) {
    let Owned::Publish {
        dup,
        delivery,
        retain,
        topic,
        payload,
    } = ours
    else {
        panic!("{ours:?} is no PUBLISH");
    };
    assert_eq!((theirs.dup, theirs.retain), (*dup, *retain));
    assert_eq!(&*theirs.topic, topic);
    assert_eq!(&theirs.payload[..], &payload[..]);
    let id = match delivery {
        Delivery::AtMostOnce => None,
        Delivery::AtLeastOnce(packet_id) => Some(*packet_id),
    };
    let qos = u8::from(id.is_some());
    assert_eq!((theirs.packet_id, theirs.qos.value()), (id, qos));
}

fn assert_connect(ours: &OwnedConnect, theirs: &Connect) {
    assert_eq!(&*theirs.client_id, ours.client_id);
    assert_eq!(
        (theirs.keep_alive, theirs.clean_session),
        (ours.keep_alive_s, ours.clean_session)
    );
    let will = theirs.last_will.as_ref().map(|will| {
        (
            &*will.topic,
            &will.message[..],
            will.qos.value(),
            will.retain,
        )
    });
    let our_will = ours
        .will
        .as_ref()
        .map(|(topic, payload, qos, retain)| (&**topic, &payload[..], bits(*qos), *retain));
    assert_eq!(will, our_will);
    let (user_name, password) = match &ours.login {
        Some((user_name, password)) => (Some(user_name.as_str()), password.as_deref()),
        None => (None, None),
    };
    assert_eq!(theirs.username.as_deref(), user_name);
    assert_eq!(theirs.password.as_deref(), password.map(str::as_bytes));
}

/// `None` stands for QoS 2, which only a will can have here.
fn bits(qos: Option<QoS>) -> u8 {
    let theirs = match qos {
        Some(QoS::AtMostOnce) => TheirQoS::AtMostOnce,
        Some(QoS::AtLeastOnce) => TheirQoS::AtLeastOnce,
        None => TheirQoS::ExactlyOnce,
    };
    theirs.value()
}
