//! Reading and writing with each codec.
//!
//! The others read from a `BytesMut`, out of which they split what they keep; ours borrows from a slice.
//! Each reads whatever stands in its buffer and says how many packets that was.

use bytes::BytesMut;
use hub_proto::mqtt::decode::decode;
use hub_proto::mqtt::encode::encode;
use hub_proto::mqtt::packet::Packet;
use rmqtt_codec::v3;
use rumqttc::mqttbytes::v4;
use rumqttd::protocol::Protocol as _;
use rumqttd::protocol::v4::V4;
use std::hint::black_box;
use tokio_util::codec::{Decoder as _, Encoder as _};

/// Larger than any packet that is measured.
const PACKET_BYTES_MAX: usize = 256 * 1024;

/// A codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// `hub-proto`'s.
    Ours,
    /// rumqttd 0.20's module `protocol`.
    Rumqttd,
    /// rumqttc 0.25's module `mqttbytes`.
    Rumqttc,
    /// rmqtt-codec 0.3.
    Rmqtt,
}

/// A packet as a codec holds it.
#[derive(Debug)]
pub enum Held<'a> {
    /// Borrowed.
    Ours(Packet<'a>),
    /// Owned, in shared buffers.
    Rumqttd(Box<rumqttd::protocol::Packet>),
    /// Owned; topics are strings.
    Rumqttc(Box<v4::Packet>),
    /// Owned, in shared buffers.
    Rmqtt(Box<v3::Packet>),
}

/// All of them.
pub const ALL: [Codec; 4] = [Codec::Ours, Codec::Rumqttd, Codec::Rumqttc, Codec::Rmqtt];

impl Codec {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "hub-proto",
            Self::Rumqttd => "rumqttd",
            Self::Rumqttc => "rumqttc",
            Self::Rmqtt => "rmqtt-codec",
        }
    }

    /// Reads all packets in `stream`, which holds whole ones only; says how many.
    pub fn read_all(self, stream: &mut BytesMut) -> usize {
        let mut count = 0;
        match self {
            Self::Ours => {
                let mut rest = &stream[..];
                while let Some((packet, consumed)) = decode(rest, PACKET_BYTES_MAX).unwrap() {
                    black_box(&packet);
                    rest = &rest[consumed..];
                    count += 1;
                }
            }
            Self::Rumqttd => {
                while !stream.is_empty() {
                    black_box(V4.read_mut(stream, PACKET_BYTES_MAX).unwrap());
                    count += 1;
                }
            }
            Self::Rumqttc => {
                while !stream.is_empty() {
                    black_box(v4::Packet::read(stream, PACKET_BYTES_MAX).unwrap());
                    count += 1;
                }
            }
            Self::Rmqtt => {
                let mut codec = v3::Codec::default();
                while let Some(packet) = codec.decode(stream).unwrap() {
                    black_box(packet);
                    count += 1;
                }
            }
        }
        count
    }

    /// `packet`, whose bytes are `bytes`, as this codec holds it.
    ///
    /// # Panics
    ///
    /// If the codec does not read it.
    pub fn hold<'a>(self, packet: &Packet<'a>, bytes: &[u8]) -> Held<'a> {
        let mut stream = BytesMut::from(bytes);
        match self {
            Self::Ours => Held::Ours(packet.clone()),
            Self::Rumqttd => {
                let read = V4.read_mut(&mut stream, PACKET_BYTES_MAX);
                Held::Rumqttd(Box::new(read.unwrap()))
            }
            Self::Rumqttc => {
                let read = v4::Packet::read(&mut stream, PACKET_BYTES_MAX);
                Held::Rumqttc(Box::new(read.unwrap()))
            }
            Self::Rmqtt => {
                let read = v3::Codec::default().decode(&mut stream);
                Held::Rmqtt(Box::new(read.unwrap().unwrap().0))
            }
        }
    }
}

/// What all codecs write to.
#[derive(Debug, Default)]
pub struct Output {
    ours: Vec<u8>,
    theirs: BytesMut,
}

impl Output {
    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        if self.ours.is_empty() {
            &self.theirs
        } else {
            &self.ours
        }
    }

    /// Empties it, and keeps its room.
    pub fn clear(&mut self) {
        self.ours.clear();
        self.theirs.clear();
    }

    /// Writes a packet. Two of the codecs take it by value: their packets are cloned, which counts buffers
    /// and copies none.
    ///
    /// # Panics
    ///
    /// If the codec cannot write what it read.
    pub fn write(&mut self, packet: &Held<'_>) {
        match packet {
            Held::Ours(packet) => encode(packet, &mut self.ours),
            Held::Rumqttd(packet) => {
                V4.write((**packet).clone(), &mut self.theirs).unwrap();
            }
            Held::Rumqttc(packet) => {
                packet.write(&mut self.theirs, PACKET_BYTES_MAX).unwrap();
            }
            Held::Rmqtt(packet) => {
                let packet = (**packet).clone();
                v3::Codec::default()
                    .encode(packet, &mut self.theirs)
                    .unwrap();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets;

    #[test]
    fn every_codec_reads_and_writes_the_packets_that_are_measured() {
        for (name, packet) in packets::all() {
            let bytes = packets::bytes(&packet);
            for codec in ALL {
                let mut stream = BytesMut::from(bytes.repeat(3).as_slice());
                assert_eq!(codec.read_all(&mut stream), 3, "{codec:?} {name}");
                let mut output = Output::default();
                output.write(&codec.hold(&packet, &bytes));
                assert_eq!(output.bytes(), bytes, "{codec:?} {name}");
            }
        }
    }
}
