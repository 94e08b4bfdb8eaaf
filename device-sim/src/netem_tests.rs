//! The network between device and hub, judged by instants.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(ms: u64) -> Instant {
    Instant::from_start(Duration::from_millis(ms))
}

fn good() -> Network {
    let mut network = Network::new(NetworkProfile::GOOD, 1);
    network.handle_opened(at(0));
    network
}

fn arrived(network: &mut Network, now: Instant, way: Way) -> Vec<u8> {
    std::iter::from_fn(|| network.poll_arrived(now, way))
        .flatten()
        .collect()
}

#[test]
fn a_good_network_hands_on_at_once() {
    let mut network = good();
    for way in [Way::Up, Way::Down] {
        network.send(at(5), way, vec![1, 2]);
        assert_eq!(network.crossing_bytes(way), 2);
        assert_eq!(arrived(&mut network, at(5), way), [1, 2]);
        assert_eq!(network.crossing_bytes(way), 0);
    }
    assert_eq!(network.poll_deadline(), None);
    assert_eq!(network.dial(at(5)), Dialling::Reaches(Duration::ZERO));
}

#[test]
fn delays_stay_within_their_bounds_and_nothing_overtakes() {
    let profile = NetworkProfile {
        delay_least: Duration::from_millis(10),
        delay_most: Duration::from_millis(90),
        cuts_per_minute: 0.0,
    };
    let mut network = Network::new(profile, 3);
    network.handle_opened(at(0));
    for byte in 0..50 {
        network.send(at(u64::from(byte)), Way::Down, vec![byte]);
    }
    assert_eq!(arrived(&mut network, at(9), Way::Down), [0_u8; 0]);
    let mut seen = Vec::new();
    while let Some(due) = network.poll_deadline() {
        seen.extend(arrived(&mut network, due, Way::Down));
    }
    assert_eq!(seen, (0..50).collect::<Vec<u8>>());
    network.send(at(1000), Way::Up, vec![1]);
    let due = network.poll_deadline().unwrap();
    assert!((at(1010)..=at(1090)).contains(&due), "{due:?}");
    let Dialling::Reaches(round_trip) = network.dial(at(2000)) else {
        panic!("nothing is wrong");
    };
    assert!((20..=180).contains(&round_trip.as_millis()));
}

#[test]
fn connections_are_cut_as_often_as_the_profile_says_and_by_the_seed_alone() {
    let profile = NetworkProfile {
        cuts_per_minute: 2.0,
        ..NetworkProfile::GOOD
    };
    let lives = |seed| -> Vec<Duration> {
        let mut network = Network::new(profile, seed);
        let life = |_| {
            network.handle_opened(at(0));
            network.poll_deadline().unwrap().since_start()
        };
        (0..2000).map(life).collect()
    };
    let mean = lives(1).iter().sum::<Duration>() / 2000;
    assert!((28.0..32.0).contains(&mean.as_secs_f64()), "{mean:?}");
    assert_eq!(lives(1), lives(1));
    assert_ne!(lives(1), lives(2));
    let mut network = Network::new(profile, 1);
    network.handle_opened(at(0));
    let cut = network.poll_deadline().unwrap();
    assert!(!network.handle_deadline(at(0)));
    assert!(network.handle_deadline(cut));
}

/// Each trouble, for a second from 0: is the connection cut, do bytes pass up and down, and what
/// becomes of a dial.
#[test]
fn each_trouble_does_what_it_says() {
    let reached = |seconds| Dialling::Reaches(SECOND * seconds);
    for (trouble, cut, up, down, dial) in [
        (Trouble::Drop, true, true, true, reached(0)),
        (Trouble::Refuse, true, true, true, Dialling::Refused),
        (Trouble::HalfOpen, false, false, false, reached(0)),
        (Trouble::Partition, false, false, false, reached(1)),
        (Trouble::LostAck, false, true, false, reached(0)),
        (Trouble::Slow(SECOND), false, true, true, reached(2)),
    ] {
        let mut network = good();
        assert_eq!(network.trouble(at(0), trouble, SECOND), cut, "{trouble:?}");
        let is_silent = network.silent_until().is_some();
        assert_eq!(is_silent, !up, "{trouble:?}");
        network.send(at(0), Way::Up, vec![1]);
        network.send(at(0), Way::Down, vec![1]);
        assert_eq!(
            network.crossing_bytes(Way::Up),
            usize::from(up),
            "{trouble:?}"
        );
        assert_eq!(
            network.crossing_bytes(Way::Down),
            usize::from(down),
            "{trouble:?}"
        );
        assert_eq!(network.dial(at(0)), dial, "{trouble:?}");
        assert_eq!(network.dial(at(1000)), reached(0), "{trouble:?} is over");
        // A connection that lost bytes does not outlive the trouble.
        assert_eq!(
            network.handle_deadline(at(1000)),
            !(up && down),
            "{trouble:?}"
        );
    }
}

#[test]
fn what_was_crossing_is_lost_in_a_partition() {
    let mut network = Network::new(NetworkProfile::SATELLITE, 1);
    network.handle_opened(at(0));
    network.send(at(0), Way::Up, vec![1]);
    network.trouble(at(1), Trouble::Partition, SECOND);
    assert_eq!(network.poll_arrived(at(999), Way::Up), None);
}

#[test]
fn a_half_open_connection_is_silent_but_the_next_one_is_not() {
    let mut network = good();
    network.trouble(at(0), Trouble::HalfOpen, SECOND);
    network.handle_closed();
    network.handle_opened(at(1));
    network.send(at(1), Way::Up, vec![1]);
    assert_eq!(arrived(&mut network, at(1), Way::Up), [1]);
    // A connection made while acknowledgements are lost loses them too.
    network.trouble(at(1), Trouble::LostAck, SECOND);
    network.handle_closed();
    network.handle_opened(at(2));
    network.send(at(2), Way::Down, vec![1]);
    assert_eq!(network.poll_arrived(at(2), Way::Down), None);
}

#[test]
fn a_dial_into_a_long_partition_hangs_as_long_as_a_device_waits() {
    let mut network = good();
    network.trouble(at(0), Trouble::Partition, SECOND * 60);
    assert_eq!(network.dial(at(0)), Dialling::Hangs(SECOND * 30));
    assert_eq!(network.dial(at(40_000)), Dialling::Reaches(SECOND * 20));
}
