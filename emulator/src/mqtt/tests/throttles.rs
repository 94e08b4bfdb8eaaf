//! A hub with a tier, as its devices see it. Without a burst, S1 takes a message, a connection and a read
//! of a twin every 10 ms.

use std::time::Duration;

use hub_core::throttle::{Operation, Scale, Shaping, Tier};
use tokio::time::Instant;

use super::support::{
    Bench, CONNACK, Connect, Device, PINGREQ, PINGRESP, puback, publish, suback, subscribe,
    telemetry,
};
use crate::config::Throttling;

const MINUTE: Duration = Duration::from_mins(1);

fn bench(tier: Tier, queue: Duration) -> Bench {
    let bench = Bench::throttled(Throttling {
        scale: Scale::one(tier),
        shaping: Shaping {
            burst: Duration::ZERO,
            queue,
        },
    });
    bench.register("dev2");
    bench.register("dev3");
    bench
}

/// Lets so many others go first.
fn crowd(bench: &Bench, operation: Operation, count: u64) {
    let turn = bench.hub.admission().ask(operation, count);
    turn.unwrap().take();
}

/// Connections that came one after the other.
async fn connected(bench: &Bench, ids: &[&str]) -> Vec<Device> {
    let mut devices = Vec::new();
    for id in ids {
        devices.push(bench.connect(id).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    devices
}

async fn listening(bench: &Bench) -> Device {
    let mut device = bench.connect("dev1").await;
    device
        .send(&subscribe(1, &[("$iothub/twin/res/#", 0)]))
        .await;
    device.expect(&suback(1, &[0])).await;
    device
}

#[tokio::test(start_paused = true)]
async fn messages_too_many_are_acknowledged_late_and_in_order_and_hold_up_nobody_else() {
    // LIM-7
    let bench = bench(Tier::S1, MINUTE);
    let mut devices = connected(&bench, &["dev1", "dev2"]).await;
    let (mut other, mut device) = (devices.pop().unwrap(), devices.pop().unwrap());
    crowd(&bench, Operation::DeviceToCloudSend, 500);
    let started = Instant::now();
    device
        .send(
            &[
                telemetry("dev1", Some(1), "a"),
                telemetry("dev1", Some(2), "b"),
                PINGREQ.to_vec(),
            ]
            .concat(),
        )
        .await;
    other.send(PINGREQ).await;
    other.expect(PINGRESP).await;
    assert!(started.elapsed() < Duration::from_secs(1));
    device.expect_silence().await;
    tokio::time::sleep(Duration::from_millis(4_900)).await;
    device
        .expect(&[&puback(1)[..], &puback(2), PINGRESP].concat())
        .await;
    let took = started.elapsed().as_millis();
    assert!((5_000..5_040).contains(&took), "{took} ms");
    assert_eq!(bench.telemetry(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_for_which_there_is_no_place_ends_its_connection_unacknowledged() {
    // LIM-7
    let bench = bench(Tier::S1, Duration::from_millis(15));
    let mut devices = connected(&bench, &["dev1", "dev2", "dev3"]).await;
    for (device, id) in devices.iter_mut().zip(["dev1", "dev2", "dev3"]) {
        device.send(&telemetry(id, Some(1), id)).await;
    }
    devices.pop().unwrap().expect_closed().await;
    for device in &mut devices {
        device.expect(&puback(1)).await;
    }
    assert_eq!(bench.telemetry(), ["dev1", "dev2"]);
    assert_eq!(bench.disconnects(), ["the device was throttled"]);
}

#[tokio::test(start_paused = true)]
async fn a_twin_request_too_many_is_answered_with_429() {
    // LIM-7
    let bench = bench(Tier::S1, Duration::ZERO);
    let mut device = listening(&bench).await;
    let get = |rid: u8| publish(&format!("$iothub/twin/GET/?$rid={rid}"), None, "");
    let patch = "$iothub/twin/PATCH/properties/reported/?$rid=4";
    device.send(&[get(1), get(2)].concat()).await;
    assert_eq!(device.message().await.topic, "$iothub/twin/res/200/?$rid=1");
    let refused = device.message().await;
    assert_eq!(refused.topic, "$iothub/twin/res/429/?$rid=2");
    assert!(
        refused.payload.starts_with(r#"{"errorCode":429001,"#),
        "{}",
        refused.payload
    );
    assert!(
        refused.payload.contains("Operation type: TwinRead"),
        "{}",
        refused.payload
    );
    device.send(&publish(patch, Some(3), r#"{"a":1}"#)).await;
    assert!(
        device
            .message()
            .await
            .topic
            .starts_with("$iothub/twin/res/204/?$rid=4")
    );
    device.expect(&puback(3)).await;
    device.send(&publish(patch, Some(5), r#"{"a":2}"#)).await;
    assert_eq!(device.message().await.topic, "$iothub/twin/res/429/?$rid=4");
    device.expect(&puback(5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_too_many_waits_for_its_connack_or_gets_code_3() {
    // LIM-7
    let patient = bench(Tier::S1, MINUTE);
    crowd(&patient, Operation::Connect, 5_500);
    let (mut device, started) = (patient.dial(), Instant::now());
    device.send(&Connect::of("dev1").packet()).await;
    tokio::time::sleep(Duration::from_millis(54_900)).await;
    device.expect(CONNACK).await;
    assert_eq!(started.elapsed().as_secs(), 55);
    let curt = bench(Tier::S1, Duration::ZERO);
    crowd(&curt, Operation::Connect, 1);
    let mut device = curt.dial();
    device.send(&Connect::of("dev1").packet()).await;
    device.expect(&[0x20, 2, 0, 3]).await;
    device.expect_closed().await;
    let refusals = curt.events();
    let refusal = format!("{:?}", refusals.last().unwrap().kind);
    assert!(refusal.contains(r#"reason: "throttled""#), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_his_turn_is_not_ended_for_his_silence() {
    // LIM-7
    let bench = bench(Tier::S1, MINUTE);
    let mut device = bench.dial();
    let connect = Connect {
        keep_alive_s: 4,
        ..Connect::of("dev1")
    };
    device.send(&connect.packet()).await;
    device.expect(CONNACK).await;
    crowd(&bench, Operation::DeviceToCloudSend, 3_000);
    device.send(&telemetry("dev1", Some(1), "x")).await;
    tokio::time::sleep(Duration::from_millis(29_900)).await;
    device.expect(&puback(1)).await;
    // And from there on the silence counts.
    let started = Instant::now();
    device.expect_closed().await;
    assert_eq!(started.elapsed().as_secs(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_goes_away_while_it_waits_gives_up_its_place() {
    // LIM-7
    let bench = bench(Tier::S1, MINUTE);
    let mut device = bench.connect("dev1").await;
    crowd(&bench, Operation::DeviceToCloudSend, 3_000);
    let next = || {
        bench
            .hub
            .admission()
            .ask(Operation::DeviceToCloudSend, 1)
            .unwrap()
            .at()
    };
    let first = next();
    let started = Instant::now();
    device.send(&telemetry("dev1", Some(1), "x")).await;
    device.expect_silence().await;
    device.vanish().await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(next(), first);
    assert!(bench.telemetry().is_empty());
}

#[tokio::test(start_paused = true)]
async fn when_the_days_messages_are_used_up_sends_end_the_connection_and_twins_are_403() {
    // LIM-5 LIM-7
    let bench = bench(Tier::F1, MINUTE);
    let mut device = listening(&bench).await;
    device.send(&telemetry("dev1", Some(1), "x")).await;
    device.expect(&puback(1)).await;
    assert_eq!(bench.hub.messages_today(), 1);
    bench.hub.spend(8_000 * 512);
    device
        .send(&publish("$iothub/twin/GET/?$rid=1", None, ""))
        .await;
    let refused = device.message().await;
    assert_eq!(refused.topic, "$iothub/twin/res/403/?$rid=1");
    assert!(
        refused.payload.starts_with(r#"{"errorCode":403002,"#),
        "{}",
        refused.payload
    );
    device.send(&telemetry("dev1", Some(2), "y")).await;
    device.expect_closed().await;
    assert_eq!(
        bench.disconnects(),
        ["the hub's messages of the day are used up"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_basic_hub_has_no_twins_for_devices() {
    // LIM-4 LIM-7
    let bench = bench(Tier::B1, MINUTE);
    let mut device = listening(&bench).await;
    device
        .send(&publish("$iothub/twin/GET/?$rid=1", None, ""))
        .await;
    let refused = device.message().await;
    assert_eq!(refused.topic, "$iothub/twin/res/403/?$rid=1");
    assert!(
        refused.payload.starts_with(r#"{"errorCode":403010,"#),
        "{}",
        refused.payload
    );
}

#[tokio::test(start_paused = true)]
async fn a_hub_told_to_throttle_lets_nobody_in_until_the_time_is_over() {
    // LIM-9
    let bench = Bench::new();
    bench.hub.throttle_everything(Duration::from_secs(10));
    let mut early = bench.dial();
    early.send(&Connect::of("dev1").packet()).await;
    assert_eq!(early.read_to_end().await, [0x20, 2, 0, 3]);
    tokio::time::sleep(Duration::from_millis(10_001)).await;
    bench.connect("dev1").await;
}
