//! Packets to bytes, appended to the caller's buffer.
//!
//! A packet that was decoded can always be encoded. Whoever makes one bounds it: a string or topic
//! has at most 65,535 bytes, a packet at most 256 MiB. A longer one is a mistake of the program, and
//! panics; the hub's own limits lie far below.

use super::packet::{
    ConnAck, Connect, ConnectCode, Delivery, Filters, Packet, PacketId, Publish, QoS, SubAck,
};

/// The largest length that four bytes of seven bits can say. (section 2.2.3)
const REMAINING_LENGTH_MAX: usize = 268_435_455;
/// Type and flags, and the longest remaining length.
const HEADER_BYTES_MAX: usize = 5;

const SUBSCRIBE: u8 = 0x82;
const UNSUBSCRIBE: u8 = 0xa2;

/// Appends `packet` to `out`.
///
/// # Panics
///
/// If a string or the packet is too long for MQTT; no decoded packet is.
pub fn encode(packet: &Packet<'_>, out: &mut Vec<u8>) {
    match packet {
        Packet::Connect(connect) => put_connect(connect, out),
        Packet::ConnAck(ConnAck {
            session_present,
            code,
        }) => {
            out.extend_from_slice(&[0x20, 2, u8::from(*session_present), connect_code(*code)]);
        }
        Packet::Publish(Publish {
            dup,
            delivery,
            retain,
            topic,
            payload,
        }) => {
            let print_topic = |out: &mut Vec<u8>| out.extend_from_slice(topic.as_bytes());
            let flags = publish_flags(*delivery, *dup) | u8::from(*retain);
            put_publish(out, flags, *delivery, print_topic, payload);
        }
        Packet::PubAck(packet_id) => put_acknowledgement(0x40, *packet_id, out),
        Packet::Subscribe(subscribe) => {
            put_filters(SUBSCRIBE, subscribe.packet_id, &subscribe.filters, out);
        }
        Packet::SubAck(SubAck { packet_id, codes }) => {
            put_header(0x90, 2 + codes.len(), out);
            out.extend_from_slice(&packet_id.get().to_be_bytes());
            out.extend_from_slice(codes);
        }
        Packet::Unsubscribe(unsubscribe) => {
            put_filters(
                UNSUBSCRIBE,
                unsubscribe.packet_id,
                &unsubscribe.filters,
                out,
            );
        }
        Packet::UnsubAck(packet_id) => put_acknowledgement(0xb0, *packet_id, out),
        Packet::PingReq => out.extend_from_slice(&[0xc0, 0]),
        Packet::PingResp => out.extend_from_slice(&[0xd0, 0]),
        Packet::Disconnect => out.extend_from_slice(&[0xe0, 0]),
    }
}

/// Appends a PUBLISH whose topic is printed by `topic` straight into the buffer: no string is built
/// for it. `dup` counts with QoS 1 only. [MQTT-3.3.1-2]
///
/// # Panics
///
/// If the printed topic has more than 65,535 bytes, or the packet is too long for MQTT.
pub fn encode_publish(
    out: &mut Vec<u8>,
    delivery: Delivery,
    dup: bool,
    topic: impl FnOnce(&mut Vec<u8>),
    payload: &[u8],
) {
    put_publish(out, publish_flags(delivery, dup), delivery, topic, payload);
}

/// Appends a SUBSCRIBE. There must be at least one filter. [MQTT-3.8.3-3]
///
/// # Panics
///
/// If a filter has more than 65,535 bytes.
pub fn encode_subscribe(out: &mut Vec<u8>, packet_id: PacketId, filters: &[(&str, QoS)]) {
    let length: usize = filters.iter().map(|(filter, _)| 2 + filter.len() + 1).sum();
    put_header(SUBSCRIBE, 2 + length, out);
    out.extend_from_slice(&packet_id.get().to_be_bytes());
    for (filter, qos) in filters {
        put_bytes(filter.as_bytes(), out);
        out.push(qos_bits(Some(*qos)));
    }
}

/// Appends an UNSUBSCRIBE. There must be at least one filter. [MQTT-3.10.3-2]
///
/// # Panics
///
/// If a filter has more than 65,535 bytes.
pub fn encode_unsubscribe(out: &mut Vec<u8>, packet_id: PacketId, filters: &[&str]) {
    let length: usize = filters.iter().map(|filter| 2 + filter.len()).sum();
    put_header(UNSUBSCRIBE, 2 + length, out);
    out.extend_from_slice(&packet_id.get().to_be_bytes());
    for filter in filters {
        put_bytes(filter.as_bytes(), out);
    }
}

fn put_connect(connect: &Connect<'_>, out: &mut Vec<u8>) {
    let Connect {
        client_id,
        clean_session,
        keep_alive_s,
        will,
        user_name,
        password,
    } = connect;
    // Protocol name, level, flags, keep-alive.
    let mut length = 10 + 2 + client_id.len();
    let mut flags = u8::from(*clean_session) << 1;
    if let Some(will) = will {
        length += 2 + will.topic.len() + 2 + will.payload.len();
        flags |= 1 << 2 | qos_bits(will.qos) << 3 | u8::from(will.retain) << 5;
    }
    if let Some(password) = password {
        length += 2 + password.len();
        flags |= 1 << 6;
    }
    if let Some(user_name) = user_name {
        length += 2 + user_name.len();
        flags |= 1 << 7;
    }
    put_header(0x10, length, out);
    put_bytes(b"MQTT", out);
    out.push(4);
    out.push(flags);
    out.extend_from_slice(&keep_alive_s.to_be_bytes());
    put_bytes(client_id.as_bytes(), out);
    if let Some(will) = will {
        put_bytes(will.topic.as_bytes(), out);
        put_bytes(will.payload, out);
    }
    if let Some(user_name) = user_name {
        put_bytes(user_name.as_bytes(), out);
    }
    if let Some(password) = password {
        put_bytes(password, out);
    }
}

/// The remaining length stands in front and is known once the topic is printed. Room is left for the
/// longest one, and the topic, which is short, is moved up to the one that it is; the payload comes
/// last and is copied once.
fn put_publish(
    out: &mut Vec<u8>,
    flags: u8,
    delivery: Delivery,
    topic: impl FnOnce(&mut Vec<u8>),
    payload: &[u8],
) {
    let start = out.len();
    out.reserve(HEADER_BYTES_MAX + 2 + 2 + payload.len());
    out.extend_from_slice(&[0; HEADER_BYTES_MAX + 2]);
    let topic_start = out.len();
    topic(out);
    let topic_bytes = out.len() - topic_start;
    out[topic_start - 2..topic_start].copy_from_slice(&length_prefix(topic_bytes));
    if let Delivery::AtLeastOnce(packet_id) = delivery {
        out.extend_from_slice(&packet_id.get().to_be_bytes());
    }
    let remaining = out.len() - (start + HEADER_BYTES_MAX) + payload.len();
    let (header, header_bytes) = fixed_header(flags, remaining);
    out[start..start + header_bytes].copy_from_slice(&header[..header_bytes]);
    if header_bytes < HEADER_BYTES_MAX {
        out.copy_within(start + HEADER_BYTES_MAX.., start + header_bytes);
        out.truncate(out.len() - (HEADER_BYTES_MAX - header_bytes));
    }
    out.extend_from_slice(payload);
}

fn put_filters(first: u8, packet_id: PacketId, filters: &Filters<'_>, out: &mut Vec<u8>) {
    put_header(first, 2 + filters.payload.len(), out);
    out.extend_from_slice(&packet_id.get().to_be_bytes());
    out.extend_from_slice(filters.payload);
}

fn put_acknowledgement(first: u8, packet_id: PacketId, out: &mut Vec<u8>) {
    let [high, low] = packet_id.get().to_be_bytes();
    out.extend_from_slice(&[first, 2, high, low]);
}

fn put_header(first: u8, remaining: usize, out: &mut Vec<u8>) {
    let (header, header_bytes) = fixed_header(first, remaining);
    out.reserve(header_bytes + remaining);
    out.extend_from_slice(&header[..header_bytes]);
}

fn fixed_header(first: u8, remaining: usize) -> ([u8; HEADER_BYTES_MAX], usize) {
    assert!(
        remaining <= REMAINING_LENGTH_MAX,
        "a packet of {remaining} bytes is not MQTT"
    );
    let mut header = [first, 0, 0, 0, 0];
    let mut rest = remaining;
    let mut bytes = 1;
    loop {
        header[bytes] = u8::try_from(rest & 0x7f).expect("seven bits fit into eight");
        rest >>= 7;
        if rest == 0 {
            return (header, bytes + 1);
        }
        header[bytes] |= 0x80;
        bytes += 1;
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&length_prefix(bytes.len()));
    out.extend_from_slice(bytes);
}

fn length_prefix(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes)
        .expect("a string has at most 65,535 bytes")
        .to_be_bytes()
}

fn publish_flags(delivery: Delivery, dup: bool) -> u8 {
    match delivery {
        Delivery::AtMostOnce => 0x30,
        Delivery::AtLeastOnce(_) => 0x32 | u8::from(dup) << 3,
    }
}

fn qos_bits(qos: Option<QoS>) -> u8 {
    match qos {
        Some(QoS::AtMostOnce) => 0,
        Some(QoS::AtLeastOnce) => 1,
        None => 2,
    }
}

fn connect_code(code: ConnectCode) -> u8 {
    match code {
        ConnectCode::Accepted => 0,
        ConnectCode::UnacceptableProtocolVersion => 1,
        ConnectCode::IdentifierRejected => 2,
        ConnectCode::ServerUnavailable => 3,
        ConnectCode::BadUserNameOrPassword => 4,
        ConnectCode::NotAuthorized => 5,
    }
}
