//! Direct methods, from the call to the answer or its want.

use hub_core::link::{LinkClose, LinkId};
use hub_core::method::{CallId, InvokeMethod, MethodResult};
use hub_core::{EventKind, HubError, Limits, Output};
use hub_proto::ids::MethodName;
use hub_proto::topic::Subscription;

use crate::support::*;

const SECOND: LinkId = LinkId(2);

#[test]
fn a_call_reaches_the_device_and_its_answer_the_caller_byte_for_byte() {
    // DM-1, DM-2
    let mut hub = hub_listening(&[Subscription::Methods]);
    assert_eq!(hub.invoke(T0, 0), Ok(CallId(1)));
    assert_eq!(hub.effects(), [method_request(LINK, 1)]);
    hub.answer(at(2), LINK, &rid(1).to_string(), "404", b"\"no \xFF json\"");
    let payload = b"\"no \xFF json\"".to_vec();
    let result = Ok(MethodResult {
        status: 404,
        payload,
    });
    assert_eq!(
        hub.effects(),
        [Output::MethodAnswered {
            call: CallId(1),
            result
        }]
    );
    assert_eq!(hub.shard.poll_deadline(), None);
    assert_eq!(hub.device().last_activity, at(2).wall);
}

#[test]
fn the_event_log_sees_a_call_asked_delivered_and_answered() {
    // LOG-1
    let mut hub = hub_listening(&[Subscription::Methods]);
    let call = hub.invoke(T0, 0).unwrap();
    hub.answer(T0, LINK, &rid(1).to_string(), "200", b"1");
    let name = MethodName::parse("reboot").unwrap();
    let payload = r#"{ "a" : 1.0 }"#.into();
    assert_eq!(
        hub.facts(),
        [
            EventKind::MethodInvoked {
                call,
                name,
                payload
            },
            EventKind::MethodDelivered { call },
            EventKind::MethodAnswered {
                call,
                status: 200,
                payload: b"1".to_vec()
            },
        ]
    );
}

#[test]
fn a_device_that_does_not_listen_is_not_online() {
    // DM-3
    let not_online = Err(HubError::DeviceNotOnline);
    let mut hub = hub();
    assert_eq!(hub.invoke(T0, 0), not_online, "away");
    hub.connect(T0, LINK).unwrap();
    assert_eq!(hub.invoke(T0, 0), not_online, "not subscribed");
    hub.subscribe(
        T0,
        LINK,
        &[Subscription::Method(MethodName::parse("Reboot").unwrap())],
    );
    assert_eq!(hub.invoke(T0, 0), not_online, "names are case-sensitive");
    hub.subscribe(T0, LINK, &[Subscription::Methods]);
    hub.shard
        .unsubscribe(T0, &client("d1"), LINK, &Subscription::Methods);
    assert_eq!(hub.invoke(T0, 0), not_online, "unsubscribed");
    assert_eq!(hub.effects(), []);
    assert_eq!(hub.shard.poll_deadline(), None);
    let unknown = InvokeMethod {
        client: client("d2"),
        ..invoke("reboot", 0)
    };
    assert_eq!(
        hub.shard.invoke_method(T0, unknown),
        Err(HubError::DeviceNotFound(id("d2")))
    );
}

#[test]
fn a_refused_call_is_in_the_event_log_too() {
    // LOG-1
    let mut hub = hub();
    hub.invoke(T0, 0).unwrap_err();
    let failed = EventKind::MethodFailed {
        call: CallId(1),
        code: "DeviceNotOnline",
    };
    assert_eq!(hub.facts()[1..], [failed]);
}

#[test]
fn a_parked_call_is_delivered_when_the_device_subscribes() {
    // DM-3, DM-4: the response time counts from delivery.
    let mut hub = hub();
    hub.invoke(T0, 10).unwrap();
    assert_eq!(hub.shard.poll_deadline(), Some(at(10).mono));
    hub.connect(at(3), LINK).unwrap();
    assert_eq!(hub.effects(), []);
    hub.subscribe(at(9), LINK, &[Subscription::TwinResponses]);
    assert_eq!(hub.effects(), []);
    hub.subscribe(at(9), LINK, &[Subscription::Methods]);
    assert_eq!(hub.effects(), [method_request(LINK, 1)]);
    hub.let_deadline_come(39);
    assert_eq!(hub.effects(), [answered(1, Err(HubError::MethodTimedOut))]);
}

#[test]
fn parked_calls_are_delivered_in_order_right_after_a_session_is_resumed() {
    // DM-3, CON-6
    let mut hub = hub_listening(&[Subscription::Methods]);
    hub.shard
        .link_down(T0, &client("d1"), LINK, LinkClose::Lost);
    hub.invoke(T0, 30).unwrap();
    hub.invoke(T0, 20).unwrap();
    hub.drain();
    hub.connect(at(1), SECOND).unwrap();
    assert_eq!(
        hub.effects(),
        [method_request(SECOND, 1), method_request(SECOND, 2)]
    );
}

#[test]
fn a_device_that_does_not_come_in_time_is_not_online() {
    // DM-3
    let mut hub = hub();
    hub.invoke(T0, 10).unwrap();
    hub.drain();
    hub.shard.handle_deadline(at(9));
    assert_eq!(hub.drain(), []);
    hub.let_deadline_come(10);
    assert_eq!(hub.effects(), [answered(1, Err(HubError::DeviceNotOnline))]);
    assert_eq!(hub.shard.poll_deadline(), None);
}

#[test]
fn a_parked_call_outlives_a_connection_that_never_listened() {
    let mut hub = hub();
    hub.invoke(T0, 10).unwrap();
    hub.connect(at(1), LINK).unwrap();
    hub.shard
        .link_down(at(2), &client("d1"), LINK, LinkClose::Lost);
    assert_eq!(hub.effects(), []);
    hub.connect(at(3), SECOND).unwrap();
    hub.subscribe(at(4), SECOND, &[Subscription::Methods]);
    assert_eq!(hub.effects(), [method_request(SECOND, 1)]);
}

#[test]
fn a_call_to_a_disabled_device_does_not_wait() {
    let mut hub = hub();
    hub.update(T0, disabled("d1"));
    assert_eq!(hub.invoke(T0, 30), Err(HubError::DeviceNotOnline));
}

#[test]
fn an_unanswered_call_times_out_at_its_deadline() {
    // DM-4
    let mut hub = hub_listening(&[Subscription::Methods]);
    hub.invoke(at(1), 0).unwrap();
    hub.drain();
    hub.let_deadline_come(31);
    assert_eq!(hub.effects(), [answered(1, Err(HubError::MethodTimedOut))]);
    assert_eq!(hub.shard.poll_deadline(), None);
}

#[test]
fn late_repeated_and_unknown_answers_change_nothing() {
    // DM-5, DM-9
    let mut hub = hub_listening(&[Subscription::Methods]);
    let ignored = |rid: &str| {
        vec![EventKind::MethodAnswerIgnored {
            rid: rid.to_owned(),
        }]
    };
    let first = rid(1).to_string();
    hub.invoke(T0, 0).unwrap();
    hub.answer(T0, LINK, &first, "200", b"");
    hub.drain();
    hub.answer(T0, LINK, &first, "200", b"");
    assert_eq!(hub.facts(), ignored(&first), "repeated");

    let late = rid(2).to_string();
    hub.invoke(T0, 0).unwrap();
    hub.let_deadline_come(30);
    hub.drain();
    hub.answer(at(31), LINK, &late, "200", b"");
    assert_eq!(hub.facts(), ignored(&late), "late");

    for unknown in [
        "1",
        "",
        "xyz",
        "-1",
        "ffffffffffffffff",
        "1ffffffffffffffff",
    ] {
        hub.answer(at(32), LINK, unknown, "200", b"");
        assert_eq!(hub.facts(), ignored(unknown), "unknown");
    }
}

#[test]
fn a_parked_call_cannot_be_answered_before_it_is_delivered() {
    let mut hub = hub_listening(&[]);
    hub.invoke(T0, 10).unwrap();
    hub.drain();
    hub.answer(T0, LINK, &rid(1).to_string(), "200", b"");
    assert_eq!(hub.effects(), []);
    hub.let_deadline_come(10);
    assert_eq!(hub.effects(), [answered(1, Err(HubError::DeviceNotOnline))]);
}

#[test]
fn answers_come_in_any_order_and_rids_compare_without_case() {
    let mut hub = hub_listening(&[Subscription::Methods]);
    hub.invoke(T0, 0).unwrap();
    hub.invoke(T0, 0).unwrap();
    hub.drain();
    hub.answer(T0, LINK, &rid(2).to_string().to_uppercase(), "-1", b"");
    assert_eq!(hub.effects(), [answered(2, Ok((-1, "")))]);
    hub.answer(T0, LINK, &rid(1).to_string(), "998", b"{}");
    assert_eq!(hub.effects(), [answered(1, Ok((998, "{}")))]);
}

#[test]
fn the_request_ids_of_two_hubs_differ() {
    // DM-5: a device may repeat an answer to a hub that has started anew since.
    let mut earlier = hub_listening(&[Subscription::Methods]);
    earlier.invoke(T0, 0).unwrap();
    let mut later = hub_listening(&[Subscription::Methods]);
    later.invoke(at(60), 0).unwrap();
    assert_ne!(earlier.take_rid(), later.take_rid());
}

#[test]
fn a_status_that_is_no_integer_is_the_callers_to_know() {
    // DM-11
    let huge = i64::MAX.to_string();
    for status in ["ok", "", "2.0", &huge] {
        let mut hub = hub_listening(&[Subscription::Methods]);
        hub.invoke(T0, 0).unwrap();
        hub.drain();
        hub.answer(T0, LINK, &rid(1).to_string(), status, b"");
        let error = HubError::MethodStatus(status.to_owned());
        assert_eq!(hub.effects(), [answered(1, Err(error))]);
    }
}

#[test]
fn payloads_are_bounded_each_way() {
    // DM-11
    let mut hub = hub_listening(&[Subscription::Methods]);
    let max = Limits::default().method_payload_bytes;
    let with_payload = |bytes: usize| InvokeMethod {
        payload: vec![b'1'; bytes],
        ..invoke("reboot", 0)
    };
    let what = "the method's payload";
    assert_eq!(
        hub.shard.invoke_method(T0, with_payload(max + 1)),
        Err(HubError::TooLarge {
            what,
            bytes: max + 1,
            max
        })
    );
    assert_eq!(hub.drain(), []);
    assert_eq!(
        hub.shard.invoke_method(T0, with_payload(max)),
        Ok(CallId(1))
    );
    hub.drain();
    hub.answer(T0, LINK, &rid(1).to_string(), "200", &vec![b'1'; max + 1]);
    let what = "the device's answer";
    let error = HubError::TooLarge {
        what,
        bytes: max + 1,
        max,
    };
    assert_eq!(hub.effects(), [answered(1, Err(error))]);
    hub.shard.invoke_method(T0, with_payload(1)).unwrap();
    hub.answer(T0, LINK, &rid(2).to_string(), "200", &vec![b'1'; max]);
    assert!(matches!(
        hub.effects()[..],
        [_, Output::MethodAnswered { result: Ok(_), .. }]
    ));
}

#[test]
fn a_device_has_a_bounded_number_of_open_calls() {
    // DM-11
    let mut hub = hub_with(Limits {
        method_calls_open: 2,
        ..Limits::default()
    });
    hub.invoke(T0, 10).unwrap();
    hub.connect(T0, LINK).unwrap();
    hub.subscribe(T0, LINK, &[Subscription::Methods]);
    hub.invoke(T0, 0).unwrap();
    hub.drain();
    assert_eq!(hub.invoke(T0, 0), Err(HubError::TooManyMethodCalls(2)));
    assert_eq!(hub.effects(), []);
    hub.answer(T0, LINK, &rid(1).to_string(), "200", b"");
    assert!(hub.invoke(T0, 0).is_ok());
}

#[test]
fn a_device_that_drops_fails_its_delivered_calls_at_once() {
    // DM-6
    let mut hub = hub_listening(&[Subscription::Method(MethodName::parse("reboot").unwrap())]);
    hub.invoke(T0, 0).unwrap();
    hub.shard.invoke_method(T0, invoke("other", 10)).unwrap();
    hub.drain();
    hub.shard
        .link_down(at(1), &client("d1"), LINK, LinkClose::Lost);
    assert_eq!(
        hub.effects(),
        [answered(1, Err(HubError::DeviceUnavailable))]
    );
    hub.let_deadline_come(10);
    assert_eq!(hub.effects(), [answered(2, Err(HubError::DeviceNotOnline))]);
    assert_eq!(hub.shard.poll_deadline(), None);
}

#[test]
fn deadlines_that_fall_together_are_all_kept() {
    let mut hub = hub_listening(&[Subscription::Methods]);
    hub.invoke(T0, 0).unwrap();
    hub.invoke(T0, 0).unwrap();
    hub.invoke(at(1), 0).unwrap();
    hub.drain();
    hub.let_deadline_come(30);
    let timed_out = |call| answered(call, Err(HubError::MethodTimedOut));
    assert_eq!(hub.effects(), [timed_out(1), timed_out(2)]);
    hub.let_deadline_come(31);
    assert_eq!(hub.effects(), [timed_out(3)]);
}
