//! What must hold for any input, one function a target: the bodies of the fuzz targets, which
//! ordinary tests run too, over a corpus and over random bytes.
//!
//! A function panics when a promise is broken; what it is fed decides nothing else.

#![expect(clippy::missing_panics_doc, reason = "the module says when they panic")]

use std::collections::HashSet;

use crate::connection_string::ConnectionString;
use crate::ids::{ClientIdentity, DeviceId, ModuleId};
use crate::mqtt::decode::decode;
use crate::mqtt::encode::encode;
use crate::mqtt::login::Login;
use crate::mqtt::packet::{Connect, Packet};
use crate::property_bag::PropertyBag;
use crate::sas::{Resource, SasKey, SasToken, sign};
use crate::topic::{HubTopic, PublishTopic, parse_filter, parse_publish};

/// The bound of the hub's packets, and so of the packets here.
const PACKET_BYTES_MAX: usize = 256 * 1024;

/// A target's name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target; the name is that of its corpus.
pub const TARGETS: [Target; 7] = [
    ("decode", decode_stream),
    ("round_trip", decode_encode_decode),
    ("topic", topic),
    ("property_bag", property_bag),
    ("sas", sas),
    ("login", login),
    ("connection_string", connection_string),
];

/// A stream of packets: each is consumed whole, and its beginning alone asks for more.
pub fn decode_stream(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((packet, consumed))) = decode(rest, PACKET_BYTES_MAX) {
        assert!(
            (2..=rest.len()).contains(&consumed),
            "{consumed} of {}",
            rest.len()
        );
        for cut in [1, consumed / 2, consumed - 1] {
            assert_eq!(
                decode(&rest[..cut], PACKET_BYTES_MAX),
                Ok(None),
                "{packet:?} cut at {cut}"
            );
        }
        if let Packet::Subscribe(subscribe) = &packet {
            assert!(
                subscribe
                    .filters
                    .iter()
                    .all(|(filter, qos)| !filter.is_empty() && qos <= 2)
            );
            assert!(subscribe.filters.iter().next().is_some());
        }
        rest = &rest[consumed..];
    }
}

/// What was decoded is encoded to something that decodes to the same.
pub fn decode_encode_decode(data: &[u8]) {
    let Ok(Some((packet, consumed))) = decode(data, PACKET_BYTES_MAX) else {
        return;
    };
    let mut encoded = Vec::new();
    encode(&packet, &mut encoded);
    // A remaining length may be written with more bytes than it needs; ours never is.
    assert!(encoded.len() <= consumed);
    assert_eq!(
        decode(&encoded, PACKET_BYTES_MAX),
        Ok(Some((packet, encoded.len())))
    );
}

/// Topics and filters of a device and a module, and the hub's topics there and back.
pub fn topic(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for client in clients() {
        if let Ok(topic) = parse_publish(text, &client) {
            echo_rid(topic);
        }
        // The SDKs' filters end in the one wildcard form there is.
        assert!(parse_filter(text, &client).is_err() || text.ends_with("/#"));
    }
    if let Ok(topic) = HubTopic::parse(text) {
        let mut printed = Vec::new();
        topic.write(&mut printed);
        let printed = std::str::from_utf8(&printed).expect("a topic is text");
        assert_eq!(HubTopic::parse(printed), Ok(topic));
    }
}

/// A request id comes back byte for byte, in a topic that fits into a packet.
fn echo_rid(topic: PublishTopic<'_>) {
    let rid = match topic {
        PublishTopic::TwinGet { rid }
        | PublishTopic::MethodResponse { rid, .. }
        | PublishTopic::TwinPatchReported { rid: Some(rid), .. } => rid,
        PublishTopic::TwinPatchReported { rid: None, .. } | PublishTopic::Telemetry { .. } => {
            return;
        }
    };
    let answer = HubTopic::TwinResponse {
        status: 204,
        rid,
        version: Some(u64::MAX),
    };
    let mut printed = Vec::new();
    answer.write(&mut printed);
    assert!(u16::try_from(printed.len()).is_ok());
    let printed = std::str::from_utf8(&printed).expect("a topic is text");
    assert_eq!(HubTopic::parse(printed), Ok(answer));
}

/// A bag read, printed and read again says the same; a device-bound bag breaks no SDK.
pub fn property_bag(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let bag = PropertyBag::parse(text);
    let printed = bag.to_telemetry();
    let again = PropertyBag::parse(&printed);
    assert_eq!(again.to_telemetry(), printed);
    assert_eq!(again.size_bytes(), bag.size_bytes());
    let devicebound = bag.to_devicebound("/devices/d/messages/deviceBound");
    assert!(devicebound.starts_with("%24.to=%2Fdevices%2Fd%2Fmessages%2FdeviceBound"));
    let mut keys = HashSet::new();
    for property in devicebound.split('&') {
        let (key, value) = property
            .split_once('=')
            .expect("every property has a value");
        assert!(
            !key.is_empty() && !value.is_empty() && !value.contains('='),
            "{property}"
        );
        assert!(keys.insert(key), "{key} comes twice");
    }
    assert!(!devicebound.contains(['/', '+', '$', '#', '?']));
}

/// Tokens of any text; and a token over any audience is verified and covers what it names.
pub fn sas(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let key = SasKey::from_bytes(&[7; 32]);
    if let Ok(token) = SasToken::parse(text) {
        // Nobody finds the key by chance.
        assert!(!token.is_signed_by(&key));
        for client in clients() {
            token.covers(|host| host == "h", Resource::Client(&client));
        }
    }
    if text.len() < 1024 {
        let signed = sign(text, &key, 1, None);
        match SasToken::parse(&signed) {
            Ok(token) => {
                assert!(token.is_signed_by(&key));
                assert!(!token.covers(|_| true, Resource::Hub));
            }
            Err(error) => assert!(text.is_empty(), "{error}"),
        }
    }
}

/// A client id and a user name, parted by the first zero byte.
pub fn login(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some((client_id, user_name)) = text.split_once('\0') else {
        return;
    };
    let connect = Connect {
        client_id,
        clean_session: true,
        keep_alive_s: 0,
        will: None,
        user_name: Some(user_name),
        password: None,
    };
    if let Ok(login) = Login::parse(&connect) {
        assert!(user_name.starts_with(&format!("{}/{client_id}", login.host)));
    }
}

/// A connection string read, printed and read again is the same.
pub fn connection_string(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(read) = ConnectionString::parse(text) {
        assert_eq!(ConnectionString::parse(&read.expose()), Ok(read));
    }
}

fn clients() -> [ClientIdentity; 3] {
    let device = |id| DeviceId::parse(id).expect("the id is legal");
    let module = ModuleId::parse("m").expect("the id is legal");
    [
        ClientIdentity::Device(device("d")),
        ClientIdentity::Device(device("a#b+c%41")),
        ClientIdentity::module(device("d"), module),
    ]
}
