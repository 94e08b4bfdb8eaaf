//! The registry's rules, and what a write of an identity sets off.

use hub_core::link::LinkClose;
use hub_core::registry::{DeviceSpec, IfMatch, Status};
use hub_core::{EventKind, HubError, Limits, Output};
use hub_proto::time::Timestamp;
use hub_proto::topic::Subscription;

use crate::support::*;

#[test]
fn a_new_device_is_enabled_away_and_never_seen() {
    let mut hub = hub();
    let device = hub.device();
    assert_eq!(device, hub.shard.devices(None, 10)[0]);
    assert_eq!(
        (device.connected, device.status, device.c2d_messages),
        (false, Status::Enabled, 0)
    );
    assert_eq!(device.generation_id, "638355968000000000");
    for time in [
        device.connection_state_updated,
        device.status_updated,
        device.last_activity,
    ] {
        assert_eq!(time, Timestamp::NEVER);
    }
    hub.create("d2");
    assert_eq!(hub.facts(), [EventKind::DeviceCreated]);
    assert_eq!(hub.shard.device_count(), 2);
    assert_eq!(hub.shard.poll_deadline(), None);
}

#[test]
fn creating_a_device_twice_is_a_conflict() {
    // REG-1
    let mut hub = hub();
    let before = hub.device();
    let error = hub.shard.create_device(at(1), disabled("d1")).unwrap_err();
    assert_eq!(error, HubError::DeviceAlreadyExists(id("d1")));
    let absent = IfMatch::Absent;
    let error = hub
        .shard
        .update_device(at(1), disabled("d1"), &absent)
        .unwrap_err();
    assert_eq!(error, HubError::DeviceAlreadyExists(id("d1")));
    assert_eq!(hub.device(), before);
    assert_eq!(hub.drain(), []);
}

#[test]
fn writes_need_the_current_etag_or_a_wildcard() {
    // REG-1, REG-2
    let stale = IfMatch::Etag("MQ==".to_owned());
    let mut hub = hub();
    let current = IfMatch::Etag(hub.device().etag);
    assert_eq!(
        hub.shard.update_device(T0, spec("d1"), &stale),
        Err(HubError::EtagMismatch)
    );
    assert_eq!(
        hub.shard.delete_device(T0, &id("d1"), &stale),
        Err(HubError::EtagMismatch)
    );
    assert_eq!(
        hub.shard.delete_device(T0, &id("d1"), &IfMatch::Absent),
        Err(HubError::EtagMissing)
    );
    assert!(hub.shard.update_device(T0, spec("d1"), &current).is_ok());
    assert_eq!(
        hub.shard.update_device(T0, spec("d1"), &current),
        Err(HubError::EtagMismatch),
        "the update made a new etag"
    );
    assert!(
        hub.shard
            .update_device(T0, spec("d1"), &IfMatch::Any)
            .is_ok()
    );
    assert_eq!(hub.shard.delete_device(T0, &id("d1"), &IfMatch::Any), Ok(1));
}

#[test]
fn whatever_is_asked_of_an_unknown_device_is_not_found() {
    // REG-1, REG-2
    let mut hub = hub();
    let unknown = || HubError::DeviceNotFound(id("d2"));
    for if_match in [
        IfMatch::Absent,
        IfMatch::Any,
        IfMatch::Etag("MQ==".to_owned()),
    ] {
        assert_eq!(
            hub.shard.update_device(T0, spec("d2"), &if_match),
            Err(unknown())
        );
        assert_eq!(
            hub.shard.delete_device(T0, &id("d2"), &if_match),
            Err(unknown())
        );
    }
    assert_eq!(hub.shard.device(&id("d2")), Err(unknown()));
    assert_eq!(hub.shard.twin(&client("d2")), Err(unknown()));
    assert_eq!(
        hub.shard
            .send_to_device(T0, &id("d2"), message("m"))
            .map(drop),
        Err(unknown())
    );
    assert_eq!(hub.shard.purge_messages(T0, &id("d2")), Err(unknown()));
    assert_eq!(hub.drain(), []);
}

#[test]
fn an_update_replaces_the_whole_identity_but_not_the_twin() {
    // TW-2
    let mut hub = hub();
    let before = hub.device();
    let reason = Some("maintenance".to_owned());
    let twin_before = hub.shard.twin(&client("d1")).unwrap().etag;
    let after = hub.update(
        at(7),
        DeviceSpec {
            status_reason: reason.clone(),
            ..disabled("d1")
        },
    );
    assert_eq!(hub.facts(), [EventKind::DeviceUpdated { enabled: false }]);
    assert_eq!(
        (after.status, &after.status_reason),
        (Status::Disabled, &reason)
    );
    assert_eq!(after.status_updated, at(7).wall);
    assert_eq!(after.generation_id, before.generation_id);
    assert_ne!(after.etag, before.etag);
    assert_eq!(hub.shard.twin(&client("d1")).unwrap().etag, twin_before);

    let again = hub.update(at(9), disabled("d1"));
    assert_eq!(
        (again.status_reason, again.status_updated),
        (None, at(7).wall)
    );
}

#[test]
fn a_device_made_anew_has_a_new_generation_and_nothing_of_the_old() {
    // REG-7
    let mut hub = hub();
    let before = hub.device();
    let body = r#"{"tags":{"a":1}}"#;
    let twin = hub.update_twin(T0, body, &IfMatch::Absent).unwrap();
    assert!(twin.json.contains("tags"), "{}", twin.json);
    hub.send(T0, "m").unwrap();
    hub.delete(T0);
    let after = hub.create("d1");
    assert_ne!(after.generation_id, before.generation_id);
    assert_ne!(after.etag, before.etag);
    assert_eq!(after.c2d_messages, 0);
    let twin = hub.shard.twin(&client("d1")).unwrap();
    assert!(!twin.json.contains("tags"), "{}", twin.json);
}

#[test]
fn a_status_reason_has_at_most_128_characters() {
    let with_reason = |length| DeviceSpec {
        status_reason: Some("ä".repeat(length)),
        ..spec("d1")
    };
    let mut hub = hub();
    assert!(
        hub.shard
            .update_device(T0, with_reason(128), &IfMatch::Any)
            .is_ok()
    );
    let error = hub
        .shard
        .update_device(T0, with_reason(129), &IfMatch::Any)
        .unwrap_err();
    assert!(matches!(error, HubError::Argument(_)));
}

#[test]
fn a_full_shard_refuses_another_device() {
    let mut hub = hub_with(Limits {
        identities: 2,
        ..Limits::default()
    });
    hub.create("d2");
    assert_eq!(
        hub.shard.create_device(T0, spec("d3")),
        Err(HubError::TooManyDevices(2))
    );
    assert_eq!(
        hub.shard.create_device(T0, spec("d2")),
        Err(HubError::DeviceAlreadyExists(id("d2")))
    );
}

#[test]
fn listings_go_in_the_order_of_ids_and_start_anywhere() {
    // Q-3
    let mut hub = hub();
    for device in ["d3", "D1", "d2"] {
        hub.create(device);
    }
    let list = |after: Option<&str>, limit| {
        let devices = hub.shard.devices(after.map(id).as_ref(), limit);
        devices
            .into_iter()
            .map(|device| device.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(list(None, 10), ["D1", "d1", "d2", "d3"]);
    assert_eq!(list(Some("d1"), 1), ["d2"]);
    assert_eq!(
        list(Some("d2x"), 9),
        ["d3"],
        "a device that went between two pages is no obstacle"
    );
    assert_eq!(list(Some("d3"), 9), [""; 0]);
}

#[test]
fn disabling_and_deleting_close_the_link_and_fail_the_calls() {
    // REG-4
    for reason in [LinkClose::Disabled, LinkClose::Deleted] {
        let mut hub = hub_listening(&[Subscription::CloudToDevice]);
        hub.subscribe(T0, LINK, &[Subscription::Method(invoke("reboot", 0).name)]);
        hub.invoke(T0, 0).unwrap();
        hub.shard.invoke_method(T0, invoke("parked", 20)).unwrap();
        hub.send(T0, "m").unwrap();
        hub.drain();
        if reason == LinkClose::Disabled {
            hub.update(at(1), disabled("d1"));
        } else {
            hub.delete(at(1));
        }
        assert_eq!(
            hub.effects(),
            [
                Output::CloseLink {
                    link: LINK,
                    reason: reason.clone()
                },
                answered(1, Err(HubError::DeviceUnavailable)),
                answered(2, Err(HubError::DeviceNotOnline)),
            ],
            "{reason:?}"
        );
        assert!(hub.connect(at(2), LINK).is_err());
        // Only a disabled device's message is still there to expire.
        let expiry = (reason == LinkClose::Disabled).then(|| at(3600).mono);
        assert_eq!(hub.shard.poll_deadline(), expiry);
    }
}

#[test]
fn the_last_fact_about_a_device_is_that_it_is_gone() {
    let mut hub = hub_listening(&[]);
    hub.delete(at(1));
    assert_eq!(
        hub.facts(),
        [
            EventKind::Disconnected {
                reason: LinkClose::Deleted
            },
            EventKind::DeviceDeleted
        ]
    );
}
