//! The packets that are measured: what a device of the hub sends.

use hub_proto::mqtt::encode::encode;
use hub_proto::mqtt::packet::{Connect, Delivery, Packet, PacketId, Publish};

/// Of azure-iot-device for Node.js.
const USER_NAME: &str = "localhost/myDeviceId/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.4%20(node%20v20.20.2%3B%20Debian%2012%3B%20x64)";
const TOKEN: &[u8] = b"SharedAccessSignature sr=localhost%2Fdevices%2FmyDeviceId&sig=4SHPn0l4t7H2w1d8bqRz6yYl0UeF2r0mZb1Q0b4bYpA%3D&se=1900000000";
const TOPIC: &str = "devices/myDeviceId/messages/events/%24.mid=4d3c7f0e-5f0b-4a53-9a61&%24.ct=application%2Fjson&%24.ce=utf-8&temperatureAlert=true";
const PAYLOAD: &[u8] = br#"{"messageId":17,"deviceId":"myDeviceId","temperature":27.4,"humidity":61.8,"pressure":1013.2}"#;

/// A packet and its name.
pub type Named = (&'static str, Packet<'static>);

/// All of them.
pub fn all() -> [Named; 3] {
    let connect = Connect {
        client_id: "myDeviceId",
        clean_session: false,
        keep_alive_s: 180,
        will: None,
        user_name: Some(USER_NAME),
        password: Some(TOKEN),
    };
    let publish = Publish {
        dup: false,
        delivery: Delivery::AtLeastOnce(PacketId::MIN),
        retain: false,
        topic: TOPIC,
        payload: PAYLOAD,
    };
    [
        ("PUBLISH", Packet::Publish(publish)),
        ("CONNECT", Packet::Connect(connect)),
        ("PUBACK", Packet::PubAck(PacketId::MIN)),
    ]
}

/// A packet as bytes.
pub fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(packet, &mut bytes);
    bytes
}
