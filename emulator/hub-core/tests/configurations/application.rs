//! Whom configurations target, and what becomes of the twins.

use hub_core::configuration::{ConfigurationSpec, Content};
use hub_core::{EventKind, Limits};
use serde_json::json;

use crate::support::{Hub, spec};

fn red() -> Hub {
    let mut hub = Hub::new();
    for (device, site) in [("d1", "a"), ("d2", "b")] {
        hub.create(device);
        hub.patch(device, &format!(r#"{{"tags":{{"site":"{site}"}}}}"#));
    }
    hub
}

const AT_A: &str = "tags.site = 'a'";

#[test]
fn a_new_configuration_writes_its_sections_into_the_twins_it_targets() {
    // CFG-5, CFG-6
    let mut hub = red();
    hub.patch(
        "d1",
        r#"{"properties":{"desired":{"own":1,"chiller":{"old":1,"both":{"x":1}}}}}"#,
    );
    let before = hub.desired_version("d1");
    let content = r#"{"properties.desired.chiller":{"both":{"y":2},"new":3}}"#;
    hub.put(spec("c1", 10, AT_A, content));
    hub.settle();
    let expected = json!({"own":1,"chiller":{"both":{"y":2},"new":3}});
    assert_eq!(hub.desired("d1"), expected);
    assert_eq!(hub.desired_version("d1"), before + 1);
    assert_eq!(
        hub.twin("d1")["configurations"],
        json!({"c1":{"status":"Applied"}})
    );
    assert_eq!(hub.counts("c1"), (1, 1));
    assert_eq!(hub.desired("d2"), json!({}));
    assert_eq!(hub.twin("d2").get("configurations"), None);
    // The device is told what goes and what comes.
    let told = hub.events.iter().rev().find_map(|event| match event {
        EventKind::Desired { patch, .. } => Some(patch.clone()),
        _ => None,
    });
    assert_eq!(
        told.as_deref(),
        Some(r#"{"chiller":{"old":null,"both":{"x":null,"y":2},"new":3},"$version":3}"#)
    );
}

#[test]
fn a_twin_that_changes_or_appears_is_evaluated_and_one_that_leaves_keeps_its_values() {
    // CFG-5, CFG-8
    let mut hub = red();
    hub.put(spec("c1", 10, AT_A, r#"{"properties.desired.x":1}"#));
    hub.settle();
    hub.patch("d2", r#"{"tags":{"site":"a"}}"#);
    hub.create("d3");
    hub.patch("d3", r#"{"tags":{"site":"a"}}"#);
    hub.settle();
    assert_eq!(hub.counts("c1"), (3, 3));
    assert_eq!(hub.desired("d3"), json!({"x":1}));
    let version = hub.desired_version("d1");
    hub.patch("d1", r#"{"tags":{"site":"z"}}"#);
    hub.delete_device("d3");
    hub.settle();
    assert_eq!(hub.counts("c1"), (1, 1));
    assert_eq!(hub.twin("d1").get("configurations"), None);
    assert_eq!(hub.desired("d1"), json!({"x":1}));
    hub.delete("c1");
    hub.settle();
    assert_eq!(hub.counts("c1"), (0, 0));
    assert_eq!(hub.twin("d2").get("configurations"), None);
    assert_eq!(hub.desired("d2"), json!({"x":1}));
    assert_eq!(hub.desired_version("d1"), version);
}

#[test]
fn the_highest_priority_wins_and_of_equals_the_youngest() {
    // CFG-7
    let mut hub = red();
    let content = |value: u32| format!(r#"{{"properties.desired.x":{value}}}"#);
    hub.put(spec("first", 10, "*", &content(1)));
    hub.settle();
    hub.put(spec("second", 10, "*", &content(2)));
    hub.put(spec("low", 1, "*", &content(3)));
    hub.settle();
    assert_eq!(hub.desired("d1"), json!({"x":2}));
    let statuses = json!({"first":{"status":"Targeted"},"low":{"status":"Targeted"},
        "second":{"status":"Applied"}});
    assert_eq!(hub.twin("d1")["configurations"], statuses);
    assert_eq!(
        (hub.counts("first"), hub.counts("second")),
        ((2, 0), (2, 2))
    );
    // The next one takes over.
    hub.delete("second");
    hub.settle();
    assert_eq!(hub.desired("d1"), json!({"x":1}));
    // A priority that changes changes the winner.
    hub.put(spec("low", 20, "*", &content(3)));
    hub.settle();
    assert_eq!(hub.desired("d1"), json!({"x":3}));
    assert_eq!(hub.counts("low"), (2, 2));
}

#[test]
fn what_a_service_writes_itself_stays_until_a_configuration_is_written() {
    // CFG-8
    let mut hub = red();
    hub.put(spec("c1", 10, AT_A, r#"{"properties.desired.x":1}"#));
    hub.settle();
    hub.patch(
        "d1",
        r#"{"properties":{"desired":{"x":7}},"tags":{"more":1}}"#,
    );
    hub.settle();
    assert_eq!(hub.desired("d1"), json!({"x":7}));
    // Another configuration is none of its business.
    hub.put(spec("c2", 20, "*", r#"{"properties.desired.y":1}"#));
    hub.settle();
    assert_eq!(hub.desired("d1"), json!({"x":7,"y":1}));
    hub.put(spec("c1", 10, AT_A, r#"{"properties.desired.x":1}"#));
    hub.settle();
    assert_eq!(hub.desired("d1"), json!({"x":1,"y":1}));
    // Once it stands, writing the configuration again changes nothing.
    let version = hub.desired_version("d1");
    hub.put(spec("c1", 10, AT_A, r#"{"properties.desired.x":1}"#));
    hub.settle();
    assert_eq!(hub.desired_version("d1"), version);
}

#[test]
fn the_metadata_names_the_configuration_until_a_service_overwrites_its_values() {
    // CFG-9
    let mut hub = red();
    hub.put(spec(
        "c1",
        10,
        AT_A,
        r#"{"properties.desired.x":{"a":1,"b":2}}"#,
    ));
    hub.settle();
    hub.patch("d1", r#"{"properties":{"desired":{"x":{"b":3},"y":4}}}"#);
    let metadata = hub.twin("d1")["properties"]["desired"]["$metadata"].clone();
    assert_eq!(metadata["x"]["a"]["$lastUpdatedBy"], "c1");
    let digest = metadata["x"]["a"]["$lastUpdatedByDigest"].as_str();
    assert_eq!(digest.map(str::len), Some(16));
    for overwritten in [&metadata["x"]["b"], &metadata["y"], &metadata] {
        assert_eq!(overwritten.get("$lastUpdatedBy"), None, "{metadata}");
    }
}

#[test]
fn a_twin_without_room_is_told_once_and_keeps_what_it_had() {
    // CFG-10
    let limits = Limits {
        desired_bytes: 100,
        ..Limits::default()
    };
    let mut hub = Hub::with(&limits, 100);
    hub.create("d1");
    let own = "v".repeat(80);
    hub.patch(
        "d1",
        &format!(r#"{{"properties":{{"desired":{{"own":"{own}"}}}}}}"#),
    );
    hub.put(spec(
        "c1",
        1,
        "*",
        r#"{"properties.desired.x":"12345678901234567890"}"#,
    ));
    hub.settle();
    hub.patch("d1", r#"{"tags":{"a":1}}"#);
    hub.settle();
    assert_eq!(hub.desired("d1"), json!({"own":own}));
    assert_eq!(hub.counts("c1"), (1, 0));
    let refusals = hub.events.iter().filter(|event| match event {
        EventKind::ConfigurationRefused { message, .. } => message.contains("at most 100"),
        _ => false,
    });
    assert_eq!(refusals.count(), 1);
    // As soon as there is room, at the next change that counts.
    hub.patch(
        "d1",
        r#"{"properties":{"desired":{"own":null}},"tags":{"a":2}}"#,
    );
    hub.settle();
    assert_eq!(hub.counts("c1"), (1, 1));
}

#[test]
fn module_content_is_for_the_twins_of_modules_alone() {
    // CFG-5
    let mut hub = red();
    hub.create_module("d1", "pump");
    hub.patch("d1/pump", r#"{"tags":{"site":"a"}}"#);
    let content = r#"{"moduleContent":{"properties.desired.x":1}}"#;
    hub.put(ConfigurationSpec {
        content: Content::parse(content, &Limits::default()).unwrap(),
        ..spec("c1", 1, "from devices.modules where tags.site = 'a'", "{}")
    });
    hub.put(spec("c2", 1, "*", r#"{"properties.desired.y":1}"#));
    hub.settle();
    assert_eq!(hub.desired("d1/pump"), json!({"x":1}));
    assert_eq!(hub.desired("d1"), json!({"y":1}));
    hub.create_module("d2", "valve");
    hub.patch("d2/valve", r#"{"tags":{"site":"a"}}"#);
    hub.settle();
    assert_eq!((hub.counts("c1"), hub.counts("c2")), ((2, 2), (2, 2)));
    hub.delete_device("d1");
    hub.settle();
    assert_eq!((hub.counts("c1"), hub.counts("c2")), ((1, 1), (1, 1)));
}
