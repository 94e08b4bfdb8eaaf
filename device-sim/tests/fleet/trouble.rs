//! Trouble on the way, as device and hub see it.

use std::time::Duration;

use device_sim::fleet::{Arrival, Fleet, Selection};
use device_sim::netem::{NetworkProfile, Trouble};
use tokio::time::sleep;

use crate::paper_hub::{Heard, PaperHub, fleet, online};

const ALL: Selection = Selection::All;
const SECOND: Duration = Duration::from_secs(1);

/// Two devices online; the first has trouble for ten seconds from second 1 on.
async fn troubled(trouble: Trouble) -> (PaperHub, Fleet) {
    let hub = PaperHub::start();
    let mut fleet = fleet(&hub, 2, Arrival::Burst, NetworkProfile::GOOD);
    fleet.start(&ALL);
    online(&fleet, &ALL).await;
    sleep(SECOND).await;
    let first = Selection::Devices(vec!["d1".into()]);
    fleet.fault(&first, trouble, SECOND * 10);
    (hub, fleet)
}

/// What the hub heard of the first device after its first subscription.
fn story(hub: &PaperHub) -> Vec<(&'static str, u64)> {
    let heard = hub.heard();
    let heard = heard.iter();
    let heard = heard.filter(|heard| heard.device == "d1" && heard.what != "twin");
    heard
        .map(|heard| (heard.what, heard.at.as_secs()))
        .skip(2)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_dropped_device_comes_back_by_itself() {
    let (hub, fleet) = troubled(Trouble::Drop).await;
    sleep(SECOND * 5).await;
    assert_eq!(story(&hub)[0], ("end", 1));
    assert_eq!(story(&hub)[1].0, "connect");
    let metrics = fleet.metrics();
    assert_eq!((metrics.counts.online, metrics.counts.losses), (2, 1));
    assert_eq!(metrics.losses["the connection was cut"], 1);
    assert_eq!(hub.count("end"), 1, "the other device is untroubled");
}

#[tokio::test(start_paused = true)]
async fn a_refused_device_comes_back_when_the_refusal_is_over() {
    let (hub, fleet) = troubled(Trouble::Refuse).await;
    sleep(SECOND * 9).await;
    assert_eq!(story(&hub), [("end", 1)]);
    assert!(fleet.metrics().counts.dial_failures >= 2);
    assert_eq!(fleet.metrics().counts.online, 1);
    sleep(SECOND * 40).await;
    assert_eq!(story(&hub)[1].0, "connect");
    assert_eq!(fleet.metrics().counts.online, 2);
}

#[tokio::test(start_paused = true)]
async fn in_a_partition_neither_hears_the_other_until_the_connection_ends_with_it() {
    let (hub, fleet) = troubled(Trouble::Partition).await;
    sleep(SECOND * 9).await;
    assert_eq!(story(&hub), []);
    assert_eq!(fleet.metrics().counts.online, 2, "the device does not know");
    sleep(SECOND * 40).await;
    assert_eq!(story(&hub)[0], ("end", 11));
    assert_eq!(story(&hub)[1].0, "connect");
}

#[tokio::test(start_paused = true)]
async fn a_device_stopped_on_a_half_open_connection_is_not_heard_to_go() {
    let (hub, mut fleet) = troubled(Trouble::HalfOpen).await;
    let first = Selection::Devices(vec!["d1".into()]);
    fleet.fault(&first, Trouble::HalfOpen, SECOND * 100);
    // At 30 s the device would have said something: its keep-alive is 60 s.
    sleep(SECOND * 55).await;
    assert_eq!(story(&hub), [], "not even the silence is heard");
    sleep(SECOND * 15).await;
    // No PINGRESP came within 30 s. The device has given up and is back on a connection that works,
    // while the hub still holds the old one.
    let told: Vec<&str> = story(&hub).iter().map(|(what, _)| *what).collect();
    assert_eq!(told, ["connect", "subscribe"]);
    assert_eq!(fleet.metrics().counts.online, 2);
    sleep(SECOND * 60).await;
    assert!(story(&hub).contains(&("end", 101)), "{:?}", story(&hub));
}

#[tokio::test(start_paused = true)]
async fn with_acknowledgements_lost_the_hub_hears_what_is_never_answered() {
    let hub = PaperHub::start();
    let mut fleet = fleet(&hub, 1, Arrival::Burst, NetworkProfile::GOOD);
    // Trouble may begin before the device does.
    fleet.fault(&ALL, Trouble::LostAck, SECOND * 10);
    fleet.start(&ALL);
    sleep(SECOND * 9).await;
    assert_eq!(hub.count("connect"), 1);
    assert_eq!(hub.count("subscribe"), 0);
    assert_eq!(fleet.metrics().counts.connects, 0);
    sleep(SECOND * 5).await;
    assert_eq!(fleet.metrics().counts.online, 1);
}

#[tokio::test(start_paused = true)]
async fn in_slowness_everything_arrives_late() {
    let (hub, mut fleet) = troubled(Trouble::Slow(SECOND * 3)).await;
    let first = Selection::Devices(vec!["d1".into()]);
    fleet.stop(&first);
    fleet.stopped(&first).await;
    // Two seconds are all a goodbye may take; it is cut off then.
    assert_eq!(story(&hub), [("end", 3)]);
    fleet.fault(&first, Trouble::Slow(SECOND), SECOND * 10);
    fleet.start(&first);
    online(&fleet, &first).await;
    assert_eq!(story(&hub)[1..], [("connect", 6), ("subscribe", 8)]);
}

/// Everything at once, for the same seed, twice.
#[test]
fn the_same_seed_gives_the_same_story() {
    fn once() -> Vec<Heard> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let hub = PaperHub::start();
            let network = NetworkProfile {
                cuts_per_minute: 3.0,
                ..NetworkProfile::THREE_G
            };
            let mut fleet = fleet(&hub, 50, Arrival::Rate(20.0), network);
            fleet.start(&ALL);
            sleep(SECOND).await;
            fleet.fault(&ALL, Trouble::Slow(SECOND), SECOND * 5);
            sleep(SECOND * 10).await;
            fleet.fault(&ALL, Trouble::Refuse, SECOND * 5);
            sleep(SECOND * 300).await;
            fleet.shutdown().await;
            hub.heard()
        })
    }
    let first = once();
    assert!(first.len() > 1000, "{}", first.len());
    assert_eq!(first, once());
}
