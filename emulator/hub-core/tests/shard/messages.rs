//! Cloud-to-device messages: queued, one in flight, at least once.

use std::time::Duration;

use hub_core::c2d::{C2dMessage, Settlement};
use hub_core::event::C2dOutcome;
use hub_core::link::{LinkClose, LinkId};
use hub_core::output::ToDevice;
use hub_core::{EventKind, HubError, Output};
use hub_proto::mqtt::packet::{PacketId, QoS};
use hub_proto::property_bag::PropertyBag;
use hub_proto::time::Timestamp;
use hub_proto::topic::Subscription;

use crate::support::*;

const SECOND: LinkId = LinkId(2);

#[test]
fn messages_go_one_at_a_time_in_order() {
    // C2D-1, C2D-2
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    hub.send(T0, "a").unwrap();
    hub.send(T0, "b").unwrap();
    assert_eq!(hub.effects(), [c2d(LINK, 1, false, "a")]);
    assert_eq!(hub.device().c2d_messages, 2);
    acknowledge(&mut hub, 7);
    assert_eq!(hub.effects(), [], "not the delivery in flight");
    acknowledge(&mut hub, 1);
    assert_eq!(hub.effects(), [c2d(LINK, 2, false, "b")]);
    acknowledge(&mut hub, 2);
    assert_eq!(hub.drain(), [settled(T0, 2, C2dOutcome::Completed)]);
    assert_eq!(hub.device().c2d_messages, 0);
    assert_eq!(hub.shard.poll_deadline(), None);
}

#[test]
fn the_event_log_sees_a_message_from_the_queue_to_its_end() {
    // LOG-1
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    hub.send(T0, "a").unwrap();
    acknowledge(&mut hub, 1);
    assert_eq!(
        hub.facts(),
        [
            EventKind::C2dEnqueued { sequence: 1 },
            EventKind::C2dDelivered {
                sequence: 1,
                deliveries: 1
            },
            EventKind::C2dSettled {
                sequence: 1,
                outcome: C2dOutcome::Completed
            },
        ]
    );
}

#[test]
fn a_message_waits_for_the_device_to_listen() {
    // C2D-1
    let mut hub = hub();
    hub.send(T0, "a").unwrap();
    hub.connect(T0, LINK).unwrap();
    assert_eq!(hub.effects(), []);
    hub.subscribe(T0, LINK, &[Subscription::CloudToDevice]);
    assert_eq!(hub.effects(), [c2d(LINK, 1, false, "a")]);
    hub.subscribe(T0, LINK, &[Subscription::CloudToDevice]);
    assert_eq!(hub.effects(), [], "a repeated SUBSCRIBE repeats nothing");
}

#[test]
fn what_was_in_flight_comes_again_on_the_next_connection_at_once() {
    // C2D-2
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    hub.send(T0, "a").unwrap();
    hub.drain();
    hub.shard
        .link_down(at(1), &client("d1"), LINK, LinkClose::Lost);
    hub.connect(at(2), SECOND).unwrap();
    assert_eq!(hub.effects(), [c2d(SECOND, 2, true, "a")]);
    acknowledge(&mut hub, 2);
    assert_eq!(
        hub.device().c2d_messages,
        1,
        "the older link cannot settle it"
    );
    hub.shard
        .acknowledge(at(2), &client("d1"), SECOND, packet_id(2));
    assert_eq!(hub.device().c2d_messages, 0);
}

#[test]
fn an_unacknowledged_message_comes_again_when_its_lock_ends() {
    // C2D-2
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    hub.send(T0, "a").unwrap();
    hub.drain();
    hub.let_deadline_come(60);
    assert_eq!(hub.effects(), [c2d(LINK, 2, true, "a")]);
    acknowledge(&mut hub, 1);
    assert_eq!(hub.device().c2d_messages, 1, "that lock is over");
    acknowledge(&mut hub, 2);
    assert_eq!(hub.device().c2d_messages, 0);
}

/// Encoded, each of these bytes takes three: the message is within its limit, its topic is not.
#[test]
fn properties_that_do_not_fit_into_a_topic_are_refused_before_they_are_queued() {
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    let message = |bytes| C2dMessage {
        properties: PropertyBag {
            application: vec![("k".into(), Some("/".repeat(bytes)))],
            ..PropertyBag::default()
        },
        payload: Vec::new(),
        expires: None,
    };
    let refused = hub.shard.send_to_device(T0, &id("d1"), message(22_000));
    assert!(
        matches!(refused, Err(HubError::TooLarge { .. })),
        "{refused:?}"
    );
    assert_eq!(
        hub.shard.send_to_device(T0, &id("d1"), message(21_000)),
        Ok(1)
    );
}

/// Only an abandon counts towards the ten deliveries a message may have, and MQTT cannot abandon.
#[test]
fn a_message_is_never_given_up_for_want_of_an_acknowledgement() {
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    hub.send(T0, "a").unwrap();
    hub.drain();
    for minute in 1..=20_u16 {
        hub.let_deadline_come(u32::from(minute) * 60);
        assert_eq!(hub.effects(), [c2d(LINK, minute + 1, true, "a")]);
    }
    assert_eq!(hub.device().c2d_messages, 1);
}

#[test]
fn at_qos_0_a_message_is_complete_when_it_is_sent() {
    let mut hub = hub_listening(&[]);
    hub.shard.subscribe(
        T0,
        &client("d1"),
        LINK,
        &[(Subscription::CloudToDevice, QoS::AtMostOnce)],
    );
    hub.drain();
    hub.send(T0, "a").unwrap();
    let outputs = hub.drain();
    let [_, _, Output::ToLink { message, .. }, end] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert!(matches!(
        message,
        ToDevice::CloudToDevice {
            qos: QoS::AtMostOnce,
            dup: false,
            ..
        }
    ));
    assert_eq!(*end, settled(T0, 1, C2dOutcome::Completed));
    assert_eq!(hub.shard.poll_deadline(), None);
}

#[test]
fn a_message_delivered_before_is_not_sent_at_qos_0() {
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    hub.send(T0, "a").unwrap();
    hub.send(T0, "b").unwrap();
    hub.shard.subscribe(
        T0,
        &client("d1"),
        LINK,
        &[(Subscription::CloudToDevice, QoS::AtMostOnce)],
    );
    hub.drain();
    hub.let_deadline_come(60);
    let outputs = hub.drain();
    assert_eq!(outputs[0], settled(at(60), 1, C2dOutcome::Completed));
    let sent = outputs
        .iter()
        .filter(|output| matches!(output, Output::ToLink { .. }));
    assert_eq!(sent.count(), 1, "the second message, which is new");
}

#[test]
fn a_message_expires_at_the_hubs_time_or_its_own() {
    // C2D-4
    let mut hub = hub();
    hub.send(T0, "default").unwrap();
    let expires = Some(at(90).wall);
    hub.shard
        .send_to_device(
            T0,
            &id("d1"),
            C2dMessage {
                expires,
                ..message("own")
            },
        )
        .unwrap();
    hub.drain();
    hub.let_deadline_come(90);
    assert_eq!(hub.drain(), [settled(at(90), 2, C2dOutcome::Expired)]);
    hub.let_deadline_come(3600);
    assert_eq!(hub.drain(), [settled(at(3600), 1, C2dOutcome::Expired)]);
    assert_eq!(
        (hub.device().c2d_messages, hub.shard.poll_deadline()),
        (0, None)
    );
}

#[test]
fn an_expired_message_is_not_sent_though_its_deadline_is_handled_late() {
    let mut hub = hub();
    hub.send(T0, "a").unwrap();
    hub.connect(at(3600), LINK).unwrap();
    hub.subscribe(at(3600), LINK, &[Subscription::CloudToDevice]);
    assert_eq!(hub.effects(), []);
}

#[test]
fn an_expiry_in_the_past_or_beyond_two_days_is_refused() {
    // C2D-4
    let two_days = Duration::from_hours(48);
    let far = T0.wall.saturating_add(two_days);
    let refused = Err(HubError::MessageExpiry(two_days));
    let cases = [
        (Timestamp::NEVER, refused.clone()),
        (T0.wall, refused.clone()),
        (at(1).wall, Ok(())),
        (far, Ok(())),
        (far.saturating_add(Duration::from_nanos(100)), refused),
    ];
    for (expires, expected) in cases {
        let message = C2dMessage {
            expires: Some(expires),
            ..message("m")
        };
        assert_eq!(
            hub().shard.send_to_device(T0, &id("d1"), message).map(drop),
            expected,
            "{expires}"
        );
    }
}

#[test]
fn the_queue_holds_50_messages_whether_in_flight_or_not() {
    // C2D-1
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    for _ in 0..50 {
        hub.send(T0, "m").unwrap();
    }
    assert_eq!(hub.send(T0, "m"), Err(HubError::QueueFull(50)));
    acknowledge(&mut hub, 1);
    assert_eq!(hub.send(T0, "m"), Ok(()));
}

#[test]
fn a_message_and_its_properties_have_at_most_64_kib() {
    let mut hub = hub();
    let mut send = |bytes: usize| {
        let application = vec![("a".to_owned(), Some("1".to_owned()))];
        let properties = PropertyBag {
            system: Vec::new(),
            application,
        };
        let message = C2dMessage {
            properties,
            payload: vec![0; bytes - 2],
            expires: None,
        };
        hub.shard.send_to_device(T0, &id("d1"), message).map(drop)
    };
    assert_eq!(send(65_536), Ok(()));
    let (what, max) = ("the cloud-to-device message", 65_536);
    assert_eq!(
        send(65_537),
        Err(HubError::TooLarge {
            what,
            bytes: 65_537,
            max
        })
    );
}

#[test]
fn the_bag_names_the_target_and_the_expiry_as_the_sdks_read_them() {
    // C2D-3
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    let system = [
        ("$.to", "/elsewhere"),
        ("$.exp", "tomorrow"),
        ("$.mid", "m1"),
    ];
    let system = system
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec();
    let properties = PropertyBag {
        system,
        application: vec![],
    };
    let sent = C2dMessage {
        properties,
        payload: vec![],
        expires: Some(at(60).wall),
    };
    hub.shard.send_to_device(T0, &id("d1"), sent).unwrap();
    let effects = hub.effects();
    let [
        Output::ToLink {
            message: ToDevice::CloudToDevice { bag, .. },
            ..
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(
        bag,
        "%24.to=%2Fdevices%2Fd1%2Fmessages%2FdeviceBound&%24.mid=m1\
         &%24.exp=2023-11-14T22%3A14%3A20.0000000Z"
    );
}

#[test]
fn a_purge_empties_the_queue_but_for_the_message_in_flight() {
    // C2D-5
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    for _ in 0..3 {
        hub.send(T0, "m").unwrap();
    }
    hub.drain();
    assert_eq!(hub.shard.purge_messages(T0, &id("d1")), Ok(2));
    let purged = |sequence| settled(T0, sequence, C2dOutcome::Purged);
    assert_eq!(hub.drain(), [purged(2), purged(3)]);
    assert_eq!(hub.device().c2d_messages, 1);
    acknowledge(&mut hub, 1);
    assert_eq!(hub.shard.purge_messages(T0, &id("d1")), Ok(0));
    assert_eq!(hub.shard.poll_deadline(), None);
}

#[test]
fn messages_outlive_a_clean_session_and_a_disabled_device() {
    let mut hub = hub();
    hub.update(T0, disabled("d1"));
    hub.send(T0, "m").unwrap();
    hub.update(T0, spec("d1"));
    let clean = hub_core::link::LinkUp {
        clean_session: true,
        ..link_up(LINK)
    };
    hub.shard.link_up(T0, clean).unwrap();
    hub.shard
        .link_down(T0, &client("d1"), LINK, LinkClose::Goodbye);
    assert_eq!(hub.device().c2d_messages, 1);
}

fn asking(ack: &str, message_id: &str) -> C2dMessage {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    C2dMessage {
        properties: PropertyBag {
            system: vec![pair("$.mid", message_id), pair("iothub-ack", ack)],
            ..PropertyBag::default()
        },
        ..message("m")
    }
}

/// The message, its end, and the time of it, as the feedback tells them.
fn told(outputs: &[Output]) -> Vec<(String, C2dOutcome, Timestamp)> {
    let records = outputs.iter().filter_map(|output| match output {
        Output::Feedback(record) => Some(record),
        _ => None,
    });
    let told = records.map(|record| {
        assert_eq!(
            (record.device.as_str(), record.generation_id.len()),
            ("d1", 18)
        );
        (record.message_id.clone(), record.outcome, record.at)
    });
    told.collect()
}

#[test]
fn the_sender_hears_of_the_ends_that_he_asked_for_and_of_no_other() {
    // C2D-6
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    for ack in ["none", "Positive", "negative", "FULL"] {
        let sent = hub.shard.send_to_device(T0, &id("d1"), asking(ack, ack));
        sent.unwrap();
    }
    hub.drain();
    // Two are acknowledged, one runs out of time, one is purged.
    acknowledge(&mut hub, 1);
    acknowledge(&mut hub, 2);
    let positive = ("Positive".to_owned(), C2dOutcome::Completed, T0.wall);
    assert_eq!(told(&hub.drain()), [positive]);
    assert_eq!(hub.shard.purge_messages(T0, &id("d1")), Ok(1));
    let purged = ("FULL".to_owned(), C2dOutcome::Purged, T0.wall);
    assert_eq!(told(&hub.drain()), [purged]);
    hub.shard
        .link_down(T0, &client("d1"), LINK, LinkClose::Lost);
    hub.let_deadline_come(3600);
    let expired = ("negative".to_owned(), C2dOutcome::Expired, at(3600).wall);
    assert_eq!(told(&hub.drain()), [expired]);
    let ended = hub.shard.message_queue(&id("d1")).unwrap().ended;
    assert_eq!((ended.completed, ended.purged, ended.expired), (2, 1, 1));
}

#[test]
fn a_wish_for_feedback_that_is_none_is_refused_before_the_message_is_queued() {
    // C2D-6
    let mut hub = hub();
    let refused = hub.shard.send_to_device(T0, &id("d1"), asking("all", "m"));
    assert!(matches!(refused, Err(HubError::Argument(_))), "{refused:?}");
    assert_eq!(hub.device().c2d_messages, 0);
}

#[test]
fn a_message_received_over_http_is_settled_by_its_lock() {
    // C2D-7
    let mut hub = hub();
    for id_of_message in ["a", "b", "c"] {
        let sent = asking("full", id_of_message);
        hub.shard.send_to_device(T0, &id("d1"), sent).unwrap();
    }
    hub.drain();
    let receive = |hub: &mut Hub, token: &str| {
        let received = hub
            .shard
            .receive_message(T0, &id("d1"), token.into(), None)
            .unwrap();
        received.map(|message| message.sequence)
    };
    for (token, sequence) in [("1", 1), ("2", 2), ("3", 3)] {
        assert_eq!(receive(&mut hub, token), Some(sequence));
    }
    assert_eq!(receive(&mut hub, "4"), None);
    hub.drain();
    let mut settle = |token: &str, settlement| {
        let settled = hub.shard.settle_message(T0, &id("d1"), token, settlement);
        (settled, told(&hub.drain()))
    };
    let of = |message: &str, outcome| (message.to_owned(), outcome, T0.wall);
    assert_eq!(
        settle("2", Settlement::Reject),
        (Ok(()), vec![of("b", C2dOutcome::Rejected)])
    );
    assert_eq!(
        settle("3", Settlement::Complete),
        (Ok(()), vec![of("c", C2dOutcome::Completed)])
    );
    assert_eq!(settle("1", Settlement::Abandon), (Ok(()), vec![]));
    assert_eq!(
        settle("1", Settlement::Complete),
        (Err(HubError::MessageLockLost), vec![])
    );
    for _ in 1..10 {
        assert_eq!(receive(&mut hub, "1"), Some(1));
        let settled = hub
            .shard
            .settle_message(T0, &id("d1"), "1", Settlement::Abandon);
        assert_eq!(settled, Ok(()));
    }
    let exceeded = of("a", C2dOutcome::DeliveryCountExceeded);
    assert_eq!(told(&hub.drain()), [exceeded]);
    assert_eq!(hub.shard.poll_deadline(), None);
}

#[test]
fn a_lock_over_http_ends_and_the_message_goes_to_whoever_listens() {
    // C2D-7
    let mut hub = hub_listening(&[Subscription::CloudToDevice]);
    hub.shard
        .link_down(T0, &client("d1"), LINK, LinkClose::Lost);
    hub.send(T0, "a").unwrap();
    let received =
        hub.shard
            .receive_message(T0, &id("d1"), "1".into(), Some(Duration::from_secs(10)));
    assert!(received.unwrap().is_some());
    hub.connect(at(1), SECOND).unwrap();
    assert_eq!(hub.effects(), []);
    hub.let_deadline_come(10);
    assert_eq!(hub.effects(), [c2d(SECOND, 1, true, "a")]);
    let late = hub
        .shard
        .settle_message(at(10), &id("d1"), "1", Settlement::Complete);
    assert_eq!(late, Err(HubError::MessageLockLost));
}

fn acknowledge(hub: &mut Hub, delivery: u16) {
    hub.shard
        .acknowledge(T0, &client("d1"), LINK, packet_id(delivery));
}

fn packet_id(delivery: u16) -> PacketId {
    delivery.try_into().unwrap()
}

fn settled(now: hub_proto::time::Now, sequence: u64, outcome: C2dOutcome) -> Output {
    event(now, EventKind::C2dSettled { sequence, outcome })
}

fn event(now: hub_proto::time::Now, kind: EventKind) -> Output {
    Output::Event(hub_core::Event {
        at: now.wall,
        client: client("d1"),
        kind,
    })
}
