//! As much MQTT as a measurement's devices speak.

use hub_proto::mqtt::encode::{encode, encode_publish, encode_subscribe};
use hub_proto::mqtt::packet::{Connect, Delivery, Packet, PacketId, QoS};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Let in, without a session from before.
pub(crate) const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// CONNECT with a clean session.
pub(crate) fn connect(device: &str, token: &str) -> Vec<u8> {
    let user = format!("localhost/{device}/?api-version=2021-04-12");
    let connect = Connect {
        client_id: device,
        clean_session: true,
        keep_alive_s: 60,
        will: None,
        user_name: Some(&user),
        password: Some(token.as_bytes()),
    };
    let mut packet = Vec::new();
    encode(&Packet::Connect(connect), &mut packet);
    packet
}

/// PUBLISH at `QoS` 0.
pub(crate) fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let topic = |out: &mut Vec<u8>| out.extend_from_slice(topic.as_bytes());
    encode_publish(&mut packet, Delivery::AtMostOnce, false, topic, payload);
    packet
}

/// A device that answers every direct method with `{}` until the pipe ends. One call at a time.
pub(crate) async fn answer_methods(
    mut pipe: impl AsyncRead + AsyncWrite + Unpin,
    device: String,
    token: String,
) {
    let mut packets = connect(&device, &token);
    let filters = [("$iothub/methods/POST/#", QoS::AtMostOnce)];
    encode_subscribe(&mut packets, PacketId::MIN, &filters);
    pipe.write_all(&packets).await.unwrap();
    let mut bytes = Vec::new();
    while pipe.read_buf(&mut bytes).await.unwrap() > 0 {
        let text = String::from_utf8_lossy(&bytes);
        let Some((_, behind)) = text.split_once("$rid=") else {
            continue;
        };
        // The payload is `null`, which no digit begins.
        let end = behind.find('n').unwrap();
        let topic = format!("$iothub/methods/res/200/?$rid={}", &behind[..end]);
        let answer = publish(&topic, b"{}");
        bytes.clear();
        pipe.write_all(&answer).await.unwrap();
    }
}
