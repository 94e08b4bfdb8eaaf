//! Twins and methods: MQTT bytes on the plain port.

use hubnerite_tests::wire::{publish, subscribe};
use hubnerite_tests::{Packet, Rest, TestHub, Wire};
use serde_json::{Value, json};

const RESPONSES: &str = "$iothub/twin/res/#";
const DESIRED: &str = "$iothub/twin/PATCH/properties/desired/#";
const METHODS: &str = "$iothub/methods/POST/#";
const REPORTED: &str = "$iothub/twin/PATCH/properties/reported/";

async fn device(hub: &TestHub, rest: &Rest, device: &str, filters: &[&str]) -> Wire {
    let key = rest.create_device(device).await;
    let mut wire = hub.dial().await;
    wire.log_in(device, &key).await;
    for filter in filters {
        assert!(wire.subscribe(filter, 0).await == 0);
    }
    wire
}

fn json_of(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).expect("JSON")
}

// SEMANTICS CON-8, TOP-2
#[tokio::test]
async fn several_filters_are_granted_one_by_one_and_qos_2_becomes_1() {
    let hub = TestHub::start().await;
    let mut wire = device(&hub, &hub.rest(), "d", &[]).await;
    wire.send(&subscribe(
        258,
        &[(RESPONSES, 0), (METHODS, 1), (DESIRED, 2)],
    ))
    .await;
    assert_eq!(
        wire.packet().await,
        Packet {
            first: 0x90,
            body: vec![1, 2, 0, 1, 1]
        }
    );
}

// SEMANTICS TOP-4, TW-5, TW-10
#[tokio::test]
async fn a_device_reads_and_patches_its_twin_under_its_own_request_ids() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let mut wire = device(&hub, &rest, "d", &[RESPONSES]).await;
    wire.send(&publish(0, "$iothub/twin/GET/?$rid=a%20B-1", 0, b" "))
        .await;
    let (flags, topic, _, payload) = wire.publication().await;
    assert_eq!(
        (flags, topic.as_str()),
        (0, "$iothub/twin/res/200/?$rid=a%20B-1")
    );
    assert_eq!(
        json_of(&payload),
        json!({ "desired": { "$version": 1 }, "reported": { "$version": 1 } })
    );

    let patch = br#"{"n":1.50,"date":"2023-01-31T10:37:08.4599400","gone":null}"#;
    wire.send(&publish(0b010, &format!("{REPORTED}?$rid=2"), 77, patch))
        .await;
    let mut seen = [wire.packet().await, wire.packet().await];
    seen.sort_by_key(|packet| std::cmp::Reverse(packet.first));
    assert_eq!(
        seen[0],
        Packet {
            first: 0x40,
            body: vec![0, 77]
        },
        "the PUBACK"
    );
    let answer = String::from_utf8_lossy(&seen[1].body[2..]).into_owned();
    assert_eq!(answer, "$iothub/twin/res/204/?$rid=2&$version=2");

    let twin = rest.send("GET", "/twins/d", &[], Vec::new()).await.body;
    assert!(
        twin.contains(r#""n":1.50"#),
        "numbers stay as they were written: {twin}"
    );
    assert!(
        twin.contains("2023-01-31T10:37:08.4599400"),
        "so do dates: {twin}"
    );
}

// SEMANTICS TW-6, TW-10, TW-11
#[tokio::test]
async fn a_patch_is_refused_for_its_version_or_its_content_and_changes_nothing() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let mut wire = device(&hub, &rest, "d", &[RESPONSES]).await;
    for (query, patch, status) in [
        ("$rid=1&$version=7", r#"{"a":1}"#, 412),
        ("$rid=2&$version=0", r#"{"a":1}"#, 412),
        ("$rid=3", r#"{"a":1"#, 400),
        ("$rid=4", "[1]", 400),
        ("$rid=5", r#"{"ok":1,"$x":1}"#, 400),
        ("$rid=6", r#"{"ok":1,"a":{"b c":1}}"#, 400),
    ] {
        wire.send(&publish(
            0,
            &format!("{REPORTED}?{query}"),
            0,
            patch.as_bytes(),
        ))
        .await;
        let (_, topic, _, payload) = wire.publication().await;
        let rid = query.split('&').next().unwrap();
        assert!(
            topic.starts_with(&format!("$iothub/twin/res/{status}/?{rid}")),
            "{patch}: {topic}"
        );
        let body = json_of(&payload);
        assert_eq!(body["errorCode"].as_u64().unwrap() / 1000, status, "{body}");
        assert!(
            body["message"].is_string() && body["trackingId"].is_string(),
            "{body}"
        );
    }
    assert_eq!(
        rest.twin("d").await["properties"]["reported"]["$version"],
        1
    );
    // With the version that it has, the patch is taken.
    wire.send(&publish(
        0,
        &format!("{REPORTED}?$rid=9&$version=1"),
        0,
        br#"{"a":1}"#,
    ))
    .await;
    assert_eq!(
        wire.publication().await.1,
        "$iothub/twin/res/204/?$rid=9&$version=2"
    );
}

// SEMANTICS TOP-3, TW-9
#[tokio::test]
async fn a_change_of_desired_properties_is_told_to_its_device_alone() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let mut changed = device(&hub, &rest, "changed", &[DESIRED]).await;
    let mut other = device(&hub, &rest, "other", &[DESIRED]).await;
    let mut deaf = device(&hub, &rest, "deaf", &[RESPONSES]).await;
    rest.patch_twin("deaf", json!({ "properties": { "desired": { "x": 1 } } }))
        .await;
    rest.patch_twin("changed", json!({ "tags": { "t": 1 } }))
        .await;
    rest.patch_twin(
        "changed",
        json!({ "properties": { "desired": { "a": { "b": 1 } } } }),
    )
    .await;
    let (flags, topic, _, payload) = changed.publication().await;
    assert_eq!(
        (flags, topic.as_str()),
        (0, "$iothub/twin/PATCH/properties/desired/?$version=2")
    );
    assert_eq!(json_of(&payload), json!({ "a": { "b": 1 }, "$version": 2 }));
    for wire in [&mut changed, &mut other, &mut deaf] {
        wire.expect_quiet().await;
    }
}

// SEMANTICS DM-1, DM-2, DM-9
#[tokio::test]
async fn calls_run_side_by_side_and_each_answer_finds_its_caller() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let mut wires = Vec::new();
    for name in ["d0", "d1", "d2"] {
        wires.push(device(&hub, &rest, name, &[METHODS]).await);
    }
    let calls: Vec<_> = (0..6)
        .map(|n| {
            let rest = rest.clone();
            tokio::spawn(async move {
                rest.invoke(&format!("d{}", n % 3), "m", json!({ "n": n }))
                    .await
            })
        })
        .collect();
    for (index, wire) in wires.iter_mut().enumerate() {
        let mut open = [wire.publication().await, wire.publication().await];
        // The later call is answered first.
        open.reverse();
        for (_, topic, _, payload) in open {
            let n = json_of(&payload)["n"].as_u64().unwrap();
            assert_eq!(
                usize::try_from(n).unwrap() % 3,
                index,
                "a call of another device"
            );
            let rid = topic
                .strip_prefix("$iothub/methods/POST/m/?$rid=")
                .expect(&topic);
            assert!(
                rid.bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)),
                "{rid}"
            );
            let answer = format!("$iothub/methods/res/{}/?$rid={rid}", 100 + n);
            wire.send(&publish(0, &answer, 0, n.to_string().as_bytes()))
                .await;
        }
        wire.expect_quiet().await;
    }
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(
            call.await.unwrap().json(),
            json!({ "status": 100 + n, "payload": n })
        );
    }
}

// SEMANTICS DM-5
#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_acknowledged_and_dropped() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let mut wire = device(&hub, &rest, "d", &[METHODS]).await;
    wire.send(&publish(
        0b010,
        "$iothub/methods/res/200/?$rid=ffff",
        5,
        b"1",
    ))
    .await;
    assert_eq!(
        wire.packet().await,
        Packet {
            first: 0x40,
            body: vec![0, 5]
        }
    );
    wire.expect_quiet().await;
}

// SEMANTICS DM-1
#[tokio::test]
async fn a_call_without_a_payload_reaches_the_device_as_null() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let mut wire = device(&hub, &rest, "d", &[METHODS]).await;
    let call = tokio::spawn({
        let rest = rest.clone();
        async move {
            rest.call("POST", "/twins/d/methods", json!({ "methodName": "m" }))
                .await
        }
    });
    let (_, topic, _, payload) = wire.publication().await;
    assert_eq!(payload, b"null");
    let rid = topic.rsplit('=').next().unwrap();
    // An empty answer is null, too.
    wire.send(&publish(
        0,
        &format!("$iothub/methods/res/204/?$rid={rid}"),
        0,
        b"",
    ))
    .await;
    assert_eq!(
        call.await.unwrap().json(),
        json!({ "status": 204, "payload": null })
    );
}

// SEMANTICS DM-6
#[tokio::test]
async fn a_call_ends_when_its_device_is_lost_or_replaced() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    for (name, replaced, status) in [("lost", false, 503), ("replaced", true, 400)] {
        let mut wire = device(&hub, &rest, name, &[METHODS]).await;
        let call = tokio::spawn({
            let rest = rest.clone();
            async move { rest.invoke(name, "m", json!(null)).await }
        });
        wire.publication().await;
        let mut newer = hub.dial().await;
        if replaced {
            newer.log_in(name, &hub.primary_key(name)).await;
            wire.expect_end().await;
        }
        drop(wire);
        let answer = call.await.unwrap();
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
}
