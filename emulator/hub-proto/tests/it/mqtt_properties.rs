//! The codec over generated packets: there and back, over any cut of a stream, and never a panic.

use hub_proto::mqtt::decode::decode;
use hub_proto::mqtt::encode::{encode, encode_publish};
use hub_proto::mqtt::packet::{Packet, Publish};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::mqtt_packets::{MAX, Owned, any_packet, encoded, publish};

proptest! {
    #[test]
    fn every_packet_decodes_to_what_was_encoded(packet in any_packet()) {
        let bytes = encoded(&packet);
        let (decoded, consumed) = decode(&bytes, MAX).unwrap().unwrap();
        prop_assert_eq!(consumed, bytes.len());
        packet.assert_is(&decoded);
        let mut again = Vec::new();
        encode(&decoded, &mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_packets(
        packets in vec(any_packet(), 1..6),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream: Vec<u8> = packets.iter().flat_map(encoded).collect();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        ends.push(stream.len());
        ends.sort_unstable();
        let (mut start, mut seen) = (0, 0);
        for end in ends {
            while let Some((packet, consumed)) = decode(&stream[start..end], MAX).unwrap() {
                packets[seen].assert_is(&packet);
                start += consumed;
                seen += 1;
            }
        }
        prop_assert_eq!((start, seen), (stream.len(), packets.len()));
    }

    #[test]
    fn a_mutated_packet_never_panics_the_decoder(
        packet in any_packet(),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encoded(&packet);
        for (place, byte) in mutations {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        hub_proto::fuzz::decode_stream(&bytes);
        hub_proto::fuzz::decode_encode_decode(&bytes);
    }

    #[test]
    fn a_topic_printed_in_place_gives_the_same_bytes(packet in publish()) {
        let Owned::Publish { dup, delivery, topic, payload, .. } = &packet else { unreachable!() };
        let mut bytes = Vec::new();
        encode_publish(&mut bytes, *delivery, *dup, |out| out.extend(topic.bytes()), payload);
        let plain = Packet::Publish(Publish { dup: *dup, delivery: *delivery, retain: false, topic, payload });
        let mut expected = Vec::new();
        encode(&plain, &mut expected);
        prop_assert_eq!(bytes, expected);
    }
}
