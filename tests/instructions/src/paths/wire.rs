//! Bytes and texts of the wire: packets, topics, property bags, logins, tokens.

use std::hint::black_box;

use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::mqtt::decode::decode;
use hub_proto::mqtt::encode;
use hub_proto::mqtt::login::Login;
use hub_proto::mqtt::packet::{Connect, Delivery, Packet, PacketId, Publish};
use hub_proto::property_bag::PropertyBag;
use hub_proto::sas::{Resource, SasKey, SasToken, sign};
use hub_proto::topic::{HubTopic, PublishTopic, parse_publish};

use crate::meter::Meter;

const DEVICE: &str = "myDeviceId";
const PACKET_BYTES_MAX: usize = 256 * 1024;
/// Of azure-iot-device for Node.js.
const USER_NAME: &str = "localhost/myDeviceId/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.4%20(node%20v20.20.2%3B%20Debian%2012%3B%20x64)";
const TELEMETRY_TOPIC: &str = "devices/myDeviceId/messages/events/%24.mid=4d3c7f0e-5f0b-4a53-9a61&%24.ct=application%2Fjson&%24.ce=utf-8&temperatureAlert=true";
const BAG: &str =
    "%24.mid=4d3c7f0e-5f0b-4a53-9a61&%24.ct=application%2Fjson&%24.ce=utf-8&temperatureAlert=true";
const PAYLOAD: &[u8] = br#"{"messageId":17,"deviceId":"myDeviceId","temperature":27.4,"humidity":61.8,"pressure":1013.2}"#;

pub(super) fn decode_connect(meter: &mut Meter) {
    let token = token();
    let packet = Packet::Connect(connect(&token));
    decode_packet(meter, &packet);
}

pub(super) fn decode_publish(meter: &mut Meter) {
    decode_packet(meter, &telemetry());
}

pub(super) fn decode_puback(meter: &mut Meter) {
    decode_packet(meter, &Packet::PubAck(PacketId::MIN));
}

fn decode_packet(meter: &mut Meter, packet: &Packet<'_>) {
    let mut bytes = Vec::new();
    encode::encode(packet, &mut bytes);
    meter.repeat(|| {
        let decoded = decode(black_box(&bytes), PACKET_BYTES_MAX);
        let (_, consumed) = decoded.unwrap().unwrap();
        assert_eq!(consumed, bytes.len());
    });
}

pub(super) fn encode_publish(meter: &mut Meter) {
    encode_packet(meter, &telemetry());
}

pub(super) fn encode_puback(meter: &mut Meter) {
    encode_packet(meter, &Packet::PubAck(PacketId::MIN));
}

fn encode_packet(meter: &mut Meter, packet: &Packet<'_>) {
    let mut bytes = Vec::with_capacity(1024);
    meter.repeat(|| {
        bytes.clear();
        encode::encode(black_box(packet), &mut bytes);
    });
}

pub(super) fn encode_method_request(meter: &mut Meter) {
    let mut bytes = Vec::with_capacity(1024);
    meter.repeat(|| {
        bytes.clear();
        let topic = HubTopic::MethodRequest {
            name: black_box("reboot"),
            rid: black_box("65539a0000001"),
        };
        let print = |out: &mut Vec<u8>| topic.write(out);
        encode::encode_publish(&mut bytes, Delivery::AtMostOnce, false, print, PAYLOAD);
    });
}

pub(super) fn topic_telemetry(meter: &mut Meter) {
    topic(meter, TELEMETRY_TOPIC);
}

pub(super) fn topic_method_response(meter: &mut Meter) {
    topic(meter, "$iothub/methods/res/200/?$rid=65539a0000001");
}

pub(super) fn topic_reported_patch(meter: &mut Meter) {
    let text = "$iothub/twin/PATCH/properties/reported/?$rid=d1c4a8e7-2a0b-4b5b-8df1";
    topic(meter, text);
}

fn topic(meter: &mut Meter, text: &str) {
    let client = client();
    meter.repeat(|| {
        let parsed: PublishTopic<'_> = parse_publish(black_box(text), &client).unwrap();
        black_box(parsed);
    });
}

pub(super) fn property_bag(meter: &mut Meter) {
    meter.repeat(|| PropertyBag::parse(black_box(BAG)));
}

pub(super) fn login(meter: &mut Meter) {
    let token = token();
    let connect = connect(&token);
    meter.repeat(|| {
        let login = Login::parse(black_box(&connect)).unwrap();
        black_box(&login);
    });
}

pub(super) fn sas_parse(meter: &mut Meter) {
    let token = token();
    meter.repeat(|| {
        black_box(SasToken::parse(black_box(&token)).unwrap());
    });
}

pub(super) fn sas_verify(meter: &mut Meter) {
    let (token, key) = (token(), key());
    let token = SasToken::parse(&token).unwrap();
    meter.repeat(|| assert!(black_box(&token).is_signed_by(&key)));
}

pub(super) fn sas_covers(meter: &mut Meter) {
    let (token, client) = (token(), client());
    let token = SasToken::parse(&token).unwrap();
    let is_host = |host: &str| host.eq_ignore_ascii_case("localhost");
    meter.repeat(|| assert!(black_box(&token).covers(is_host, Resource::Client(&client))));
}

fn client() -> ClientIdentity {
    ClientIdentity::Device(DeviceId::parse(DEVICE).unwrap())
}

fn key() -> SasKey {
    SasKey::from_bytes(&[7; 32])
}

fn token() -> String {
    sign("localhost/devices/myDeviceId", &key(), 1_900_000_000, None)
}

fn connect(token: &str) -> Connect<'_> {
    Connect {
        client_id: DEVICE,
        clean_session: false,
        keep_alive_s: 180,
        will: None,
        user_name: Some(USER_NAME),
        password: Some(token.as_bytes()),
    }
}

fn telemetry() -> Packet<'static> {
    Packet::Publish(Publish {
        dup: false,
        delivery: Delivery::AtLeastOnce(PacketId::MIN),
        retain: false,
        topic: TELEMETRY_TOPIC,
        payload: PAYLOAD,
    })
}
