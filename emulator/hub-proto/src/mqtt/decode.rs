//! Bytes to packets: incremental, borrowing, bounded before anything is kept.
//!
//! Strict in all that MQTT 3.1.1 says about form, with one exception: `#` and `+` are accepted
//! anywhere in topics and filters, against [MQTT-3.3.2-2], [MQTT-4.7.1-2] and [MQTT-4.7.1-3]. Ids may
//! hold these characters, so `devices/a#b/messages/events/` is a legal topic of the hub.
//! [`crate::topic`], which knows the client's id, is the judge of them.

use std::num::NonZeroU16;

use super::packet::{
    ConnAck, Connect, ConnectCode, Delivery, Filters, Packet, PacketId, Publish, QoS, SubAck,
    Subscribe, Unsubscribe, Will,
};
use super::violation::Violation;

/// Reads one packet from the front of `input`.
///
/// `Ok(Some((packet, consumed)))` is a whole packet and its length; `Ok(None)` asks for more bytes. A
/// packet whose announced length exceeds `packet_bytes_max` (fixed header included) is refused as
/// soon as its header is there, so a reader never holds more than that.
pub fn decode(
    input: &[u8],
    packet_bytes_max: usize,
) -> Result<Option<(Packet<'_>, usize)>, Violation> {
    let Some((&first, rest)) = input.split_first() else {
        return Ok(None);
    };
    // Before the length: what is not MQTT at all (HTTP on the wrong port) often announces more than it
    // sends, and would be waited for.
    check_first_byte(first)?;
    let Some((remaining, length_bytes)) = remaining_length(rest)? else {
        return Ok(None);
    };
    let header = 1 + length_bytes;
    let bytes = header + remaining;
    if bytes > packet_bytes_max {
        return Err(Violation::PacketTooLarge {
            bytes,
            max: packet_bytes_max,
        });
    }
    let Some(body) = input.get(header..bytes) else {
        return Ok(None);
    };
    let packet = body_of(first, Reader { rest: body })?;
    Ok(Some((packet, bytes)))
}

/// The length of the rest of a packet, and how many bytes said so; `None` if some are missing.
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let mut length = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((length, index + 1)));
        }
    }
    if bytes.len() >= 4 {
        Err(Violation::RemainingLength)
    } else {
        Ok(None)
    }
}

/// Checks packet type and flags. [MQTT-2.2.2-2]
fn check_first_byte(first: u8) -> Result<(), Violation> {
    let (kind, flags) = (first >> 4, first & 0x0f);
    let wanted_flags = match kind {
        // PUBLISH's flags are its own affair.
        3 => flags,
        6 | 8 | 10 => 0b0010,
        _ => 0,
    };
    if matches!(kind, 0 | 15) {
        return Err(Violation::ReservedPacketType(kind));
    }
    if flags != wanted_flags {
        return Err(Violation::HeaderFlags);
    }
    Ok(())
}

/// Reads what follows a header that passed [`check_first_byte`].
fn body_of(first: u8, mut body: Reader<'_>) -> Result<Packet<'_>, Violation> {
    let (kind, flags) = (first >> 4, first & 0x0f);
    let packet = match kind {
        1 => Packet::Connect(connect(&mut body)?),
        2 => Packet::ConnAck(conn_ack(&mut body)?),
        // The payload is all the rest, so nothing can trail.
        3 => return publish(flags, body).map(Packet::Publish),
        4 => Packet::PubAck(body.packet_id()?),
        8 => Packet::Subscribe(Subscribe {
            packet_id: body.packet_id()?,
            filters: filters(&mut body, true)?,
        }),
        9 => Packet::SubAck(sub_ack(&mut body)?),
        10 => Packet::Unsubscribe(Unsubscribe {
            packet_id: body.packet_id()?,
            filters: filters(&mut body, false)?,
        }),
        11 => Packet::UnsubAck(body.packet_id()?),
        12 => Packet::PingReq,
        13 => Packet::PingResp,
        14 => Packet::Disconnect,
        _ => return Err(Violation::QoS2Flow(kind)),
    };
    body.end()?;
    Ok(packet)
}

fn connect<'a>(body: &mut Reader<'a>) -> Result<Connect<'a>, Violation> {
    let name = body.binary()?;
    let level = body.byte()?;
    match (name, level) {
        (b"MQTT", 4) => {}
        // MQTT 3.1 called itself MQIsdp. What follows may have another form, so it is not read.
        (b"MQTT" | b"MQIsdp", level) => return Err(Violation::UnacceptableProtocol { level }),
        _ => return Err(Violation::ProtocolName),
    }
    let flags = body.byte()?;
    let is_set = |bit: u8| flags & (1 << bit) != 0;
    if is_set(0) {
        return Err(Violation::ReservedConnectFlag);
    }
    let (has_will, has_password, has_user_name) = (is_set(2), is_set(6), is_set(7));
    if !has_will && flags & 0b0011_1000 != 0 {
        return Err(Violation::WillFlagsWithoutWill);
    }
    if has_password && !has_user_name {
        return Err(Violation::PasswordWithoutUserName);
    }
    let will_qos = match (flags >> 3) & 0b11 {
        0 => Some(QoS::AtMostOnce),
        1 => Some(QoS::AtLeastOnce),
        2 => None,
        _ => return Err(Violation::WillQoS3),
    };
    let clean_session = is_set(1);
    let keep_alive_s = body.u16()?;
    let client_id = body.text()?;
    if client_id.is_empty() && !clean_session {
        return Err(Violation::EmptyClientId);
    }
    let will = if has_will {
        let (topic, payload) = (body.topic()?, body.binary()?);
        Some(Will {
            topic,
            payload,
            qos: will_qos,
            retain: is_set(5),
        })
    } else {
        None
    };
    let user_name = has_user_name.then(|| body.text()).transpose()?;
    let password = has_password.then(|| body.binary()).transpose()?;
    Ok(Connect {
        client_id,
        clean_session,
        keep_alive_s,
        will,
        user_name,
        password,
    })
}

fn conn_ack(body: &mut Reader<'_>) -> Result<ConnAck, Violation> {
    let session_present = match body.byte()? {
        0 => false,
        1 => true,
        _ => return Err(Violation::ReservedConnAckFlag),
    };
    let code = match body.byte()? {
        0 => ConnectCode::Accepted,
        1 => ConnectCode::UnacceptableProtocolVersion,
        2 => ConnectCode::IdentifierRejected,
        3 => ConnectCode::ServerUnavailable,
        4 => ConnectCode::BadUserNameOrPassword,
        5 => ConnectCode::NotAuthorized,
        code => return Err(Violation::ReturnCode(code)),
    };
    if session_present && code != ConnectCode::Accepted {
        return Err(Violation::SessionPresentOnRefusal);
    }
    Ok(ConnAck {
        session_present,
        code,
    })
}

fn publish(flags: u8, mut body: Reader<'_>) -> Result<Publish<'_>, Violation> {
    let dup = flags & 0b1000 != 0;
    let qos = (flags >> 1) & 0b11;
    match qos {
        0 if dup => return Err(Violation::DuplicateWithoutQoS),
        2 => return Err(Violation::PublishQoS2),
        3 => return Err(Violation::PublishQoS3),
        _ => {}
    }
    let topic = body.topic()?;
    let delivery = match qos {
        0 => Delivery::AtMostOnce,
        _ => Delivery::AtLeastOnce(body.packet_id()?),
    };
    Ok(Publish {
        dup,
        delivery,
        retain: flags & 1 != 0,
        topic,
        payload: body.rest,
    })
}

fn sub_ack<'a>(body: &mut Reader<'a>) -> Result<SubAck<'a>, Violation> {
    let packet_id = body.packet_id()?;
    let codes = std::mem::take(&mut body.rest);
    if codes.is_empty() {
        return Err(Violation::NoFilters);
    }
    match codes.iter().find(|code| !matches!(code, 0..=2 | 0x80)) {
        Some(code) => Err(Violation::ReturnCode(*code)),
        None => Ok(SubAck { packet_id, codes }),
    }
}

/// Walks over the list once, so that [`Filters`] can be read without a check later.
fn filters<'a>(body: &mut Reader<'a>, with_qos: bool) -> Result<Filters<'a>, Violation> {
    let payload = body.rest;
    if payload.is_empty() {
        return Err(Violation::NoFilters);
    }
    while !body.rest.is_empty() {
        body.topic()?;
        if with_qos && body.byte()? > 2 {
            return Err(Violation::RequestedQoS);
        }
    }
    Ok(Filters { payload, with_qos })
}

/// The part of a packet that is not read yet.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Violation> {
        let (taken, rest) = self
            .rest
            .split_at_checked(bytes)
            .ok_or(Violation::FieldBeyondPacket)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Violation> {
        let (&byte, rest) = self
            .rest
            .split_first()
            .ok_or(Violation::FieldBeyondPacket)?;
        self.rest = rest;
        Ok(byte)
    }

    fn u16(&mut self) -> Result<u16, Violation> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(Violation::FieldBeyondPacket)?;
        self.rest = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    fn packet_id(&mut self) -> Result<PacketId, Violation> {
        NonZeroU16::new(self.u16()?).ok_or(Violation::PacketIdZero)
    }

    fn binary(&mut self) -> Result<&'a [u8], Violation> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    fn text(&mut self) -> Result<&'a str, Violation> {
        let bytes = self.binary()?;
        if bytes.contains(&0) {
            return Err(Violation::NullCharacter);
        }
        std::str::from_utf8(bytes).map_err(|_| Violation::Utf8)
    }

    fn topic(&mut self) -> Result<&'a str, Violation> {
        let topic = self.text()?;
        if topic.is_empty() {
            Err(Violation::EmptyTopic)
        } else {
            Ok(topic)
        }
    }

    fn end(&self) -> Result<(), Violation> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Violation::TrailingBytes)
        }
    }
}
