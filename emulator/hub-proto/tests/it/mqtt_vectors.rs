//! The codec against the examples of the MQTT 3.1.1 specification and captured packets, and every
//! broken clause against its violation.

use hub_proto::mqtt::decode::decode;
use hub_proto::mqtt::encode::{encode, encode_publish, encode_subscribe, encode_unsubscribe};
use hub_proto::mqtt::packet::{
    ConnAck, Connect, ConnectCode, Delivery, Packet, PacketId, Publish, QoS, SubAck, Will,
};
use hub_proto::mqtt::violation::Violation;

const MAX: usize = 256 * 1024;

fn id(packet_id: u16) -> PacketId {
    PacketId::new(packet_id).unwrap()
}

fn decode_whole(bytes: &[u8]) -> Packet<'_> {
    let (packet, consumed) = decode(bytes, MAX).unwrap().unwrap();
    assert_eq!(consumed, bytes.len());
    packet
}

/// Bytes decode to the packet, and the packet encodes to the bytes.
fn assert_both_ways(bytes: &[u8], packet: &Packet<'_>) {
    assert_eq!(decode_whole(bytes), *packet);
    let mut encoded = vec![0xee];
    encode(packet, &mut encoded);
    assert_eq!(&encoded[1..], bytes, "{packet:?}");
}

#[test]
fn examples_of_the_specification() {
    // Figure 3.6, with a payload: user name, password, will of QoS 1, clean session, 10 s.
    let connect =
        b"\x10\x1c\x00\x04MQTT\x04\xce\x00\x0a\x00\x01c\x00\x03a/b\x00\x01w\x00\x01u\x00\x02pw";
    let expected = Connect {
        client_id: "c",
        clean_session: true,
        keep_alive_s: 10,
        will: Some(Will {
            topic: "a/b",
            payload: b"w",
            qos: Some(QoS::AtLeastOnce),
            retain: false,
        }),
        user_name: Some("u"),
        password: Some(b"pw"),
    };
    assert_both_ways(connect, &Packet::Connect(expected));
    // Figure 3.11: PUBLISH to a/b with packet id 10.
    let publish = Publish {
        dup: false,
        delivery: Delivery::AtLeastOnce(id(10)),
        retain: false,
        topic: "a/b",
        payload: b"",
    };
    assert_both_ways(b"\x32\x07\x00\x03a/b\x00\x0a", &Packet::Publish(publish));
    // Figure 3.26: SUBACK with QoS 0, QoS 2, failure.
    let sub_ack = SubAck {
        packet_id: id(10),
        codes: &[0, 2, 0x80],
    };
    assert_both_ways(b"\x90\x05\x00\x0a\x00\x02\x80", &Packet::SubAck(sub_ack));
    assert_both_ways(b"\x40\x02\x00\x0a", &Packet::PubAck(id(10)));
    assert_both_ways(b"\xb0\x02\x00\x0a", &Packet::UnsubAck(id(10)));
    assert_both_ways(b"\xc0\x00", &Packet::PingReq);
    assert_both_ways(b"\xd0\x00", &Packet::PingResp);
    assert_both_ways(b"\xe0\x00", &Packet::Disconnect);
}

#[test]
fn filters_come_in_the_order_sent() {
    // Figure 3.22: a/b at QoS 1, c/d at QoS 2.
    let subscribe = b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x02";
    let Packet::Subscribe(decoded) = decode_whole(subscribe) else {
        panic!("not a SUBSCRIBE")
    };
    assert_eq!(decoded.packet_id, id(10));
    assert_eq!(
        decoded.filters.iter().collect::<Vec<_>>(),
        [("a/b", 1), ("c/d", 2)]
    );
    assert_both_ways(subscribe, &Packet::Subscribe(decoded));
    // Figure 3.29: the same two, given up.
    let unsubscribe = b"\xa2\x0c\x00\x0a\x00\x03a/b\x00\x03c/d";
    let Packet::Unsubscribe(decoded) = decode_whole(unsubscribe) else {
        panic!("not that")
    };
    assert_eq!(
        decoded.filters.iter().collect::<Vec<_>>(),
        [("a/b", 0), ("c/d", 0)]
    );
    assert_both_ways(unsubscribe, &Packet::Unsubscribe(decoded));
    let mut out = Vec::new();
    encode_unsubscribe(&mut out, id(10), &["a/b", "c/d"]);
    assert_eq!(out, unsubscribe);
    out.clear();
    encode_subscribe(
        &mut out,
        id(10),
        &[("a/b", QoS::AtLeastOnce), ("c", QoS::AtMostOnce)],
    );
    assert_eq!(out, b"\x82\x0c\x00\x0a\x00\x03a/b\x01\x00\x01c\x00");
}

#[test]
fn every_connack_code_has_its_number() {
    use ConnectCode as Code;
    let codes = [
        Code::Accepted,
        Code::UnacceptableProtocolVersion,
        Code::IdentifierRejected,
        Code::ServerUnavailable,
        Code::BadUserNameOrPassword,
        Code::NotAuthorized,
    ];
    for (number, code) in (0..).zip(codes) {
        let packet = Packet::ConnAck(ConnAck {
            session_present: false,
            code,
        });
        assert_both_ways(&[0x20, 2, 0, number], &packet);
    }
    let resumed = ConnAck {
        session_present: true,
        code: Code::Accepted,
    };
    assert_both_ways(&[0x20, 2, 1, 0], &Packet::ConnAck(resumed));
}

#[test]
fn the_connect_of_the_python_sdk_is_read() {
    // Captured from azure-iot-device 2.14: flags 0xc0, keep-alive 60; token and platform shortened.
    let user_name = "localhost/myDeviceId/?api-version=2019-10-01&DeviceClientType=azure-iot-device-iothub-py%2F2.14.0";
    let password = "SharedAccessSignature sr=localhost%2Fdevices%2FmyDeviceId&sig=x&se=1";
    let mut body = b"\x00\x04MQTT\x04\xc0\x00\x3c\x00\x0amyDeviceId".to_vec();
    for text in [user_name, password] {
        body.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        body.extend(text.bytes());
    }
    let low = u8::try_from(body.len() & 0x7f).unwrap() | 0x80;
    let mut bytes = vec![0x10, low, u8::try_from(body.len() >> 7).unwrap()];
    bytes.extend(body);
    let expected = Packet::Connect(Connect {
        client_id: "myDeviceId",
        clean_session: false,
        keep_alive_s: 60,
        will: None,
        user_name: Some(user_name),
        password: Some(password.as_bytes()),
    });
    assert_both_ways(&bytes, &expected);
    let debug = format!("{expected:?}");
    assert!(
        debug.contains("***") && !debug.contains("Signature"),
        "{debug}"
    );
}

#[test]
fn remaining_lengths_at_every_boundary() {
    // Table 2.4. A topic of one letter takes three bytes.
    let cases: [(usize, &[u8]); 7] = [
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (262_144, b"\x80\x80\x10"),
        (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"),
    ];
    for (remaining, expected) in cases {
        let payload = vec![b'x'; remaining - 3];
        let mut bytes = b"before".to_vec();
        encode_publish(
            &mut bytes,
            Delivery::AtMostOnce,
            true,
            |out| out.push(b't'),
            &payload,
        );
        let bytes = bytes.strip_prefix(b"before").unwrap();
        assert_eq!(&bytes[..=expected.len()], [b"\x30", expected].concat());
        let (packet, consumed) = decode(bytes, bytes.len()).unwrap().unwrap();
        assert_eq!(consumed, bytes.len());
        let Packet::Publish(publish) = packet else {
            panic!("not a PUBLISH")
        };
        assert_eq!(
            (publish.topic, publish.payload, publish.dup),
            ("t", &*payload, false)
        );
    }
}

#[test]
fn a_packet_over_the_bound_is_refused_at_its_header() {
    // CON-9
    let too_large = |bytes, max| Err(Violation::PacketTooLarge { bytes, max });
    assert_eq!(decode(b"\x30\x80\x01", 130), too_large(131, 130));
    assert_eq!(decode(b"\x30\x80\x01", 131), Ok(None));
    assert_eq!(
        decode(b"\x30\xff\xff\xff\x7f", MAX),
        too_large(268_435_460, MAX)
    );
    assert_eq!(decode(b"\x30\xff\xff\xff", MAX), Ok(None));
    assert_eq!(decode(b"", MAX), Ok(None));
}

#[test]
fn strings_keep_what_unicode_allows() {
    // Section 1.5.3: "A" and U+2A6D4; then a byte order mark, which is a character. [MQTT-1.5.3-3]
    let publish = b"\x30\x0a\x00\x08A\xf0\xaa\x9b\x94\xef\xbb\xbf";
    let Packet::Publish(decoded) = decode_whole(publish) else {
        panic!("not a PUBLISH")
    };
    assert_eq!(decoded.topic, "A\u{2A6D4}\u{FEFF}");
    // Device ids may hold wildcards: the topic grammar judges them, not the codec.
    let publish = b"\x30\x05\x00\x03a#+";
    let Packet::Publish(decoded) = decode_whole(publish) else {
        panic!("not a PUBLISH")
    };
    assert_eq!(decoded.topic, "a#+");
}

/// A CONNECT with these flags and this payload.
fn connect_with(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x10, u8::try_from(10 + payload.len()).unwrap()];
    bytes.extend(b"\x00\x04MQTT\x04");
    bytes.extend([flags, 0, 60]);
    bytes.extend(payload);
    bytes
}

/// Every way to break a CONNECT.
pub(crate) fn broken_connects() -> Vec<(Vec<u8>, Violation)> {
    vec![
        (
            connect_with(0x03, b"\x00\x01c"),
            Violation::ReservedConnectFlag,
        ),
        (
            connect_with(0x0a, b"\x00\x01c"),
            Violation::WillFlagsWithoutWill,
        ),
        (
            connect_with(0x22, b"\x00\x01c"),
            Violation::WillFlagsWithoutWill,
        ),
        (
            connect_with(0x1e, b"\x00\x01c\x00\x01t\x00\x00"),
            Violation::WillQoS3,
        ),
        (
            connect_with(0x06, b"\x00\x01c\x00\x00\x00\x00"),
            Violation::EmptyTopic,
        ),
        (
            connect_with(0x42, b"\x00\x01c\x00\x01p"),
            Violation::PasswordWithoutUserName,
        ),
        (connect_with(0x00, b"\x00\x00"), Violation::EmptyClientId),
        (
            connect_with(0x02, b"\x00\x02c"),
            Violation::FieldBeyondPacket,
        ),
        (
            connect_with(0x82, b"\x00\x01c"),
            Violation::FieldBeyondPacket,
        ),
        (connect_with(0x02, b"\x00\x01cx"), Violation::TrailingBytes),
        (
            connect_with(0x02, b"\x00\x01\x00"),
            Violation::NullCharacter,
        ),
        (connect_with(0x02, b"\x00\x01\xff"), Violation::Utf8),
        (
            b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00".to_vec(),
            Violation::UnacceptableProtocol { level: 3 },
        ),
        (
            b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00".to_vec(),
            Violation::UnacceptableProtocol { level: 5 },
        ),
        (
            b"\x10\x0c\x00\x04mqtt\x04\x02\x00\x3c\x00\x00".to_vec(),
            Violation::ProtocolName,
        ),
        (b"\x10\x00".to_vec(), Violation::FieldBeyondPacket),
    ]
}

#[test]
fn every_broken_clause_of_connect_has_its_violation() {
    for (bytes, expected) in broken_connects() {
        let code = expected.connect_code();
        let wanted_code = match expected {
            Violation::UnacceptableProtocol { .. } => {
                Some(ConnectCode::UnacceptableProtocolVersion)
            }
            Violation::EmptyClientId => Some(ConnectCode::IdentifierRejected),
            _ => None,
        };
        assert_eq!(code, wanted_code);
        assert_eq!(decode(&bytes, MAX), Err(expected), "{bytes:02x?}");
    }
}

#[test]
fn what_connect_allows_is_read() {
    // An empty client id with a clean session; a will of QoS 2, which the hub refuses later.
    decode_whole(&connect_with(0x02, b"\x00\x00"));
    let with_will = connect_with(0x16, b"\x00\x01c\x00\x01t\x00\x00");
    let Packet::Connect(connect) = decode_whole(&with_will) else {
        panic!("not a CONNECT")
    };
    assert_eq!(connect.will.unwrap().qos, None);
}

/// Everything but CONNECT.
pub(crate) const BROKEN: &[(&[u8], Violation)] = &[
    (b"\x30\x80\x80\x80\x80", Violation::RemainingLength),
    (b"\x30\xff\xff\xff\xff\x01", Violation::RemainingLength),
    (b"\x00\x00", Violation::ReservedPacketType(0)),
    (b"\xf0\x00", Violation::ReservedPacketType(15)),
    (b"\x11\x00", Violation::HeaderFlags),
    (b"\x42\x02\x00\x01", Violation::HeaderFlags),
    (b"\x80\x06\x00\x01\x00\x01a\x00", Violation::HeaderFlags),
    (b"\xa0\x05\x00\x01\x00\x01a", Violation::HeaderFlags),
    (b"\xc1\x00", Violation::HeaderFlags),
    (b"\xe8\x00", Violation::HeaderFlags),
    (b"\x20\x02\x02\x00", Violation::ReservedConnAckFlag),
    (b"\x20\x02\x00\x06", Violation::ReturnCode(6)),
    (b"\x20\x02\x01\x05", Violation::SessionPresentOnRefusal),
    (b"\x20\x01\x00", Violation::FieldBeyondPacket),
    (b"\x20\x03\x00\x00\x00", Violation::TrailingBytes),
    (b"\x30\x00", Violation::FieldBeyondPacket),
    (b"\x30\x02\x00\x00", Violation::EmptyTopic),
    (b"\x30\x03\x00\x02a", Violation::FieldBeyondPacket),
    (b"\x30\x04\x00\x02a\x00", Violation::NullCharacter),
    // A lone surrogate, an overlong slash. [MQTT-1.5.3-1]
    (b"\x30\x05\x00\x03\xed\xa0\x80", Violation::Utf8),
    (b"\x30\x04\x00\x02\xc0\xaf", Violation::Utf8),
    (b"\x38\x03\x00\x01a", Violation::DuplicateWithoutQoS),
    (b"\x32\x03\x00\x01a", Violation::FieldBeyondPacket),
    (b"\x32\x05\x00\x01a\x00\x00", Violation::PacketIdZero),
    (b"\x34\x05\x00\x01a\x00\x01", Violation::PublishQoS2),
    (b"\x36\x05\x00\x01a\x00\x01", Violation::PublishQoS3),
    (b"\x40\x02\x00\x00", Violation::PacketIdZero),
    (b"\x40\x03\x00\x01\x00", Violation::TrailingBytes),
    (b"\x50\x02\x00\x01", Violation::QoS2Flow(5)),
    (b"\x62\x02\x00\x01", Violation::QoS2Flow(6)),
    (b"\x70\x02\x00\x01", Violation::QoS2Flow(7)),
    (b"\x82\x02\x00\x01", Violation::NoFilters),
    (b"\x82\x06\x00\x00\x00\x01a\x00", Violation::PacketIdZero),
    (b"\x82\x05\x00\x01\x00\x01a", Violation::FieldBeyondPacket),
    (b"\x82\x06\x00\x01\x00\x01a\x03", Violation::RequestedQoS),
    (b"\x82\x06\x00\x01\x00\x01a\x81", Violation::RequestedQoS),
    (b"\x82\x05\x00\x01\x00\x00\x00", Violation::EmptyTopic),
    (b"\x90\x02\x00\x01", Violation::NoFilters),
    (b"\x90\x03\x00\x01\x03", Violation::ReturnCode(3)),
    (b"\xa2\x02\x00\x01", Violation::NoFilters),
    (b"\xa2\x04\x00\x01\x00\x00", Violation::EmptyTopic),
    (b"\xc0\x01\x00", Violation::TrailingBytes),
    (b"\xd0\x01\x00", Violation::TrailingBytes),
    (b"\xe0\x01\x00", Violation::TrailingBytes),
];

#[test]
fn every_broken_clause_has_its_violation() {
    for (bytes, expected) in BROKEN {
        assert_eq!(decode(bytes, MAX).as_ref(), Err(expected), "{bytes:02x?}");
        assert_eq!(expected.connect_code(), None);
        let message = expected.to_string();
        assert!(!message.ends_with('.') && !message.is_empty());
    }
}

/// An HTTP client on the MQTT port was taken for a packet of 69 bytes to come, and had to wait for a
/// minute to learn that nobody would answer.
#[test]
fn a_first_byte_that_begins_no_packet_is_refused_alone() {
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\r\n"[..], Violation::HeaderFlags),
        (b"G", Violation::HeaderFlags),
        (b"\x00", Violation::ReservedPacketType(0)),
        (b"\xf0", Violation::ReservedPacketType(15)),
        (b"\x81", Violation::HeaderFlags),
    ] {
        assert_eq!(decode(bytes, MAX), Err(expected), "{bytes:02x?}");
    }
}
