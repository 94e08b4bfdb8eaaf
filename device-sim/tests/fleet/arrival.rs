//! Coming, going, and what is measured of it.

use std::time::Duration;

use device_sim::fleet::{Arrival, Selection};
use device_sim::metrics::Phase;
use device_sim::netem::NetworkProfile;
use tokio::time::Instant;

use crate::paper_hub::{PaperHub, fleet, online};

const ALL: Selection = Selection::All;

#[tokio::test(start_paused = true)]
async fn a_burst_is_online_at_once_and_says_goodbye_when_shut_down() {
    let hub = PaperHub::start();
    let mut fleet = fleet(&hub, 200, Arrival::Burst, NetworkProfile::GOOD);
    fleet.start(&Selection::Autostart);
    online(&fleet, &ALL).await;
    let counts = fleet.metrics().counts;
    assert_eq!(
        (counts.devices, counts.running, counts.online),
        (200, 200, 200)
    );
    assert_eq!(
        (counts.dials, counts.connects, counts.onlines),
        (200, 200, 200)
    );
    assert_eq!(fleet.metrics().generator_bottleneck(), None);
    assert!(counts.bytes_sent > 200 * 100 && counts.bytes_received >= 200 * 8);
    fleet.shutdown().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(hub.count("goodbye"), 200);
    assert_eq!(hub.count("end"), 200);
}

#[tokio::test(start_paused = true)]
async fn devices_come_at_their_rate() {
    let hub = PaperHub::start();
    let mut fleet = fleet(&hub, 5, Arrival::Rate(10.0), NetworkProfile::GOOD);
    fleet.start(&ALL);
    online(&fleet, &ALL).await;
    assert_eq!(hub.times_ms("connect"), [0, 100, 200, 300, 400]);
    fleet.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_phases_show_what_the_network_takes() {
    let hub = PaperHub::start();
    let delay = Duration::from_millis(100);
    let network = NetworkProfile {
        delay_least: delay,
        delay_most: delay,
        cuts_per_minute: 0.0,
    };
    let mut fleet = fleet(&hub, 20, Arrival::Burst, network);
    fleet.start(&ALL);
    online(&fleet, &ALL).await;
    let metrics = fleet.metrics();
    // A round trip each for the socket, CONNECT and SUBSCRIBE.
    for (phase, expected_ms) in [
        (Phase::Tcp, 200),
        (Phase::Connect, 200),
        (Phase::Subscribe, 200),
        (Phase::Online, 600),
    ] {
        let summary = metrics.phase(phase);
        assert_eq!(summary.count, 20, "{phase:?}");
        let ms = summary.p50.as_millis();
        assert!(
            (expected_ms..expected_ms + 8).contains(&ms),
            "{phase:?} {ms}"
        );
    }
    assert_eq!(metrics.phase(Phase::Tls).count, 0);
    let stopping = Instant::now();
    fleet.shutdown().await;
    // The goodbye crosses the network before the socket closes.
    assert!(stopping.elapsed() >= delay);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(hub.count("goodbye"), 20);
}

#[tokio::test(start_paused = true)]
async fn stopped_devices_are_offline_and_start_again_as_new() {
    let hub = PaperHub::start();
    let mut fleet = fleet(&hub, 3, Arrival::Burst, NetworkProfile::GOOD);
    let second = Selection::Devices(vec!["d2".into(), "nobody".into()]);
    fleet.start(&ALL);
    online(&fleet, &ALL).await;
    fleet.stop(&second);
    fleet.stopped(&second).await;
    let counts = fleet.metrics().counts;
    assert_eq!((counts.online, counts.running), (2, 2));
    fleet.start(&ALL);
    online(&fleet, &ALL).await;
    let counts = fleet.metrics().counts;
    assert_eq!((counts.online, counts.started), (3, 4));
    // A start in the middle of a goodbye counts too.
    fleet.stop(&second);
    fleet.start(&second);
    tokio::time::sleep(Duration::from_secs(1)).await;
    online(&fleet, &ALL).await;
    assert_eq!(hub.count("connect"), 5);
    fleet.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_is_dropped_vanishes_without_a_goodbye() {
    let hub = PaperHub::start();
    let mut fleet = fleet(&hub, 3, Arrival::Burst, NetworkProfile::GOOD);
    fleet.start(&ALL);
    online(&fleet, &ALL).await;
    drop(fleet);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((hub.count("goodbye"), hub.count("end")), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn devices_keep_alive_over_a_day_and_renew_their_tokens_in_order() {
    let hub = PaperHub::start();
    let mut fleet = fleet(&hub, 1, Arrival::Burst, NetworkProfile::GOOD);
    fleet.start(&ALL);
    tokio::time::sleep(Duration::from_hours(24)).await;
    // Tokens live an hour and are renewed when 85 % are over.
    assert_eq!(hub.count("connect"), 1 + 24 * 60 / 51);
    assert!(hub.count("ping") > 2500, "{}", hub.count("ping"));
    let order: Vec<&str> = hub
        .heard()
        .iter()
        .map(|heard| heard.what)
        .filter(|what| ["connect", "goodbye", "end"].contains(what))
        .take(4)
        .collect();
    assert_eq!(order, ["connect", "goodbye", "end", "connect"]);
    assert_eq!(fleet.metrics().counts.losses, 0);
}
