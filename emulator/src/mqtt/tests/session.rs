//! What outlives a connection: subscriptions, undelivered messages; and who may have only one.

use hub_core::c2d::C2dMessage;
use hub_proto::property_bag::PropertyBag;

use super::support::{
    Bench, CONNACK, Connect, DISCONNECT, device_id, puback, suback, subscribe, telemetry, unsuback,
    unsubscribe,
};

const DEVICEBOUND: &str = "devices/dev1/messages/devicebound/#";

fn send_to_device(bench: &Bench, payload: &str) {
    let properties = PropertyBag::default();
    let message = C2dMessage {
        properties,
        payload: payload.into(),
        expires: None,
    };
    bench
        .hub
        .send_to_device(&device_id("dev1"), message)
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_newer_connection_of_a_device_wins_and_the_older_is_closed() {
    let bench = Bench::new();
    let mut older = bench.connect("dev1").await;
    older
        .send(&subscribe(1, &[("$iothub/methods/POST/#", 0)]))
        .await;
    older.expect(&suback(1, &[0])).await;
    let mut newer = bench.resume("dev1").await;
    older.expect_closed().await;
    newer.send(&telemetry("dev1", Some(7), "still here")).await;
    newer.expect(&puback(7)).await;
    assert_eq!(bench.disconnects(), ["the same device connected again"]);
    assert!(bench.hub.device(&device_id("dev1")).unwrap().connected);
}

#[tokio::test(start_paused = true)]
async fn a_resumed_session_keeps_its_subscriptions_and_a_clean_one_has_none() {
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    device
        .send(&subscribe(1, &[("$iothub/methods/POST/#", 0)]))
        .await;
    device.expect(&suback(1, &[0])).await;
    device.vanish().await;

    let mut device = bench.resume("dev1").await;
    let call = bench.invoke("dev1", "ping", b"1");
    assert!(
        device
            .message()
            .await
            .topic
            .starts_with("$iothub/methods/POST/ping/?$rid=")
    );
    device.vanish().await;
    assert!(call.await.unwrap().is_err());

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
    assert!(bench.invoke("dev1", "ping", b"1").await.unwrap().is_err());
    device.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_not_acknowledged_comes_again_marked_as_duplicate() {
    let bench = Bench::new();
    send_to_device(&bench, "turn left");
    send_to_device(&bench, "turn right");
    let mut device = bench.connect("dev1").await;
    device.send(&subscribe(1, &[(DEVICEBOUND, 1)])).await;
    // The SUBACK first, then at once what was queued, one at a time.
    device.expect(&suback(1, &[1])).await;
    let first = device.message().await;
    assert_eq!((first.first, first.payload.as_str()), (0x32, "turn left"));
    let bag = "%24.to=%2Fdevices%2Fdev1%2Fmessages%2FdeviceBound";
    assert_eq!(
        first.topic,
        format!("devices/dev1/messages/devicebound/{bag}")
    );
    device.expect_silence().await;
    device.vanish().await;

    // CONNACK first, then at once what is owed.
    let mut device = bench.resume("dev1").await;
    let again = device.message().await;
    assert_eq!((again.first, again.payload.as_str()), (0x3a, "turn left"));
    device.send(&puback(again.id.unwrap())).await;
    let second = device.message().await;
    assert_eq!(
        (second.first, second.payload.as_str()),
        (0x32, "turn right")
    );
    device.send(&puback(second.id.unwrap())).await;
    device.send(DISCONNECT).await;
    device.expect_closed().await;
    assert_eq!(
        bench.hub.device(&device_id("dev1")).unwrap().c2d_messages,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_runs_out_brings_the_message_again_on_the_same_connection() {
    let bench = Bench::new();
    let mut device = bench.dial();
    device
        .send(
            &Connect {
                keep_alive_s: 0,
                ..Connect::of("dev1")
            }
            .packet(),
        )
        .await;
    device.expect(CONNACK).await;
    device.send(&subscribe(1, &[(DEVICEBOUND, 1)])).await;
    device.expect(&suback(1, &[1])).await;
    send_to_device(&bench, "wake up");
    assert_eq!(device.message().await.first, 0x32);
    let started = tokio::time::Instant::now();
    // Nobody but the shard's own timer sees to this.
    assert_eq!(device.message().await.first, 0x3a);
    assert_eq!(
        started.elapsed().as_secs(),
        bench.hub.limits().c2d_lock.as_secs()
    );
}

#[tokio::test(start_paused = true)]
async fn an_unsubscribe_is_always_answered_and_ends_what_was_granted() {
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    for filter in [DEVICEBOUND, "never/granted/#"] {
        device.send(&unsubscribe(3, filter)).await;
        device.expect(&unsuback(3)).await;
    }
    device.send(&subscribe(4, &[(DEVICEBOUND, 0)])).await;
    device.expect(&suback(4, &[0])).await;
    device.send(&unsubscribe(5, DEVICEBOUND)).await;
    device.expect(&unsuback(5)).await;
    send_to_device(&bench, "unheard");
    device.expect_silence().await;
    assert_eq!(
        bench.hub.device(&device_id("dev1")).unwrap().c2d_messages,
        1
    );
}
