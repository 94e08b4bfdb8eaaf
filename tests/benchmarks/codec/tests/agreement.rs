//! rumqttd's codec as a judge of ours, over the packets that hub-proto's own tests generate. The lighter
//! codecs judge there.

#[path = "../../../../emulator/hub-proto/tests/it/mqtt_packets.rs"]
mod mqtt_packets;

use bytes::BytesMut;
use hub_proto::mqtt::decode::decode;
use proptest::prelude::*;
use rumqttd::protocol::v4::V4;
use rumqttd::protocol::{Packet, Protocol as _};

use mqtt_packets::{MAX, Owned, any_packet, encoded};

proptest! {
    #[test]
    fn rumqttd_reads_our_packets_and_we_read_its(packet in any_packet()) {
        let bytes = encoded(&packet);
        let theirs = V4.read_mut(&mut BytesMut::from(&bytes[..]), MAX).unwrap();
        // Its quality of service and packet id are private: they show in what it writes.
        if let (Owned::Publish { topic, payload, retain, .. }, Packet::Publish(theirs, _)) = (&packet, &theirs) {
            prop_assert_eq!(&theirs.topic[..], topic.as_bytes());
            prop_assert_eq!(&theirs.payload[..], &payload[..]);
            prop_assert_eq!(theirs.retain, *retain);
        }
        let mut written = BytesMut::new();
        V4.write(theirs, &mut written).unwrap();
        let (decoded, consumed) = decode(&written, MAX).unwrap().unwrap();
        prop_assert_eq!(consumed, written.len());
        packet.assert_is(&decoded);
    }
}
