//! What queries answer: projections, TOP, aggregates and groups.

use hub_core::query::{Collection, GroupKey, ItemType, Query, Row};
use serde_json::{Value, json};

use super::support::{TestClient, answer, query};

/// Three devices with a number each, and one with nothing.
fn devices() -> Vec<TestClient> {
    let with = |id, site: &str, number: Value| {
        let twin = json!({"tags": {"site": site}, "reported": {"n": number, "on": true}});
        TestClient::new(id, &twin)
    };
    vec![
        with("d1", "Oslo", json!(1)),
        with("d2", "Bergen", json!(2.5)),
        with("d3", "Oslo", json!(-4)),
        TestClient::new("d4", &json!({})),
    ]
}

fn item(select: &str) -> String {
    let twin = json!({
        "tags": {"a": {"b": 1.0, "c": [1, {"d": true}]}, "group": "g"},
        "desired": {"x": {"y": true}},
    });
    let query = query(&format!("SELECT {select} FROM devices"));
    TestClient::new("d1", &twin).see(|row| query.item(row))
}

#[test]
fn a_projection_names_its_members_and_leaves_out_what_is_undefined() {
    // Q-5
    let cases = [
        ("deviceId", r#"{"deviceId":"d1"}"#),
        (
            "DEVICEID, Status as State",
            r#"{"deviceId":"d1","State":"enabled"}"#,
        ),
        ("id, devices.deviceId x", r#"{"id":"d1","x":"d1"}"#),
        ("tags.a.b", r#"{"b":1.0}"#),
        ("tags.a", r#"{"a":{"b":1.0,"c":[1,{"d":true}]}}"#),
        ("tags.[[group]] AS [[my group]]", r#"{"my group":"g"}"#),
        ("tags.a.c[0]", r#"{"$1":1}"#),
        ("tags.a.c[1].d, tags.none", r#"{"d":true}"#),
        ("tags.none", "{}"),
        ("properties.desired.x.y", r#"{"y":true}"#),
        ("properties.desired.$version v", r#"{"v":2}"#),
        ("Properties.Desired.X", "{}"),
        ("capabilities.iotEdge as IotEdge", r#"{"IotEdge":false}"#),
        ("version + 1, 'x' || 1", ""),
        (
            "version + 1, tags.a.b AS b, 'x'",
            r#"{"$1":4,"b":1.0,"$2":"x"}"#,
        ),
        (
            "1.50, -0, 1e20, 0.1 + 0.2",
            r#"{"$1":1.5,"$2":0,"$3":1e+20,"$4":0.30000000000000004}"#,
        ),
        ("status = 'enabled' is", r#"{"is":true}"#),
        ("tags.none = 1", "{}"),
        ("[1, tags.none, 'a'] list", r#"{"list":[1,null,"a"]}"#),
        ("version AS x, deviceId AS x", r#"{"x":"d1"}"#),
        ("deviceId AS x, tags.none AS x", "{}"),
        (
            "x509Thumbprint",
            r#"{"x509Thumbprint":{"PrimaryThumbprint":null,"SecondaryThumbprint":null}}"#,
        ),
        (
            "capabilities, statusReason",
            r#"{"capabilities":{"iotEdge":false}}"#,
        ),
        (
            "statusUpdatedTime",
            r#"{"statusUpdatedTime":"0001-01-01T00:00:00Z"}"#,
        ),
        ("NoSuch", "{}"),
        (
            "properties.desired.$metadata.$lastUpdated at",
            r#"{"at":"2026-11-22T10:00:00.0000000Z"}"#,
        ),
        (
            "properties.desired",
            r#"{"desired":{"x":{"y":true},"$metadata":{"$lastUpdated":"2026-11-22T10:00:00.0000000Z","$lastUpdatedVersion":2,"x":{"$lastUpdated":"2026-11-22T10:00:00.0000000Z","$lastUpdatedVersion":2,"y":{"$lastUpdated":"2026-11-22T10:00:00.0000000Z","$lastUpdatedVersion":2}}},"$version":2}}"#,
        ),
    ];
    for (select, expected) in cases {
        if expected.is_empty() {
            let text = format!("SELECT {select} FROM devices");
            assert!(Query::parse(&text).is_err(), "{text}");
        } else {
            assert_eq!(item(select), expected, "{select}");
        }
    }
}

#[test]
fn a_projected_part_is_the_part_of_the_document() {
    // Q-5
    let twin = json!({"tags": {"a": 1}, "desired": {"x": {"y": [true]}}, "reported": {"z": {}}});
    let mut device = TestClient::new("d1", &twin);
    device.edge = true;
    device.scope = Some("ms-azure-iot-edge://d1-1".to_owned());
    device.parent_scopes = vec!["ms-azure-iot-edge://p-1".into()];
    let document = device.document();
    let members = document.as_object().unwrap();
    for (name, value) in members {
        let projected = answer(
            &format!("SELECT {name} FROM devices"),
            std::slice::from_ref(&device),
        );
        assert_eq!(projected, json!([{ name: value }]), "{name}");
    }
    for (path, pointer) in [
        (
            "properties.desired.$metadata",
            "/properties/desired/$metadata",
        ),
        (
            "properties.reported.$metadata.z",
            "/properties/reported/$metadata/z",
        ),
        ("properties.desired.x", "/properties/desired/x"),
        ("parentScopes[0]", "/parentScopes/0"),
        ("deviceScope", "/deviceScope"),
    ] {
        let text = format!("SELECT {path} AS it FROM devices");
        let projected = answer(&text, std::slice::from_ref(&device));
        assert_eq!(
            projected,
            json!([{"it": document.pointer(pointer).unwrap()}]),
            "{path}"
        );
    }
}

#[test]
fn aggregates_without_groups_give_one_row() {
    // Q-6
    let cases = [
        ("COUNT() AS numberOfDevices", json!({"numberOfDevices": 4})),
        ("count()", json!({"$1": 4})),
        (
            "SUM(properties.reported.n) AS s, AVG(properties.reported.n) AS a",
            json!({"s": -0.5, "a": -0.5 / 3.0}),
        ),
        (
            "MIN(properties.reported.n), MAX(properties.reported.n), COUNT() AS n",
            json!({"$1": -4, "$2": 2.5, "n": 4}),
        ),
        (
            "MIN(tags.site), MAX(tags.site)",
            json!({"$1": "Bergen", "$2": "Oslo"}),
        ),
        (
            "AVG(tags.site), SUM(tags.none), MIN(tags.none), COUNT()",
            json!({"$4": 4}),
        ),
        (
            "SUM(properties.reported.on), MAX(properties.reported.on)",
            json!({}),
        ),
    ];
    for (select, expected) in cases {
        let text = format!("SELECT {select} FROM devices");
        assert_eq!(answer(&text, &devices()), json!([expected]), "{text}");
    }
    let text = "SELECT COUNT() AS n, AVG(version) AS v FROM devices WHERE deviceId = 'x'";
    assert_eq!(answer(text, &devices()), json!([{"n": 0}]));
}

#[test]
fn numbers_and_texts_have_no_least_among_them() {
    // Q-6
    let with = |id, value: Value| TestClient::new(id, &json!({"tags": {"x": value}}));
    let mixed = [
        with("d1", json!("a")),
        with("d2", json!(1)),
        with("d3", json!(true)),
    ];
    let text = "SELECT MIN(tags.x) AS least, MAX(tags.x) AS most, COUNT() AS n FROM devices";
    assert_eq!(answer(text, &mixed), json!([{"n": 3}]));
    let expected = json!([{"least": "a", "most": "a", "n": 1}]);
    assert_eq!(answer(text, &mixed[..1]), expected);
}

#[test]
fn groups_have_a_row_each_and_the_undefined_one_has_no_key() {
    // Q-6
    let expected = json!([
        {"n": 1},
        {"site": "Bergen", "n": 1},
        {"site": "Oslo", "n": 2},
    ]);
    let text = "SELECT tags.site, COUNT() AS n FROM devices GROUP BY tags.site";
    assert_eq!(answer(text, &devices()), expected);
    let text = "SELECT COUNT() AS n, Status FROM devices WHERE is_defined(tags) GROUP BY status";
    assert_eq!(
        answer(text, &devices()),
        json!([{"n": 3, "status": "enabled"}])
    );
    let text = "SELECT tags.site AS at, properties.reported.on AS is FROM devices GROUP BY tags.site, properties.reported.on";
    let expected = json!([{}, {"at": "Bergen", "is": true}, {"at": "Oslo", "is": true}]);
    assert_eq!(answer(text, &devices()), expected);
    let text = "SELECT tags.site FROM devices WHERE deviceId = 'x' GROUP BY tags.site";
    assert_eq!(answer(text, &devices()), json!([]));
}

#[test]
fn equal_keys_are_one_group_however_they_were_written() {
    // Q-6
    let values = [
        json!(1),
        json!(1.0),
        json!("1"),
        json!({"a": 1, "b": [true]}),
        json!({"b": [true], "a": 1.0}),
        json!([1, 2]),
        json!([2, 1]),
        json!(true),
        json!("a\u{0}b"),
        json!("a"),
    ];
    let clients: Vec<TestClient> = values
        .iter()
        .enumerate()
        .map(|(place, value)| {
            let twin = format!(r#"{{"properties":{{"desired":{{"x":{value}}}}}}}"#);
            let twin: Value = serde_json::from_str(&twin).unwrap();
            TestClient::new(
                &format!("d{place}"),
                &json!({"desired": twin["properties"]["desired"]}),
            )
        })
        .collect();
    let text =
        "SELECT properties.desired.x AS x, COUNT() AS n FROM devices GROUP BY properties.desired.x";
    let expected = json!([
        {"x": true, "n": 1},
        {"x": 1, "n": 2},
        {"x": "1", "n": 1},
        {"x": "a", "n": 1},
        {"x": "a\u{0}b", "n": 1},
        {"x": [1, 2], "n": 1},
        {"x": [2, 1], "n": 1},
        {"x": {"a": 1, "b": [true]}, "n": 2},
    ]);
    assert_eq!(answer(text, &clients), expected);
}

#[test]
fn groups_are_computed_in_parts_and_pages_of_bounded_size() {
    // Q-6
    let clients: Vec<TestClient> = (0..40)
        .map(|place| {
            let twin = json!({"tags": {"site": format!("s{}", place % 7).repeat(200), "n": place}});
            TestClient::new(&format!("d{place}"), &twin)
        })
        .collect();
    let text = "SELECT tags.site, SUM(tags.n) AS sum, COUNT() AS n FROM devices GROUP BY tags.site";
    let query = query(text);
    let (mut items, mut after): (Vec<Value>, Option<GroupKey>) = (Vec::new(), None);
    loop {
        let mut whole = query.groups(after.clone(), 3);
        for part in clients.chunks(9) {
            let mut groups = query.groups(after.clone(), 3);
            for client in part {
                client.see(|row| groups.add(&query, row));
            }
            whole.merge(groups);
        }
        let page = whole.items(&query);
        let Some((last, _)) = page.last() else { break };
        assert!(page.len() <= 3 && last.as_bytes().len() < 600);
        after = Some(last.clone());
        items.extend(
            page.iter()
                .map(|(_, item)| serde_json::from_str::<Value>(item).unwrap()),
        );
    }
    let whole = answer(text, &clients);
    assert_eq!(Value::from(items), whole);
    assert_eq!(whole.as_array().unwrap().len(), 7);
}

#[test]
fn the_item_type_is_of_the_collection_or_raw() {
    // Q-5
    let cases = [
        ("SELECT * FROM devices", "Twin"),
        ("SELECT TOP 10 * FROM devices", "Twin"),
        ("SELECT * FROM devices.modules", "Twin"),
        ("SELECT * FROM devices.jobs", "DeviceJob"),
        ("SELECT TOP 2 * FROM Devices.Jobs", "DeviceJob"),
        ("SELECT deviceId FROM devices", "Raw"),
        ("SELECT moduleId FROM devices.modules", "Raw"),
        ("SELECT COUNT() FROM devices", "Raw"),
        ("SELECT status FROM devices GROUP BY status", "Raw"),
    ];
    for (text, expected) in cases {
        assert_eq!(query(text).item_type().as_str(), expected, "{text}");
    }
    assert_eq!(query("SELECT TOP 10 * FROM devices").top(), Some(10));
    assert_eq!(query("SELECT * FROM devices").top(), None);
    assert_eq!(query("SELECT * FROM devices").item_type(), ItemType::Twin);
}

/// Microsoft's page "Queries for IoT Hub jobs".
#[test]
fn device_job_rows_are_asked_by_their_own_names() {
    // Q-7
    let row = r#"{"deviceId":"d1","jobId":"j","jobType":"scheduleUpdateTwin","status":"completed","startTimeUtc":"2026-11-22T10:00:00.0000000Z","createdDateTimeUtc":"2026-11-22T09:00:00.0000000Z","outcome":{"deviceMethodResponse":{"status":200}}}"#;
    for condition in [
        "devices.jobs.jobId = 'j'",
        "devices.jobs.deviceId = 'd1' AND devices.jobs.jobType = 'scheduleUpdateTwin' AND devices.jobs.status = 'completed' AND devices.jobs.createdTimeUtc > '2016-09-01'",
        "JOBID = 'j' AND createdDateTimeUtc = createdTimeUtc",
        "outcome.deviceMethodResponse.status = 200",
        "NOT is_defined(error) AND NOT is_defined(endTimeUtc)",
    ] {
        let query = query(&format!("SELECT * FROM devices.jobs WHERE {condition}"));
        assert_eq!(query.collection(), Collection::Jobs);
        assert!(query.matches(Row::json(row)), "{condition}");
        assert_eq!(query.item(Row::json(row)), row);
    }
    let other = query("SELECT * FROM devices.jobs WHERE jobId = 'k' OR error.code = 1");
    assert!(!other.matches(Row::json(row)));
    assert!(!other.matches(Row::json("no JSON")));
}
