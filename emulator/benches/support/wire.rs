//! As much MQTT as a measurement's devices speak.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Let in, without a session from before.
pub(crate) const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// CONNECT with a clean session.
pub(crate) fn connect(device: &str, token: &str) -> Vec<u8> {
    let user = format!("localhost/{device}/?api-version=2021-04-12");
    let mut body = [&field("MQTT")[..], &[4, 0b1100_0010, 0, 60]].concat();
    for text in [device, &user, token] {
        body.extend(field(text));
    }
    packet(0x10, &body)
}

/// PUBLISH at `QoS` 0.
pub(crate) fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(0x30, &[&field(topic)[..], payload].concat())
}

/// A device that answers every direct method with `{}` until the pipe ends. One call at a time.
pub(crate) async fn answer_methods(
    mut pipe: impl AsyncRead + AsyncWrite + Unpin,
    device: String,
    token: String,
) {
    let filter = [&[0, 1][..], &field("$iothub/methods/POST/#"), &[0]].concat();
    let packets = [connect(&device, &token), packet(0x82, &filter)].concat();
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

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut length = body.len();
    loop {
        let digit = u8::try_from(length % 128).unwrap();
        length /= 128;
        if length == 0 {
            bytes.push(digit);
            break;
        }
        bytes.push(digit | 0x80);
    }
    bytes.extend_from_slice(body);
    bytes
}

fn field(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
