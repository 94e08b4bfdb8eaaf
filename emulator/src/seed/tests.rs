//! Seeds as people write them.

use std::fmt::Write as _;
use std::time::Duration;

use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};

use super::{CODEC, IfExists, SeedError, Seeded, plant};
use crate::hub::HubHandle;
use crate::test_hub::{KEY, TestHub};

const EXAMPLE: &str = include_str!("../../../docs/examples/seed.yaml");

fn planted(hub: &HubHandle, text: &str, if_exists: IfExists) -> Result<Seeded, SeedError> {
    plant(hub, text, if_exists, CODEC)
}

fn device(id: &str) -> ClientIdentity {
    DeviceId::parse(id).unwrap().into()
}

fn twin(hub: &HubHandle, client: &ClientIdentity) -> serde_json::Value {
    serde_json::from_str(&hub.twin(client).unwrap().json).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_example_makes_what_it_says() {
    // ADM-8
    let test = TestHub::start();
    let hub = &test.context.hub;
    let seeded = planted(hub, EXAMPLE, IfExists::Refuse).unwrap();
    let expected = Seeded {
        devices: 1002,
        modules: 1,
        configurations: 1,
        kept: 0,
        replaced: 0,
    };
    assert_eq!(seeded, expected);
    assert_eq!((hub.device_count(), hub.identity_count()), (1002, 1003));
    let pump = hub.device(&DeviceId::parse("pump-1").unwrap()).unwrap();
    assert_eq!(pump.authentication.keys().unwrap().primary.expose(), KEY);
    let of_pump = hub.twin(&device("pump-1")).unwrap().json;
    // A number keeps the form it is written in.
    assert!(of_pump.contains("\"battery\":0.80"), "{of_pump}");
    let repair = hub.device(&DeviceId::parse("pump-2").unwrap()).unwrap();
    assert_eq!(repair.status_reason.as_deref(), Some("in repair"));
    let last = twin(hub, &device("meter-1000"));
    assert_eq!(last["tags"]["number"], "1000");
    assert_eq!(last["properties"]["reported"]["fw"], "1.1");
    assert!(hub.device(&DeviceId::parse("meter-1001").unwrap()).is_err());
    let camera = ClientIdentity::module(
        DeviceId::parse("pump-1").unwrap(),
        ModuleId::parse("camera").unwrap(),
    );
    assert_eq!(
        twin(hub, &camera)["properties"]["desired"]["resolution"],
        720
    );
    // A configuration begins its work with the seed's twins.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let desired = &twin(hub, &device("pump-1"))["properties"]["desired"];
    assert_eq!(desired["interval"], 10);
}

#[tokio::test]
async fn the_lines_of_an_export_are_a_seed() {
    // ADM-8
    let (source, target) = (TestHub::start(), TestHub::start());
    planted(&source.context.hub, EXAMPLE, IfExists::Refuse).unwrap();
    let mut lines = String::new();
    let mut after = None;
    loop {
        let page = source.context.hub.export_page(after.as_ref(), true);
        for line in page.lines {
            lines.push_str(&line);
            lines.push_str("\r\n");
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let hub = &target.context.hub;
    let seeded = planted(hub, &lines, IfExists::Refuse).unwrap();
    assert_eq!((seeded.devices, seeded.modules), (1002, 1));
    for id in ["pump-1", "meter-0042"] {
        let (one, other) = (
            twin(&source.context.hub, &device(id)),
            twin(hub, &device(id)),
        );
        assert_eq!(one["tags"], other["tags"]);
        let reported = |twin: &serde_json::Value| twin["properties"]["reported"]["fw"].clone();
        assert_eq!(reported(&one), reported(&other));
    }
    let id = DeviceId::parse("pump-2").unwrap();
    let (one, other) = (source.context.hub.device(&id), hub.device(&id));
    assert_eq!(one.unwrap().authentication, other.unwrap().authentication);
}

#[tokio::test]
async fn every_mistake_is_told_with_its_place_and_nothing_is_made() {
    // ADM-8
    let test = TestHub::start();
    let hub = &test.context.hub;
    let long = format!(
        "devices:\n  - id: d\n    tags: {{a: {}}}\n",
        "x".repeat(9000)
    );
    let mut told = String::new();
    for text in [
        "",
        "# nothing\n",
        "devices: [\n",
        "- id: d\n",
        "devices: {id: d}\n",
        "devcies: []\n",
        "devices:\n  - tags: {}\n  - id: \"d 1\"\n  - id: d\n    tgas: {}\n    count: some\n    from: 3\n",
        "devices:\n  - {id: d}\n  - {id: d}\n",
        "devices:\n  - {id: d, count: 3}\n",
        "devices:\n  - {id: \"d{n}\", count: 1000000000000}\n",
        "devices:\n  - {id: e, properties: {wanted: {}}}\n",
        "devices:\n  - {id: \"d{n}\", count: 3, status: asleep}\n",
        "devices:\n  - {id: a, tags: {$x: 1}}\n  - {id: b, properties: {reported: {a.b: 1}}}\n",
        "devices:\n  - {id: b, properties: {reported: 5}}\n  - {id: c, tags: 5}\n",
        "devices:\n  - id: b\n    authentication: {symmetricKey: {primaryKey: short}}\n",
        "devices:\n  - id: b\n    modules:\n      - {id: m}\n      - {id: m}\n      - {name: n}\n",
        "devices: &all []\nconfigurations: *all\n",
        "configurations:\n  - {id: c}\n  - {id: C, content: {}}\n  - id: d\n    targetCondition: tags.\n    content: {deviceContent: {properties.desired.a: 1}}\n",
        "{\"id\":\"a\"}\n{\"id\":\"a\"}\n{\"id\":\n{\"id\":\"b\",\"moduleId\":\"m\"}\n{\"id\":\"c\",\"importMode\":\"delete\"}\n",
        &long,
    ] {
        let SeedError::Mistakes(mistakes) = planted(hub, text, IfExists::Replace).unwrap_err()
        else {
            panic!("{text}");
        };
        for mistake in mistakes {
            writeln!(told, "{mistake}").unwrap();
        }
        told.push('\n');
    }
    insta::assert_snapshot!(told);
    assert_eq!((hub.identity_count(), hub.event_log().newest()), (0, 0));
}

#[tokio::test]
async fn what_is_there_already_is_refused_kept_or_made_anew() {
    // ADM-8
    let test = TestHub::start();
    let hub = &test.context.hub;
    let first = "devices:\n  - {id: a, tags: {v: 1}, modules: [{id: m}]}\nconfigurations:\n  - {id: c, content: {deviceContent: {properties.desired.x: 1}}}\n";
    let second = "devices:\n  - {id: a, tags: {v: 2}}\n  - {id: b}\nconfigurations:\n  - {id: c, content: {deviceContent: {properties.desired.x: 2}}}\n";
    planted(hub, first, IfExists::Refuse).unwrap();
    let before = hub.event_log().newest();
    let refused = planted(hub, second, IfExists::Refuse).unwrap_err();
    insta::assert_snapshot!(refused, @"the hub has 2 of the seed's devices and configurations already: a, c");
    assert_eq!(hub.event_log().newest(), before);
    let state = || {
        let content = hub.configurations()[0].state.configuration.content.clone();
        let tag = twin(hub, &device("a"))["tags"]["v"].to_string();
        (tag, content.text().to_owned(), hub.identity_count())
    };
    let kept = planted(hub, second, IfExists::Keep).unwrap();
    assert_eq!((kept.devices, kept.configurations, kept.kept), (1, 0, 2));
    let content = |x: u8| format!("{{\"deviceContent\":{{\"properties.desired.x\":{x}}}}}");
    assert_eq!(state(), ("1".to_owned(), content(1), 3));
    // Run again it changes nothing.
    let again = planted(hub, second, IfExists::Keep).unwrap();
    assert_eq!((again.devices, again.configurations, again.kept), (0, 0, 3));
    let made = planted(hub, second, IfExists::Replace).unwrap();
    assert_eq!(
        (made.devices, made.configurations, made.replaced),
        (2, 1, 3)
    );
    assert_eq!(state(), ("2".to_owned(), content(2), 2));
    assert_eq!(hub.device_count(), 2);
}

#[tokio::test]
async fn a_seed_that_the_hub_has_no_room_for_changes_nothing() {
    // ADM-8
    let limits = hub_core::Limits {
        identities: 3,
        ..hub_core::Limits::default()
    };
    let test = TestHub::start_as("hub.example", crate::test_hub::NOW_UNIX_S, limits);
    let hub = &test.context.hub;
    test.create("a");
    let large = "devices:\n  - {id: \"d{n}\", count: 3}\n";
    let refused = planted(hub, large, IfExists::Refuse).unwrap_err();
    assert!(matches!(refused, SeedError::Hub(_)), "{refused}");
    assert_eq!(hub.device_count(), 1);
    let fits = "devices:\n  - {id: \"d{n}\", count: 2}\n";
    planted(hub, fits, IfExists::Refuse).unwrap();
    assert_eq!(hub.device_count(), 3);
}
