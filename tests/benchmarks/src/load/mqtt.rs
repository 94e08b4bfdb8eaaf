//! MQTT 3.1.1, byte for byte, as far as a load needs it. CONNECT and SUBSCRIBE, said once a connection,
//! come from the codec that the hub's tests prove.

use anyhow::{bail, ensure};
use hub_proto::mqtt::encode::{encode, encode_subscribe};
use hub_proto::mqtt::packet::{Connect, Packet, PacketId, QoS};

use super::talker::Turn;

const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const SUBACK: u8 = 9;

/// A packet as it came: its first byte, and what follows the length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    first: u8,
    body: &'a [u8],
}

/// What a load looks at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard<'a> {
    Publish { topic: &'a [u8] },
    PubAck,
}

impl<'a> Frame<'a> {
    /// The first whole packet of `input`, and its length.
    pub(super) fn next(input: &'a [u8]) -> anyhow::Result<Option<(Self, usize)>> {
        let mut length = 0;
        for digit in 0..4 {
            let Some(byte) = input.get(1 + digit) else {
                return Ok(None);
            };
            length |= usize::from(byte & 0x7f) << (7 * digit);
            if byte & 0x80 == 0 {
                let head = 2 + digit;
                let first = input[0];
                let frame = input.get(head..head + length);
                return Ok(frame.map(|body| (Self { first, body }, head + length)));
            }
        }
        bail!("a length of more than four bytes");
    }

    fn kind(self) -> u8 {
        self.first >> 4
    }

    /// What it says to a client that has signed in.
    pub(super) fn heard(self) -> anyhow::Result<Heard<'a>> {
        match self.kind() {
            PUBLISH => {
                let [high, low, rest @ ..] = self.body else {
                    bail!("a PUBLISH without a topic");
                };
                let bytes = usize::from(u16::from_be_bytes([*high, *low]));
                ensure!(rest.len() >= bytes, "a PUBLISH with half a topic");
                let topic = &rest[..bytes];
                Ok(Heard::Publish { topic })
            }
            PUBACK => Ok(Heard::PubAck),
            kind => bail!("an unexpected packet of type {kind}"),
        }
    }
}

/// Signing in: CONNECT, then one packet after another, each when the one before it was acknowledged.
#[derive(Debug)]
pub(crate) struct SignedIn {
    connect: Vec<u8>,
    subscribe: Option<Vec<u8>>,
    is_connected: bool,
    is_done: bool,
}

impl SignedIn {
    /// With these packets, made by [`connect_packet`] and [`subscribe_packet`].
    pub(crate) fn new(connect: Vec<u8>, subscribe: Option<Vec<u8>>) -> Self {
        Self {
            connect,
            subscribe,
            is_connected: false,
            is_done: false,
        }
    }

    pub(super) fn open(&mut self, output: &mut Vec<u8>) {
        output.append(&mut self.connect);
        self.connect = Vec::new();
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes the packet if it belongs to signing in; says whether it did.
    pub(super) fn takes(&mut self, frame: Frame<'_>, turn: &mut Turn<'_>) -> anyhow::Result<bool> {
        if self.is_done {
            return Ok(false);
        }
        match (frame.kind(), frame.body) {
            (CONNACK, [_, 0]) if !self.is_connected => {
                self.is_connected = true;
                match self.subscribe.take() {
                    Some(packet) => turn.output.extend_from_slice(&packet),
                    None => self.is_done = true,
                }
            }
            (CONNACK, [_, code]) => bail!("CONNECT was refused with code {code}"),
            (SUBACK, [_, _, codes @ ..]) => {
                ensure!(!codes.contains(&0x80), "a SUBSCRIBE was refused");
                self.is_done = true;
            }
            (kind, _) => bail!("a packet of type {kind} while signing in"),
        }
        Ok(true)
    }
}

/// CONNECT with a clean session and a keep-alive longer than any figure takes: 240 s, the default of
/// Microsoft's device SDKs. (None at all is refused by rumqttd.)
pub(crate) fn connect_packet(client_id: &str, credential: Option<(&str, &str)>) -> Vec<u8> {
    let mut packet = Vec::new();
    let connect = Packet::Connect(Connect {
        client_id,
        clean_session: true,
        keep_alive_s: 240,
        will: None,
        user_name: credential.map(|(name, _)| name),
        password: credential.map(|(_, password)| password.as_bytes()),
    });
    encode(&connect, &mut packet);
    packet.shrink_to_fit();
    packet
}

/// SUBSCRIBE to filters at QoS 0.
pub(crate) fn subscribe_packet(filters: &[&str]) -> Vec<u8> {
    let mut packet = Vec::new();
    let filters: Vec<_> = filters.iter().map(|it| (*it, QoS::AtMostOnce)).collect();
    encode_subscribe(&mut packet, PacketId::MIN, &filters);
    packet.shrink_to_fit();
    packet
}

/// A PUBLISH, with a packet id at QoS 1 and without at QoS 0.
pub(crate) fn publish_packet(topic: &str, packet_id: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    put_publish(&mut packet, &[topic.as_bytes()], packet_id, payload);
    packet.shrink_to_fit();
    packet
}

/// Appends a PUBLISH whose topic is these parts.
pub(super) fn put_publish(
    out: &mut Vec<u8>,
    topic: &[&[u8]],
    packet_id: Option<u16>,
    payload: &[u8],
) {
    let topic_bytes: usize = topic.iter().map(|part| part.len()).sum();
    let id_bytes = if packet_id.is_some() { 2 } else { 0 };
    out.push(if packet_id.is_some() { 0x32 } else { 0x30 });
    let mut length = 2 + topic_bytes + id_bytes + payload.len();
    loop {
        let digit = u8::try_from(length & 0x7f).expect("seven bits");
        length >>= 7;
        if length == 0 {
            out.push(digit);
            break;
        }
        out.push(digit | 0x80);
    }
    let topic_bytes = u16::try_from(topic_bytes).expect("a short topic");
    out.extend_from_slice(&topic_bytes.to_be_bytes());
    for part in topic {
        out.extend_from_slice(part);
    }
    if let Some(id) = packet_id {
        out.extend_from_slice(&id.to_be_bytes());
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_written_by_hand_is_the_codecs_own() {
        use hub_proto::mqtt::encode::encode_publish;
        use hub_proto::mqtt::packet::Delivery;

        for payload in [&b"{}"[..], &[b' '; 300]] {
            let mut theirs = Vec::new();
            let topic = |out: &mut Vec<u8>| out.extend_from_slice(b"a/b");
            let id = PacketId::new(7).unwrap();
            encode_publish(
                &mut theirs,
                Delivery::AtLeastOnce(id),
                false,
                topic,
                payload,
            );
            assert_eq!(publish_packet("a/b", Some(7), payload), theirs);
        }
    }

    #[test]
    fn a_cut_packet_is_none_and_a_whole_one_tells_its_topic() {
        let packet = publish_packet("a/b", None, &[b' '; 300]);
        for cut in 0..packet.len() {
            assert!(Frame::next(&packet[..cut]).unwrap().is_none());
        }
        let (frame, bytes) = Frame::next(&packet).unwrap().unwrap();
        assert_eq!(bytes, packet.len());
        assert!(matches!(
            frame.heard().unwrap(),
            Heard::Publish { topic: b"a/b" }
        ));
    }
}
