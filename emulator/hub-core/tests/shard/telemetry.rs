//! Device-to-cloud messages.

use hub_core::{EventKind, HubError, Telemetry, TelemetryRefused};
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
        hub.shard.telemetry(at(3), &client("d1"), LINK, &[message]),
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
        .telemetry(T0, &client("d1"), LINK, &[message])
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
    let (fits, exceeds) = (vec![0; 262_140], vec![0; 262_141]);
    // `%24.mid` counts its value, `a` its name and its value: four bytes in all.
    let message = |payload| Telemetry {
        bag: "%24.mid=m1&a=1",
        payload,
        retain: true,
        dup: false,
    };
    let (fits, exceeds) = (message(&fits), message(&exceeds));
    let mut send = |messages: &[Telemetry<'_>]| {
        let sent = hub.shard.telemetry(T0, &client("d1"), LINK, messages);
        (sent, hub.facts().len())
    };
    assert_eq!(send(&[fits]), (Ok(()), 1));
    let (what, bytes, max) = ("the message", 262_145, 262_144);
    let error = HubError::TooLarge { what, bytes, max };
    let refused = Err(TelemetryRefused { taken: 1, error });
    assert_eq!(send(&[fits, exceeds, fits]), (refused, 1));
}
