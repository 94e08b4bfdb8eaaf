//! Who gets in, what a session remembers, and how a link ends.

use hub_core::link::{Credential, LinkAccepted, LinkClose, LinkId, LinkRefusal, LinkUp, Will};
use hub_core::{EventKind, HubError, Limits, Output};
use hub_proto::ids::MethodName;
use hub_proto::raw_bag::RawBag;
use hub_proto::sas::{SasToken, sign};
use hub_proto::topic::Subscription;

use crate::support::*;

const SECOND: LinkId = LinkId(2);
const NEW: LinkAccepted = LinkAccepted {
    session_present: false,
};
const RESUMED: LinkAccepted = LinkAccepted {
    session_present: true,
};

#[test]
fn either_key_opens_the_device_and_no_other_key_does() {
    // AUTH-1, CON-2
    let cases = [
        (1, Ok(NEW)),
        (2, Ok(NEW)),
        (3, Err(LinkRefusal::BadSignature(client("d1")))),
    ];
    for (byte, expected) in cases {
        let mut hub = hub();
        let text = sign("localhost/devices/d1", &key(byte), 1_893_456_000, None);
        let token = SasToken::parse(&text).unwrap();
        let credential = Credential::DeviceToken(&token);
        let link_up = LinkUp {
            credential,
            ..link_up(LINK)
        };
        assert_eq!(hub.shard.link_up(T0, link_up), expected, "key {byte}");
        assert_eq!(hub.device().connected, expected.is_ok());
    }
}

#[test]
fn unknown_and_disabled_devices_stay_out() {
    // CON-2
    let mut hub = hub();
    let unknown = LinkUp {
        client: client("d2"),
        ..link_up(LINK)
    };
    assert_eq!(
        hub.shard.link_up(T0, unknown),
        Err(LinkRefusal::UnknownDevice(client("d2")))
    );
    hub.update(T0, disabled("d1"));
    hub.drain();
    assert_eq!(
        hub.connect(T0, LINK),
        Err(LinkRefusal::Disabled(client("d1")))
    );
    assert_eq!(hub.drain(), []);
}

#[test]
fn a_bad_token_is_not_told_that_the_device_is_disabled() {
    // CON-2
    let mut hub = hub();
    hub.update(T0, disabled("d1"));
    let text = sign("localhost/devices/d1", &key(9), 1_893_456_000, None);
    let token = SasToken::parse(&text).unwrap();
    let link_up = LinkUp {
        credential: Credential::DeviceToken(&token),
        ..link_up(LINK)
    };
    assert_eq!(
        hub.shard.link_up(T0, link_up),
        Err(LinkRefusal::BadSignature(client("d1")))
    );
}

#[test]
fn the_registry_shows_the_connection_at_once() {
    // REG-5
    let mut hub = hub();
    hub.connect(at(5), LINK).unwrap();
    let device = hub.device();
    assert!(device.connected);
    assert_eq!(
        (device.connection_state_updated, device.last_activity),
        (at(5).wall, at(5).wall)
    );
    hub.shard
        .link_down(at(8), &client("d1"), LINK, LinkClose::Lost);
    let device = hub.device();
    assert!(!device.connected);
    assert_eq!(
        (device.connection_state_updated, device.last_activity),
        (at(8).wall, at(5).wall)
    );
}

#[test]
fn the_event_log_sees_a_connection_come_and_go() {
    // LOG-1
    let mut hub = hub();
    let client_type = Some("node".to_owned());
    let link_up = LinkUp {
        client_type: client_type.clone(),
        ..link_up(LINK)
    };
    hub.shard.link_up(T0, link_up).unwrap();
    let named = Subscription::Method(MethodName::parse("reboot").unwrap());
    let all = [
        Subscription::CloudToDevice,
        Subscription::TwinResponses,
        Subscription::DesiredChanges,
        Subscription::Methods,
        named,
    ];
    hub.subscribe(T0, LINK, &all);
    hub.shard
        .link_down(T0, &client("d1"), LINK, LinkClose::KeepAlive);
    assert_eq!(
        hub.facts(),
        [
            EventKind::Connected {
                session_present: false,
                client_type
            },
            EventKind::Subscribed {
                subscriptions: all.into()
            },
            EventKind::Disconnected {
                reason: LinkClose::KeepAlive
            },
        ]
    );
}

#[test]
fn a_session_is_present_if_the_last_connection_left_one() {
    // CON-6: for each connection in turn, whether its session is clean, and what it is told.
    let cases: [&[(bool, LinkAccepted)]; 4] = [
        &[(false, NEW), (false, RESUMED), (false, RESUMED)],
        &[(true, NEW), (true, NEW), (false, NEW), (false, RESUMED)],
        &[(false, NEW), (true, NEW), (false, NEW)],
        &[(true, NEW), (false, NEW)],
    ];
    for case in cases {
        for takeover in [false, true] {
            let mut hub = hub();
            for (n, (clean_session, expected)) in (1..).zip(case) {
                let link_up = LinkUp {
                    clean_session: *clean_session,
                    ..link_up(LinkId(n))
                };
                assert_eq!(
                    hub.shard.link_up(T0, link_up),
                    Ok(*expected),
                    "{n} of {case:?}"
                );
                if !takeover {
                    hub.shard
                        .link_down(T0, &client("d1"), LinkId(n), LinkClose::Goodbye);
                }
            }
        }
    }
}

#[test]
fn a_resumed_session_remembers_what_was_subscribed_and_not_what_was_given_up() {
    // CON-6
    let mut hub = hub_listening(&[Subscription::Methods, Subscription::CloudToDevice]);
    hub.shard
        .unsubscribe(T0, &client("d1"), LINK, &Subscription::CloudToDevice);
    hub.shard
        .link_down(T0, &client("d1"), LINK, LinkClose::Lost);
    hub.invoke(T0, 10).unwrap();
    hub.send(T0, "m").unwrap();
    hub.drain();
    assert_eq!(hub.connect(at(1), SECOND), Ok(RESUMED));
    assert_eq!(hub.effects(), [method_request(SECOND, 1)]);
}

#[test]
fn a_clean_session_forgets_its_subscriptions_before_and_after() {
    // CON-6
    let mut hub = hub_listening(&[Subscription::Methods]);
    let clean = LinkUp {
        clean_session: true,
        ..link_up(SECOND)
    };
    assert_eq!(hub.shard.link_up(T0, clean), Ok(NEW));
    assert_eq!(hub.invoke(T0, 0), Err(HubError::DeviceNotOnline));
    hub.subscribe(T0, SECOND, &[Subscription::Methods]);
    hub.shard
        .link_down(T0, &client("d1"), SECOND, LinkClose::Lost);
    assert_eq!(hub.connect(T0, LinkId(3)), Ok(NEW));
    assert_eq!(hub.invoke(T0, 0), Err(HubError::DeviceNotOnline));
}

#[test]
fn a_newer_connection_wins_and_the_older_one_is_closed() {
    // CON-4, DM-6
    let mut hub = hub_listening(&[Subscription::Methods]);
    hub.invoke(T0, 0).unwrap();
    let rid = hub.take_rid();
    hub.connect(at(1), SECOND).unwrap();
    assert_eq!(
        hub.drain(),
        [
            Output::CloseLink {
                link: LINK,
                reason: LinkClose::TakenOver
            },
            event(EventKind::Disconnected {
                reason: LinkClose::TakenOver
            }),
            event(failed(1, "ConnectionForcefullyClosedOnNewConnection")),
            answered(1, Err(HubError::ConnectionReplaced)),
            event(EventKind::Connected {
                session_present: true,
                client_type: None
            }),
        ]
    );
    assert!(hub.device().connected);
    // What the older link still does is ignored.
    hub.answer(at(2), LINK, &rid, "200", b"");
    hub.shard
        .link_down(at(2), &client("d1"), LINK, LinkClose::Lost);
    hub.subscribe(at(2), LINK, &[Subscription::TwinResponses]);
    hub.shard.twin_get(at(2), &client("d1"), LINK, "1");
    assert_eq!(hub.drain(), []);
    assert!(hub.device().connected);
}

#[test]
fn a_will_is_published_unless_the_device_said_goodbye() {
    // CON-7
    let cases = [
        (LinkClose::Goodbye, false),
        (LinkClose::Lost, true),
        (LinkClose::KeepAlive, true),
        (LinkClose::CredentialExpired, true),
        (LinkClose::Violation("a bad topic".to_owned()), true),
    ];
    for (reason, is_published) in cases {
        let mut hub = hub_with_will();
        hub.shard.link_down(T0, &client("d1"), LINK, reason.clone());
        assert_eq!(
            hub.facts().contains(&will_fact()),
            is_published,
            "{reason:?}"
        );
    }
    let mut hub = hub_with_will();
    hub.connect(at(1), SECOND).unwrap();
    assert!(hub.facts().contains(&will_fact()), "taken over");
    hub.shard
        .link_down(T0, &client("d1"), SECOND, LinkClose::Lost);
    assert!(
        !hub.facts().contains(&will_fact()),
        "a will is its connection's"
    );
}

#[test]
fn a_flood_of_single_method_subscriptions_ends_the_link() {
    let mut hub = hub_with(Limits {
        method_filters: 2,
        ..Limits::default()
    });
    hub.connect(T0, LINK).unwrap();
    let named = |name| Subscription::Method(MethodName::parse(name).unwrap());
    hub.subscribe(T0, LINK, &[named("a"), named("b"), named("a"), named("b")]);
    assert_eq!(hub.effects(), []);
    hub.subscribe(T0, LINK, &[named("c")]);
    let reason = LinkClose::Violation("more than 2 subscriptions to single methods".to_owned());
    assert_eq!(hub.effects(), [Output::CloseLink { link: LINK, reason }]);
    assert!(!hub.device().connected);
}

#[test]
fn a_device_names_its_model_when_it_connects() {
    let mut hub = hub();
    let model_id = Some("dtmi:example:Pump;1".to_owned());
    hub.shard
        .link_up(
            T0,
            LinkUp {
                model_id,
                ..link_up(LINK)
            },
        )
        .unwrap();
    let document = hub.shard.twin(&client("d1")).unwrap().json;
    assert!(
        document.contains(r#""modelId":"dtmi:example:Pump;1""#),
        "{document}"
    );
    assert!(
        document.contains(r#""connectionState":"Connected""#),
        "{document}"
    );
}

fn hub_with_will() -> Hub {
    let mut hub = hub();
    let will = Some(Will {
        bag: "a=1".to_owned(),
        payload: b"gone".to_vec(),
    });
    hub.shard
        .link_up(
            T0,
            LinkUp {
                will,
                ..link_up(LINK)
            },
        )
        .expect("d1 may connect");
    hub.drain();
    hub
}

fn will_fact() -> EventKind {
    let properties = RawBag::new("a=1&iothub-MessageType=Will");
    EventKind::Telemetry {
        properties,
        payload: b"gone".to_vec(),
    }
}

fn event(kind: EventKind) -> Output {
    Output::Event(hub_core::Event {
        at: at(1).wall,
        client: client("d1"),
        kind,
    })
}

fn failed(call: u64, code: &'static str) -> EventKind {
    EventKind::MethodFailed {
        call: hub_core::method::CallId(call),
        code,
    }
}

#[test]
fn giving_up_a_subscription_is_a_fact_if_it_was_held() {
    // LOG-1
    let given_up = [
        Subscription::CloudToDevice,
        Subscription::TwinResponses,
        Subscription::DesiredChanges,
        Subscription::Methods,
        Subscription::Method(MethodName::parse("reboot").unwrap()),
    ];
    for subscription in given_up {
        let mut hub = hub();
        hub.connect(T0, LINK).unwrap();
        hub.subscribe(T0, LINK, std::slice::from_ref(&subscription));
        let noted = hub.facts();
        let subscriptions = [subscription.clone()].into();
        assert_eq!(noted.last(), Some(&EventKind::Subscribed { subscriptions }));
        let mut unsubscribe = || {
            hub.shard
                .unsubscribe(T0, &client("d1"), LINK, &subscription);
            hub.facts()
        };
        let given_up = subscription.clone();
        let fact = EventKind::Unsubscribed {
            subscription: given_up,
        };
        assert_eq!(unsubscribe(), [fact]);
        assert_eq!(unsubscribe(), [], "it is no longer held");
    }
}

#[test]
fn a_refused_connection_is_a_fact_about_a_device_that_there_is() {
    // LOG-1
    let mut hub = hub();
    hub.facts();
    for name in ["d1", "nobody"] {
        let message = "the token ran out".to_owned();
        hub.shard
            .link_refused(T0, &client(name), "expired", message);
    }
    let message = "the token ran out".to_owned();
    let reason = "expired";
    assert_eq!(hub.facts(), [EventKind::ConnectRefused { reason, message }]);
}
