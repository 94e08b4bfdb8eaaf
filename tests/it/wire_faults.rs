//! What each fault of a device ends in: the connection closes without a reply, and only that one.

use hubnerite_tests::wire::{Next, frame, publish, subscribe};
use hubnerite_tests::{Connect, Packet, TestHub};

const EVENTS: &str = "devices/d/messages/events/";

const RESPONSES: &str = "$iothub/twin/res/#";

/// Each of these bytes, sent by a device that was let in, ends its connection and no other.
async fn each_closes(faults: &[(&str, Vec<u8>)]) {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let (key, bystander_key) = (
        rest.create_device("d").await,
        rest.create_device("by").await,
    );
    let mut bystander = hub.dial().await;
    bystander.log_in("by", &bystander_key).await;
    for (what, bytes) in faults {
        let mut wire = hub.dial().await;
        wire.log_in("d", &key).await;
        wire.send(bytes).await;
        assert_eq!(wire.next().await, Next::End, "{what}");
    }
    bystander.expect_quiet().await;
}

// SEMANTICS CON-8, CON-9, TOP-1
#[tokio::test]
async fn what_may_not_be_published_closes_the_connection() {
    let other = "devices/by/messages/events/";
    let for_hub = "devices/d/messages/devicebound/";
    let large = vec![b' '; 256 * 1024 + 1];
    each_closes(&[
        ("QoS 2", publish(0b100, EVENTS, 1, b"{}")),
        ("QoS 3", publish(0b110, EVENTS, 1, b"{}")),
        ("DUP at QoS 0", publish(0b1000, EVENTS, 0, b"{}")),
        ("packet identifier 0", publish(0b010, EVENTS, 0, b"{}")),
        ("a topic of nobody", publish(0, "hello", 0, b"{}")),
        ("a topic of another device", publish(0, other, 0, b"{}")),
        ("a topic that is for the hub", publish(0, for_hub, 0, b"{}")),
        (
            "a topic in another case",
            publish(0, "DEVICES/d/messages/events/", 0, b"{}"),
        ),
        ("more than 256 KiB", publish(0b010, EVENTS, 1, &large)),
        (
            "no such twin verb",
            publish(0, "$iothub/twin/POST/?$rid=1", 0, b""),
        ),
        (
            "a GET without $rid",
            publish(0, "$iothub/twin/GET/", 0, b""),
        ),
        (
            "a GET of a part",
            publish(0, "$iothub/twin/GET/reported/?$rid=1", 0, b""),
        ),
        (
            "a topic that is not UTF-8",
            frame(0x30, &[0, 2, 0xff, 0xfe]),
        ),
        (
            "a topic longer than its packet",
            frame(0x30, &[0xff, 0xff, b'x']),
        ),
    ])
    .await;
}

// SEMANTICS CON-9, TOP-2
#[tokio::test]
async fn what_may_not_be_subscribed_closes_the_connection() {
    each_closes(&[
        ("everything", subscribe(1, &[("#", 0)])),
        ("one level of everything", subscribe(1, &[("+", 0)])),
        (
            "another device",
            subscribe(1, &[("devices/by/messages/devicebound/#", 1)]),
        ),
        (
            "telemetry",
            subscribe(1, &[("devices/d/messages/events/#", 1)]),
        ),
        (
            "one bad filter of two",
            subscribe(1, &[(RESPONSES, 0), ("x", 0)]),
        ),
        ("no filter", subscribe(1, &[])),
        ("QoS 3", subscribe(1, &[(RESPONSES, 3)])),
        (
            "its flags wrong",
            frame(0x80, &subscribe(1, &[(RESPONSES, 0)])[2..]),
        ),
        ("UNSUBSCRIBE without a filter", frame(0xa2, &[0, 1])),
    ])
    .await;
}

// SEMANTICS CON-3, CON-9
#[tokio::test]
async fn a_packet_that_is_none_of_a_clients_closes_the_connection() {
    let connect = Connect::of("127.0.0.1", "d", "a2V5").bytes();
    each_closes(&[
        ("a second CONNECT", connect),
        ("a packet that only servers send", frame(0x20, &[0, 0])),
        ("a packet type that does not exist", frame(0xf0, &[])),
        ("packet type 0", frame(0x00, &[])),
        (
            "a length of five bytes",
            vec![0x30, 0x80, 0x80, 0x80, 0x80, 0x01],
        ),
    ])
    .await;
}

// SEMANTICS CON-3
#[tokio::test]
async fn the_first_packet_is_connect_or_the_connection_closes() {
    let hub = TestHub::start().await;
    for (what, bytes) in [
        ("PINGREQ", vec![0xc0, 0]),
        ("PUBLISH", publish(0, EVENTS, 0, b"{}")),
        ("HTTP", b"GET / HTTP/1.1\r\n".repeat(9)),
        (
            "a CONNECT longer than any",
            vec![0x10, 0xff, 0xff, 0xff, 0x7f],
        ),
        (
            "a CONNECT with its reserved flag",
            frame(0x10, b"\0\x04MQTT\x04\x01\0\x3c\0\x01d"),
        ),
        (
            "a CONNECT of no known protocol",
            frame(0x10, b"\0\x04AMQP\x04\x02\0\x3c\0\x01d"),
        ),
    ] {
        let mut wire = hub.dial().await;
        wire.send(&bytes).await;
        assert_eq!(wire.next().await, Next::End, "{what}");
    }
}

#[tokio::test]
async fn an_ill_will_is_refused() {
    let hub = TestHub::start().await;
    let key = hub.rest().create_device("d").await;
    for (topic, qos) in [
        ("devices/other/messages/events/", 0),
        ("hello", 1),
        (EVENTS, 2),
    ] {
        let will = Some((topic.to_owned(), b"bye".to_vec(), qos));
        let mut wire = hub.dial().await;
        wire.send(
            &Connect {
                will,
                ..Connect::of(&hub.host(), "d", &key)
            }
            .bytes(),
        )
        .await;
        let mut next = wire.next().await;
        // The hub may say why with a return code first.
        if matches!(&next, Next::Packet(Packet { first: 0x20, body }) if body[1] != 0) {
            next = wire.next().await;
        }
        assert_eq!(next, Next::End, "{topic} at QoS {qos}");
    }
}
