//! Device-to-cloud messages.

use hub_core::{EventKind, HubError, Telemetry};
use hub_proto::raw_bag::RawBag;

use crate::support::*;

#[test]
fn a_message_is_a_fact_with_its_properties() {
    let mut hub = hub_listening(&[]);
    let message = Telemetry {
        bag: "%24.mid=m1&a=1&b",
        payload: b"\xFF",
        retain: false,
        dup: false,
    };
    assert_eq!(
        hub.shard.telemetry(at(3), &client("d1"), LINK, message),
        Ok(())
    );
    let properties = RawBag::new("%24.mid=m1&a=1&b");
    assert_eq!(
        hub.facts(),
        [EventKind::Telemetry {
            properties,
            payload: b"\xFF".to_vec()
        }]
    );
    assert_eq!(hub.device().last_activity, at(3).wall);
}

#[test]
fn retain_and_dup_become_properties() {
    // CON-12
    let mut hub = hub_listening(&[]);
    let message = Telemetry {
        bag: "",
        payload: b"",
        retain: true,
        dup: true,
    };
    hub.shard
        .telemetry(T0, &client("d1"), LINK, message)
        .unwrap();
    let properties = RawBag::new("mqtt-retain=true&mqtt-dup=true");
    assert_eq!(
        hub.facts(),
        [EventKind::Telemetry {
            properties,
            payload: Vec::new()
        }]
    );
}

#[test]
fn a_message_and_its_properties_have_at_most_256_kib() {
    // CON-12
    let mut hub = hub_listening(&[]);
    let mut send = |bytes: usize| {
        // `%24.mid` counts its value, `a` its name and its value: four bytes in all.
        let (bag, payload) = ("%24.mid=m1&a=1", vec![0; bytes - 4]);
        let message = Telemetry {
            bag,
            payload: &payload,
            retain: true,
            dup: false,
        };
        hub.shard.telemetry(T0, &client("d1"), LINK, message)
    };
    assert_eq!(send(262_144), Ok(()));
    let (what, max) = ("the message", 262_144);
    assert_eq!(
        send(262_145),
        Err(HubError::TooLarge {
            what,
            bytes: 262_145,
            max
        })
    );
}
