//! Twins: who may write when, who is told, and how a device is answered.

use hub_core::link::LinkClose;
use hub_core::output::ToDevice;
use hub_core::registry::IfMatch;
use hub_core::{EventKind, HubError, Output, ReportedPatch};
use hub_proto::topic::Subscription;

use crate::support::*;

#[test]
fn a_device_that_listens_is_told_of_a_desired_change() {
    // TW-9
    let mut hub = hub_listening(&[Subscription::DesiredChanges]);
    let body = r#"{"properties":{"desired":{"a":1,"b":null}}}"#;
    let document = hub.update_twin(at(1), body, &IfMatch::Absent).unwrap();
    assert_eq!(document, hub.shard.twin(&client("d1")).unwrap());
    let notification = r#"{"a":1,"b":null,"$version":2}"#;
    let message = ToDevice::DesiredChange {
        version: 2,
        body: notification.as_bytes().to_vec(),
    };
    assert_eq!(
        hub.effects(),
        [Output::ToLink {
            link: LINK,
            message
        }]
    );
}

#[test]
fn nobody_else_is_told_and_nothing_is_kept_for_later() {
    // TW-9
    let body = r#"{"properties":{"desired":{"a":1}}}"#;
    let mut hub = hub_listening(&[Subscription::TwinResponses]);
    hub.update_twin(T0, body, &IfMatch::Absent).unwrap();
    assert_eq!(hub.effects(), [], "not subscribed");
    hub.subscribe(T0, LINK, &[Subscription::DesiredChanges]);
    hub.shard
        .link_down(T0, &client("d1"), LINK, LinkClose::Lost);
    hub.update_twin(T0, body, &IfMatch::Absent).unwrap();
    hub.connect(T0, LINK).unwrap();
    assert_eq!(hub.effects(), [], "away");
}

#[test]
fn changes_of_tags_are_facts_but_no_news_for_the_device() {
    let mut hub = hub_listening(&[Subscription::DesiredChanges]);
    hub.update_twin(T0, r#"{"tags":{"site":"x"}}"#, &IfMatch::Any)
        .unwrap();
    let patch = r#"{"site":"x"}"#.into();
    assert_eq!(hub.facts(), [EventKind::Tags { version: 3, patch }]);
    hub.update_twin(T0, "{}", &IfMatch::Any).unwrap();
    assert_eq!(hub.drain(), []);
}

#[test]
fn of_two_writers_with_the_same_etag_the_second_is_refused() {
    let body = r#"{"properties":{"desired":{"a":1}}}"#;
    let mut hub = hub();
    let held = IfMatch::Etag(hub.shard.twin(&client("d1")).unwrap().etag);
    // A device's report does not take the etag away. TW-2
    hub.connect(T0, LINK).unwrap();
    report(&mut hub, Some("1"), None, r#"{"x":1}"#);
    hub.update_twin(T0, body, &held).unwrap();
    hub.drain();
    assert_eq!(
        hub.update_twin(T0, body, &held),
        Err(HubError::EtagMismatch)
    );
    assert_eq!(hub.drain(), []);
    assert!(hub.update_twin(T0, body, &IfMatch::Any).is_ok());
}

#[test]
fn a_device_reads_its_twin() {
    // TOP-4
    let mut hub = hub_listening(&[Subscription::TwinResponses]);
    hub.shard.twin_get(at(1), &client("d1"), LINK, "a%20B");
    let body = br#"{"desired":{"$version":1},"reported":{"$version":1}}"#;
    assert_eq!(hub.effects(), [response(200, "a%20B", None, body)]);
    assert_eq!(hub.device().last_activity, at(1).wall);
}

#[test]
fn a_reported_patch_is_answered_with_the_new_version() {
    // TW-10
    let mut hub = hub_listening(&[Subscription::TwinResponses]);
    report(&mut hub, Some("7"), Some(1), r#"{ "x" : 1.0 }"#);
    let patch = r#"{"x":1.0}"#.into();
    let outputs = hub.drain();
    let [Output::Event(event), answer] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(event.kind, EventKind::Reported { version: 2, patch });
    assert_eq!(*answer, response(204, "7", Some(2), b""));
    report(&mut hub, Some("8"), None, "{}");
    assert_eq!(
        hub.drain(),
        [response(204, "8", Some(2), b"")],
        "nothing counted"
    );
}

#[test]
fn without_a_subscription_or_a_rid_a_patch_counts_but_is_not_answered() {
    let mut hub = hub();
    hub.connect(T0, LINK).unwrap();
    report(&mut hub, Some("1"), None, r#"{"x":1}"#);
    hub.shard.twin_get(T0, &client("d1"), LINK, "2");
    hub.subscribe(T0, LINK, &[Subscription::TwinResponses]);
    report(&mut hub, None, None, r#"{"y":1}"#);
    report(&mut hub, None, None, r#"{"y":"#);
    assert_eq!(hub.effects(), []);
    report(&mut hub, Some("3"), Some(3), r#"{"z":1}"#);
    assert_eq!(hub.effects(), [response(204, "3", Some(4), b"")]);
}

#[test]
fn a_refused_patch_is_answered_with_a_body_that_names_the_error() {
    // TW-10, TW-11
    let mut hub = hub_listening(&[Subscription::TwinResponses]);
    let twin = hub.shard.twin(&client("d1")).unwrap();
    report(&mut hub, Some("1"), Some(0), r#"{"x":1}"#);
    let body = r#"{"errorCode":412001,"trackingId":"0000000000000001-G2:-TimeStamp:2023-11-14T22:13:20.0000000Z","message":"the reported version is 1, not 0","timestampUtc":"2023-11-14T22:13:20.0000000Z"}"#;
    let refused = EventKind::ReportedRefused {
        status: 412,
        message: "the reported version is 1, not 0".to_owned(),
    };
    let outputs = hub.drain();
    let [Output::Event(event), answer] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(event.kind, refused);
    assert_eq!(*answer, response(412, "1", None, body.as_bytes()));
    let after = hub.shard.twin(&client("d1")).unwrap();
    assert_eq!(after.etag, twin.etag);
    assert!(after.json.contains(r#""version":2"#), "nothing changed");
}

#[test]
fn the_body_of_a_refusal_is_json_whatever_the_message() {
    // TW-11
    for patch in ["{", "[]", "\"\\u0000\"", r#"{"a\"b$":1}"#] {
        let mut hub = hub_listening(&[Subscription::TwinResponses]);
        report(&mut hub, Some("1"), None, patch);
        let effects = hub.effects();
        let [
            Output::ToLink {
                message: ToDevice::TwinResponse { status, body, .. },
                ..
            },
        ] = &effects[..]
        else {
            panic!("{effects:?}");
        };
        assert_eq!(*status, 400, "{patch}");
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["errorCode"].as_u64().unwrap() / 1000, 400, "{patch}");
    }
}

fn report(hub: &mut Hub, rid: Option<&str>, if_version: Option<u64>, body: &str) {
    let patch = ReportedPatch {
        rid,
        if_version,
        body: body.as_bytes(),
    };
    hub.shard.patch_reported(T0, &client("d1"), LINK, patch);
}

fn response(status: u16, rid: &str, version: Option<u64>, body: &[u8]) -> Output {
    let message = ToDevice::TwinResponse {
        status,
        rid: rid.into(),
        version,
        body: body.to_vec(),
    };
    Output::ToLink {
        link: LINK,
        message,
    }
}
