//! The codec of rumqttc, a client.

use hub_proto::mqtt::packet::{Delivery, QoS};
use rumqttc::mqttbytes::v4;

use crate::mqtt_packets::{MAX, Owned, OwnedConnect};

/// Whether it reads these bytes as one whole packet.
pub(crate) fn accepts(bytes: &[u8]) -> bool {
    v4::Packet::read(&mut bytes.into(), MAX).is_ok()
}

/// Reads our bytes, compares field by field, and writes what it read.
pub(crate) fn read_and_write(ours: &Owned, bytes: &[u8]) -> Vec<u8> {
    let theirs = v4::Packet::read(&mut bytes.into(), MAX).unwrap();
    let mut written = [].as_slice().into();
    theirs.write(&mut written, MAX).unwrap();
    assert_agrees(ours, theirs);
    written.to_vec()
}

/// What rumqttc makes of our bytes, field by field.
fn assert_agrees(packet: &Owned, theirs: v4::Packet) {
    match (packet, theirs) {
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
