//! Telemetry, wills and cloud-to-device messages: MQTT bytes on the plain port.

use hubnerite_tests::wire::{puback, publish, subscribe, unsubscribe};
use hubnerite_tests::{Connect, Packet, TestHub};

fn to_device(device: &str) -> String {
    format!("devices/{device}/messages/devicebound/#")
}

// SEMANTICS CON-8, TOP-5
#[tokio::test]
async fn telemetry_is_acknowledged_at_qos_1_and_taken_at_both() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    for (device, flags) in [("quiet", 0), ("sure", 0b010)] {
        let key = rest.create_device(device).await;
        let mut wire = hub.dial().await;
        wire.log_in(device, &key).await;
        let topic = format!("devices/{device}/messages/events/%24.ct=text&alert=a%26b&empty=");
        wire.send(&publish(flags, &topic, 513, b"21.5")).await;
        if flags != 0 {
            assert_eq!(
                wire.packet().await,
                Packet {
                    first: 0x40,
                    body: vec![2, 1]
                }
            );
        }
        wire.expect_quiet().await;
        let (application, payload) = hub.telemetry(device).await;
        assert_eq!(payload, b"21.5");
        assert!(
            application.contains(&("alert".into(), Some("a&b".into()))),
            "{application:?}"
        );
        assert!(
            application.contains(&("empty".into(), Some(String::new()))),
            "{application:?}"
        );
    }
}

#[tokio::test]
async fn a_retained_message_is_told_by_a_property() {
    let hub = TestHub::start().await;
    let key = hub.rest().create_device("d").await;
    let mut wire = hub.dial().await;
    wire.log_in("d", &key).await;
    wire.send(&publish(0b001, "devices/d/messages/events/", 0, b"x"))
        .await;
    let (application, _) = hub.telemetry("d").await;
    assert!(
        application.contains(&("mqtt-retain".into(), Some("true".into()))),
        "{application:?}"
    );
}

// SEMANTICS CON-7
#[tokio::test]
async fn a_will_is_published_when_the_device_is_lost_and_not_when_it_says_goodbye() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    for device in ["polite", "lost"] {
        let key = rest.create_device(device).await;
        let topic = format!("devices/{device}/messages/events/k=v");
        let will = Some((topic, b"farewell".to_vec(), 1));
        let mut wire = hub.dial().await;
        wire.connect(&Connect {
            will,
            ..Connect::of(&hub.host(), device, &key)
        })
        .await;
        if device == "polite" {
            wire.send(&[0xe0, 0]).await;
            wire.expect_end().await;
        }
    }
    let (application, payload) = hub.telemetry("lost").await;
    assert_eq!(payload, b"farewell");
    assert!(
        application.contains(&("iothub-MessageType".into(), Some("Will".into()))),
        "{application:?}"
    );
    // What the polite one left would have come before.
    assert!(!hub.has_telemetry("polite"));
}

// SEMANTICS C2D-1, C2D-3
#[tokio::test]
async fn messages_wait_for_their_device_and_come_one_by_one_in_order() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let key = rest.create_device("d").await;
    let headers = [
        ("iothub-messageid", "m 1"),
        ("iothub-app-colour", "red/blue"),
        ("iothub-ack", "FULL"),
    ];
    rest.send_to_device("d", &headers, "first").await;
    rest.send_to_device("d", &[], "second").await;
    assert_eq!(rest.twin("d").await["cloudToDeviceMessageCount"], 2);

    let mut wire = hub.dial().await;
    wire.log_in("d", &key).await;
    wire.expect_quiet().await;
    assert_eq!(wire.subscribe(&to_device("d"), 1).await, 1);
    let (flags, topic, id, payload) = wire.publication().await;
    assert_eq!((flags, payload.as_slice()), (0b010, b"first".as_slice()));
    assert_ne!(id, 0);
    let bag = topic
        .strip_prefix("devices/d/messages/devicebound/")
        .expect(&topic);
    for property in [
        "%24.mid=m%201",
        "colour=red%2Fblue",
        "iothub-ack=full",
        "%24.to=%2Fdevices%2Fd%2Fmessages%2FdeviceBound",
    ] {
        assert!(
            bag.split('&').any(|found| found == property),
            "{property} is not in {bag}"
        );
    }
    assert!(
        bag.starts_with("%24."),
        "system properties come first: {bag}"
    );
    // The second one waits for the acknowledgement of the first.
    wire.expect_quiet().await;
    wire.send(&puback(id)).await;
    let (_, _, id, payload) = wire.publication().await;
    assert_eq!(payload, b"second");
    wire.send(&puback(id)).await;
    wire.expect_quiet().await;
    assert_eq!(rest.twin("d").await["cloudToDeviceMessageCount"], 0);
}

// SEMANTICS C2D-2
#[tokio::test]
async fn a_message_without_an_acknowledgement_comes_again_with_dup_after_reconnecting() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let key = rest.create_device("d").await;
    let mut first = hub.dial().await;
    first.log_in("d", &key).await;
    first.subscribe(&to_device("d"), 1).await;
    rest.send_to_device("d", &[], "again").await;
    let (flags, ..) = first.publication().await;
    assert_eq!(flags, 0b010);
    drop(first);

    // The session is resumed: no SUBSCRIBE is needed.
    let mut second = hub.dial().await;
    assert!(second.log_in("d", &key).await);
    let (flags, _, id, payload) = second.publication().await;
    assert_eq!((flags, payload.as_slice()), (0b1010, b"again".as_slice()));
    second.send(&puback(id)).await;
    second.expect_quiet().await;

    let mut third = hub.dial().await;
    assert!(third.log_in("d", &key).await);
    third.expect_quiet().await;
}

#[tokio::test]
async fn a_message_at_qos_0_is_done_when_it_is_sent() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let key = rest.create_device("d").await;
    let mut wire = hub.dial().await;
    wire.log_in("d", &key).await;
    assert_eq!(wire.subscribe(&to_device("d"), 0).await, 0);
    for body in ["one", "two"] {
        rest.send_to_device("d", &[], body).await;
        let (flags, _, _, payload) = wire.publication().await;
        assert_eq!((flags, payload.as_slice()), (0, body.as_bytes()));
    }
    assert_eq!(rest.twin("d").await["cloudToDeviceMessageCount"], 0);
}

// SEMANTICS C2D-1
#[tokio::test]
async fn the_queue_of_a_device_holds_fifty_messages() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    rest.create_device("d").await;
    for _ in 0..50 {
        rest.send_to_device("d", &[], "x").await;
    }
    let answer = rest
        .send(
            "POST",
            "/devices/d/messages/deviceBound",
            &[],
            b"x".to_vec(),
        )
        .await;
    let found = (answer.status, answer.error_code.as_deref());
    assert_eq!(
        found,
        (403, Some("DeviceMaximumQueueDepthExceeded")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn after_unsubscribing_messages_wait() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let key = rest.create_device("d").await;
    let mut wire = hub.dial().await;
    wire.log_in("d", &key).await;
    wire.subscribe(&to_device("d"), 1).await;
    // A filter that was never subscribed is acknowledged as well.
    wire.send(&unsubscribe(9, &[&to_device("d"), "$iothub/twin/res/#"]))
        .await;
    assert_eq!(
        wire.packet().await,
        Packet {
            first: 0xb0,
            body: vec![0, 9]
        }
    );
    rest.send_to_device("d", &[], "later").await;
    wire.expect_quiet().await;
    wire.send(&subscribe(1, &[(&to_device("d"), 1)])).await;
    assert_eq!(wire.packet().await.first, 0x90);
    assert_eq!(wire.publication().await.3, b"later");
}
