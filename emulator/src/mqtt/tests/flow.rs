//! Packets in and out of an open connection: order, cuts, pressure, effects.

use hub_core::HubError;

use super::support::{
    Bench, CONNACK, Connect, DISCONNECT, PINGREQ, PINGRESP, packet, puback, publish, suback,
    subscribe, telemetry,
};

#[tokio::test(start_paused = true)]
async fn packets_that_arrive_byte_by_byte_mean_the_same() {
    // CON-9
    let bench = Bench::new();
    let mut device = bench.dial();
    let bytes = [
        Connect::of("dev1").packet(),
        telemetry("dev1", Some(1), "one"),
        telemetry("dev1", Some(2), "two"),
        PINGREQ.to_vec(),
    ];
    for byte in bytes.concat() {
        device.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    device
        .expect(&[CONNACK, &puback(1), &puback(2), PINGRESP].concat())
        .await;
    assert_eq!(bench.telemetry(), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn packets_sent_ahead_of_connack_are_answered_in_their_order() {
    let bench = Bench::new();
    let mut device = bench.dial();
    let (mut bytes, mut answers) = (Connect::of("dev1").packet(), CONNACK.to_vec());
    bytes.extend(subscribe(
        9,
        &[("$iothub/twin/res/#", 0), ("$iothub/methods/POST/#", 1)],
    ));
    answers.extend(suback(9, &[0, 1]));
    for id in 1..=500 {
        bytes.extend(telemetry("dev1", Some(id), "x"));
        answers.extend(puback(id));
    }
    bytes.extend(DISCONNECT);
    device.send(&bytes).await;
    device.expect(&answers).await;
    device.expect_closed().await;
    assert_eq!(bench.telemetry().len(), 500);
}

#[tokio::test(start_paused = true)]
async fn a_qos_2_subscription_is_granted_as_qos_1() {
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    device
        .send(&subscribe(1, &[("devices/dev1/messages/devicebound/#", 2)]))
        .await;
    device.expect(&suback(1, &[1])).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_does_not_know_closes_the_connection_without_a_word() {
    let bench = Bench::new();
    bench.register("dev2");
    let large = "x".repeat(256 * 1024 + 1);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a foreign topic", publish("a/b", Some(1), "")),
        ("another device's topic", telemetry("dev2", Some(1), "")),
        ("a filter of everything", subscribe(1, &[("#", 0)])),
        (
            "one bad filter of two",
            subscribe(1, &[("$iothub/twin/res/#", 0), ("x", 0)]),
        ),
        (
            "a twin GET without rid",
            publish("$iothub/twin/GET/", Some(1), ""),
        ),
        ("QoS 2", packet(0x34, b"\x00\x01a\x00\x01")),
        ("a message too large", telemetry("dev1", Some(1), &large)),
        (
            "a packet of a size that cannot be meant",
            vec![0x30, 0xff, 0xff, 0xff, 0x7f],
        ),
        ("a packet of a server", CONNACK.to_vec()),
    ];
    let count = cases.len();
    for (fault, bytes) in cases {
        let mut device = bench.dial();
        device
            .send(
                &Connect {
                    clean_session: true,
                    ..Connect::of("dev1")
                }
                .packet(),
            )
            .await;
        device.expect(CONNACK).await;
        // The PINGREQ behind the fault is not answered.
        device.send(&[&bytes, PINGREQ].concat()).await;
        let answer = device.read_to_end().await;
        assert!(answer.is_empty(), "{fault}: {}", answer.escape_ascii());
    }
    assert_eq!(bench.disconnects().len(), count);
    assert!(bench.telemetry().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_of_the_largest_size_is_taken() {
    // CON-12
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    let body = "x".repeat(256 * 1024);
    device.send(&telemetry("dev1", Some(1), &body)).await;
    device.expect(&puback(1)).await;
    assert_eq!(bench.telemetry(), [body]);
}

#[tokio::test(start_paused = true)]
async fn a_twin_is_read_and_reported_over_the_connection() {
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    device
        .send(&subscribe(1, &[("$iothub/twin/res/#", 0)]))
        .await;
    device.expect(&suback(1, &[0])).await;
    let patch = "$iothub/twin/PATCH/properties/reported/?$rid=r1";
    device
        .send(&publish(patch, None, r#"{"state":"up"}"#))
        .await;
    let answer = device.message().await;
    assert_eq!(answer.topic, "$iothub/twin/res/204/?$rid=r1&$version=2");
    assert_eq!(answer.payload, "");
    device
        .send(&publish("$iothub/twin/GET/?$rid=r2", None, " "))
        .await;
    let answer = device.message().await;
    assert_eq!(answer.topic, "$iothub/twin/res/200/?$rid=r2");
    assert_eq!(
        answer.payload,
        r#"{"desired":{"$version":1},"reported":{"state":"up","$version":2}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_method_goes_out_and_its_answer_comes_back_to_the_caller() {
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    device
        .send(&subscribe(1, &[("$iothub/methods/POST/#", 0)]))
        .await;
    device.expect(&suback(1, &[0])).await;
    let call = bench.invoke("dev1", "reboot", br#"{"delay": 1}"#);
    let request = device.message().await;
    assert_eq!(
        (request.first, request.payload.as_str()),
        (0x30, r#"{"delay": 1}"#)
    );
    let rid = request
        .topic
        .strip_prefix("$iothub/methods/POST/reboot/?$rid=")
        .unwrap();
    let answer = format!("$iothub/methods/res/200/?$rid={rid}");
    device
        .send(&publish(&answer, Some(5), r#"{"ok":true}"#))
        .await;
    device.expect(&puback(5)).await;
    let result = call.await.unwrap().unwrap();
    assert_eq!(
        (result.status, result.payload.as_slice()),
        (200, br#"{"ok":true}"#.as_slice())
    );
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_method_ends_by_the_shards_own_timer() {
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    device
        .send(&subscribe(1, &[("$iothub/methods/POST/#", 0)]))
        .await;
    device.expect(&suback(1, &[0])).await;
    let started = tokio::time::Instant::now();
    let result = bench.invoke("dev1", "ping", b"null").await.unwrap();
    assert_eq!(result, Err(HubError::MethodTimedOut));
    assert_eq!(started.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_does_not_read_is_cut_off_and_its_calls_end() {
    // CON-10
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    device
        .send(&subscribe(1, &[("$iothub/methods/POST/#", 0)]))
        .await;
    device.expect(&suback(1, &[0])).await;
    let payload = format!("\"{}\"", "x".repeat(120 * 1024));
    let calls: Vec<_> = (0..20)
        .map(|_| bench.invoke("dev1", "ping", payload.as_bytes()))
        .collect();
    let started = tokio::time::Instant::now();
    for call in calls {
        assert!(call.await.unwrap().is_err());
    }
    assert!(
        started.elapsed().as_secs() < 30,
        "the calls did not wait for their time-out"
    );
    let reason = &bench.disconnects()[0];
    assert!(
        reason.starts_with("the device does not read its messages: "),
        "{reason}"
    );
    drop(device);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_does_not_read_is_not_read_from_either() {
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    // Each PINGREQ is answered; the answers fill the stream and then the mailbox up to its mark.
    let pings = PINGREQ.repeat(512 * 1024);
    let sending = device.send(&pings);
    let stuck = tokio::time::timeout(std::time::Duration::from_secs(1), sending).await;
    assert!(stuck.is_err(), "the hub must stop reading");
    // It goes on once the device reads, and is none the worse.
    let answers = PINGRESP.repeat(8 * 1024);
    device.expect(&answers).await;
    assert!(bench.disconnects().is_empty());
}

/// What a connection costs while nothing happens on it, but for its stream's own part.
#[tokio::test(start_paused = true)]
async fn a_connection_holds_no_more_than_it_needs_when_idle() {
    let (io, _client) = tokio::io::duplex(1);
    let stream = size_of_val(&io);
    let connection = crate::mqtt::serve(io, Bench::new().arrival());
    let bytes = size_of_val(&connection) - stream;
    assert!(bytes <= 400, "{bytes}");
}
