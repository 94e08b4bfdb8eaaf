//! What the codecs agree on, and where ours is stricter.

use std::fmt::Write as _;

use hub_proto::mqtt::decode::decode;
use proptest::prelude::*;

use super::{rmqtt, rumqttc};
use crate::mqtt_packets::{MAX, any_packet, encoded};
use crate::mqtt_vectors::{BROKEN, broken_connects};

proptest! {
    #[test]
    fn independent_codecs_read_our_packets_and_we_read_theirs(packet in any_packet()) {
        let bytes = encoded(&packet);
        for theirs in [
            rumqttc::read_and_write(&packet, &bytes),
            rmqtt::read_and_write(&packet, &bytes),
        ] {
            let (decoded, consumed) = decode(&theirs, MAX).unwrap().unwrap();
            prop_assert_eq!(consumed, theirs.len());
            packet.assert_is(&decoded);
        }
    }
}

/// Everything here breaks a clause of the specification, and ours refuses it. What an oracle accepts of it
/// is written down, so that nobody takes its leniency for an agreement.
#[test]
fn it_is_known_where_others_are_more_lenient() {
    let broken = BROKEN
        .iter()
        .map(|(bytes, why)| (bytes.to_vec(), why.clone()));
    let mut table = String::from("rumqttc rmqtt-codec\n");
    for (bytes, why) in broken.chain(broken_connects()) {
        assert_eq!(decode(&bytes, MAX).as_ref(), Err(&why));
        let word = |accepts| if accepts { "accepts" } else { "-" };
        let theirs = [rumqttc::accepts(&bytes), rmqtt::accepts(&bytes)].map(word);
        if theirs != ["-", "-"] {
            let [first, second] = theirs;
            writeln!(table, "{first:<8}{second:<12}{why}: {bytes:02x?}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}
