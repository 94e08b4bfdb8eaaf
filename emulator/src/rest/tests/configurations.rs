//! Automatic configurations over REST, on a hub without sockets.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::TestHub;
use crate::hub::WhichJobs;

const BODY: &str = r#"{"id":"c1","schemaVersion":"1.0","labels":{"a":"b"},"priority":10,"etag":"*",
    "content":{"deviceContent":{"properties.desired.x":{"y":1.0}}},"targetCondition":"tags.site='a'",
    "metrics":{"queries":{"all":"SELECT * FROM devices"}}}"#;

async fn settle() {
    // The clock of the tests stands still but for this.
    tokio::time::sleep(Duration::from_millis(300)).await;
}

async fn hub() -> TestHub {
    let hub = TestHub::start();
    for (device, site) in [("d1", "a"), ("d2", "b")] {
        hub.register(device).await;
        let tags = format!(r#"{{"tags":{{"site":"{site}"}}}}"#);
        hub.quick("PATCH", &format!("/twins/{device}"), &tags).await;
    }
    hub
}

async fn read(hub: &TestHub, path: &str) -> Value {
    let answer = hub.quick("GET", path, "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[tokio::test(start_paused = true)]
async fn a_configuration_is_written_evaluated_and_read_as_the_service_prints_it() {
    // CFG-5, CFG-6, CFG-11
    let hub = hub().await;
    let made = hub.quick("PUT", "/configurations/c1", BODY).await;
    assert_eq!(
        (made.status.as_u16(), made.header("etag")),
        (200, Some("\"MQ==\""))
    );
    let mut body = made.json();
    assert_eq!(body["systemMetrics"]["results"], json!({}));
    assert!(
        made.body
            .contains(r#""content":{"deviceContent":{"properties.desired.x":{"y":1.0}}}"#)
    );
    settle().await;
    let now = read(&hub, "/configurations/c1").await;
    body["systemMetrics"]["results"] = json!({"targetedCount":1,"appliedCount":1});
    body["metrics"]["results"] = json!({"all":2});
    assert_eq!(now, body);
    assert_eq!(read(&hub, "/configurations/").await, json!([now]));
    let twin = read(&hub, "/twins/d1").await;
    assert_eq!(twin["configurations"], json!({"c1":{"status":"Applied"}}));
    assert_eq!(twin["properties"]["desired"]["x"], json!({"y":1.0}));
    let x = &twin["properties"]["desired"]["$metadata"]["x"];
    assert_eq!(x["$lastUpdatedBy"], "c1");
    // A twin that changes and a device that appears are evaluated without being asked.
    hub.quick("PATCH", "/twins/d2", r#"{"tags":{"site":"a"}}"#)
        .await;
    settle().await;
    let now = read(&hub, "/configurations/c1").await;
    assert_eq!(now["systemMetrics"]["results"]["appliedCount"], 2);
    let gone = hub.quick("DELETE", "/configurations/c1", "").await;
    assert_eq!(gone.status, 204);
    settle().await;
    let twin = read(&hub, "/twins/d1").await;
    assert_eq!(
        (
            twin.get("configurations"),
            &twin["properties"]["desired"]["x"]
        ),
        (None, &json!({"y":1.0}))
    );
}

#[tokio::test(start_paused = true)]
async fn writes_are_refused_with_the_codes_of_configurations() {
    // CFG-1, CFG-2, CFG-4
    let hub = hub().await;
    hub.quick("PUT", "/configurations/c1", BODY).await;
    let other = BODY.replace("\"c1\"", "\"c2\"");
    let of = |from: &str, to: &str| other.replace(from, to);
    let cases = [
        ("c1", BODY.to_owned(), "ConfigurationAlreadyExists"),
        ("C2", of("\"c2\"", "\"C2\""), "ArgumentInvalid"),
        ("c3", other.clone(), "ArgumentInvalid"),
        ("c2", "{}".to_owned(), "InvalidConfigurationContent"),
        (
            "c2",
            of("properties.desired.x", "tags.x"),
            "InvalidConfigurationContent",
        ),
        (
            "c2",
            of("tags.site=", "tags.site=="),
            "InvalidConfigurationTargetCondition",
        ),
        (
            "c2",
            of("SELECT", "SELEC"),
            "InvalidConfigurationCustomMetricsQuery",
        ),
        (
            "c2",
            of("\"priority\":10", "\"priority\":-1"),
            "ArgumentInvalid",
        ),
        (
            "c2",
            of("{\"a\":\"b\"}", "{\"a\":1}"),
            "DeserializationError",
        ),
        (
            "c2",
            of("deviceContent", "moduleContent"),
            "InvalidConfigurationTargetCondition",
        ),
    ];
    for (id, body, code) in cases {
        let answer = hub
            .quick("PUT", &format!("/configurations/{id}"), &body)
            .await;
        assert_eq!(answer.code(), code, "{body}");
    }
    for (etag, status) in [
        ("\"Mg==\"", 412),
        ("MQ==", 200),
        ("\"Mg==\"", 200),
        ("\"*\"", 200),
    ] {
        let request = hub
            .request("PUT", "/configurations/c1")
            .header("If-Match", etag);
        assert_eq!(hub.call(request, BODY).await.status, status, "{etag}");
    }
    let missing = hub
        .request("PUT", "/configurations/c2")
        .header("If-Match", "\"*\"");
    assert_eq!(
        hub.call(missing, &other).await.code(),
        "ConfigurationNotFound"
    );
    for verb in ["GET", "DELETE"] {
        let missing = hub.quick(verb, "/configurations/c2", "").await;
        assert_eq!(missing.code(), "ConfigurationNotFound");
    }
}

#[tokio::test(start_paused = true)]
async fn a_metric_says_of_whom_each_of_its_rows_is() {
    // CFG-19
    let hub = hub().await;
    for (query, status) in [
        ("SELECT COUNT() FROM devices", 400),
        ("SELECT tags.site FROM devices", 400),
        (
            "SELECT deviceId, COUNT() FROM devices GROUP BY deviceId",
            400,
        ),
        ("SELECT * FROM devices.jobs", 400),
        ("SELECT deviceId, tags.site FROM devices", 200),
        ("SELECT moduleId FROM devices.modules", 200),
    ] {
        let id = format!("c{}", query.len());
        let body = BODY.replace("\"c1\"", &format!("\"{id}\""));
        let body = body.replace("SELECT * FROM devices", query);
        let put = hub
            .quick("PUT", &format!("/configurations/{id}"), &body)
            .await;
        assert_eq!(put.status, status, "{query}");
        if status == 400 {
            assert_eq!(put.code(), "InvalidConfigurationCustomMetricsQuery");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn queries_are_tested_and_content_is_applied_once() {
    // CFG-12, CFG-14
    let hub = hub().await;
    let body = r#"{"targetCondition":"*","customMetricQueries":{"bad":"SELEC","good":"SELECT * FROM devices"}}"#;
    let test = hub
        .quick("POST", "/configurations/testQueries", body)
        .await
        .json();
    assert_eq!(test["targetConditionError"], "unexpected '*' at 1:1");
    assert_eq!(
        test["customMetricQueryErrors"].as_object().unwrap().len(),
        1
    );
    let apply = |id: &'static str, body: &'static str| {
        let path = format!("/devices/{id}/applyConfigurationContent");
        let hub = &hub;
        async move { hub.quick("POST", &path, body).await }
    };
    let content = r#"{"deviceContent":{"properties.desired.x":1}}"#;
    assert_eq!(apply("d1", content).await.status, 204);
    let twin = read(&hub, "/twins/d1").await;
    assert_eq!(twin["properties"]["desired"]["x"], 1);
    assert_eq!(twin.get("configurations"), None);
    assert_eq!(apply("nobody", content).await.code(), "DeviceNotFound");
    assert_eq!(
        apply("d1", "{}").await.code(),
        "InvalidConfigurationContent"
    );
    let deployment = r#"{"modulesContent":{"$edgeAgent":{"properties.desired":{}}}}"#;
    let refused = apply("d1", deployment).await;
    assert!(
        refused.body.contains("Not an Azure IoT Edge device"),
        "{}",
        refused.body
    );
}

/// A deployment of the modules `names`, each with a property.
fn deployment(names: &[&str]) -> String {
    let part = |value: Value| json!({ "properties.desired": value });
    let modules: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "docker"})))
        .collect();
    let mut content = serde_json::Map::new();
    content.insert("$edgeAgent".to_owned(), part(json!({"modules": modules})));
    content.insert("$edgeHub".to_owned(), part(json!({"routes": {}})));
    for name in names {
        content.insert((*name).to_owned(), part(json!({"for": name})));
    }
    json!({"modulesContent": content}).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_deployment_makes_the_modules_of_an_edge_device_and_removes_those_that_vanish() {
    // CFG-15
    let hub = hub().await;
    let edge = r#"{"deviceId":"e","capabilities":{"iotEdge":true}}"#;
    assert_eq!(hub.quick("PUT", "/devices/e", edge).await.status, 200);
    let own = r#"{"deviceId":"e","moduleId":"own"}"#;
    assert_eq!(
        hub.quick("PUT", "/devices/e/modules/own", own).await.status,
        200
    );
    let apply = |body: String| {
        let hub = &hub;
        async move {
            let path = "/devices/e/applyConfigurationContent";
            hub.quick("POST", path, &body).await
        }
    };
    let names = async || {
        let all = read(&hub, "/devices/e/modules").await;
        let all = all.as_array().unwrap().clone().into_iter();
        let name = |module: Value| module["moduleId"].as_str().unwrap().to_owned();
        all.map(name).collect::<Vec<_>>()
    };
    assert_eq!(apply(deployment(&["camera", "valve"])).await.status, 204);
    assert_eq!(
        names().await,
        ["$edgeAgent", "$edgeHub", "camera", "own", "valve"]
    );
    let camera = read(&hub, "/devices/e/modules/camera").await;
    assert_eq!(camera["managedBy"], "iotEdge");
    assert_eq!(camera["authentication"]["type"], "sas");
    let desired = async |module: &str| {
        let twin = read(&hub, &format!("/twins/e/modules/{module}")).await;
        twin["properties"]["desired"].clone()
    };
    assert_eq!(desired("camera").await["for"], "camera");
    assert_eq!(desired("$edgeHub").await["routes"], json!({}));
    assert!(desired("$edgeAgent").await["modules"]["valve"].is_object());

    // Again, with one that vanishes: the other keeps its keys, and the service's own stays.
    assert_eq!(apply(deployment(&["camera"])).await.status, 204);
    assert_eq!(names().await, ["$edgeAgent", "$edgeHub", "camera", "own"]);
    assert_eq!(read(&hub, "/devices/e/modules/camera").await, camera);

    // Nothing of a deployment that breaks a rule is carried out.
    let many: Vec<String> = (0..50).map(|place| format!("m{place}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(apply(deployment(&many)).await.status, 413);
    let stranger = deployment(&["camera"]).replace(r#""$edgeHub""#, r#""stranger""#);
    assert_eq!(apply(stranger).await.code(), "InvalidConfigurationContent");
    let reserved =
        deployment(&["camera"]).replace(r#"{"camera":{"type""#, r#"{"$edgeHub":{"type""#);
    assert_eq!(apply(reserved).await.code(), "InvalidConfigurationContent");
    assert_eq!(names().await, ["$edgeAgent", "$edgeHub", "camera", "own"]);
    assert_eq!(
        desired("$edgeAgent").await["modules"]
            .as_object()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_stored_rolled_out_and_found_by_its_metrics() {
    // CFG-16, CFG-17, CFG-18, Q-9
    let hub = hub().await;
    let edge = r#"{"deviceId":"e","capabilities":{"iotEdge":true}}"#;
    assert_eq!(hub.quick("PUT", "/devices/e", edge).await.status, 200);
    let content: Value = serde_json::from_str(&deployment(&["camera"])).unwrap();
    let body = json!({
        "id": "edge", "schemaVersion": "2.0", "content": content, "targetCondition": "*", "priority": 3,
        "metrics": {"queries": {"mine": "SELECT deviceId FROM devices.modules WHERE moduleId = 'camera'"}},
    });
    let put = hub
        .quick("PUT", "/configurations/edge", &body.to_string())
        .await;
    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!(put.json()["content"], content);
    settle().await;
    let names = read(&hub, "/devices/e/modules").await;
    assert_eq!(names.as_array().unwrap().len(), 3);
    let camera = read(&hub, "/devices/e/modules/camera").await;
    assert_eq!(camera["managedBy"], "iotEdge");
    let stored = read(&hub, "/configurations/edge").await;
    assert_eq!(
        stored["systemMetrics"]["results"],
        json!({"targetedCount": 1, "appliedCount": 1, "reportedSuccessfulCount": 0, "reportedFailedCount": 0})
    );
    assert_eq!(stored["metrics"]["results"], json!({"mine": 1}));
    // As `az iot edge deployment show-metric` asks for them.
    for (name, text) in stored["systemMetrics"]["queries"].as_object().unwrap() {
        let body = json!({ "query": text }).to_string();
        let found = hub.quick("POST", "/devices/query", &body).await;
        let result = &stored["systemMetrics"]["results"][name];
        assert_eq!(
            json!(found.json().as_array().unwrap().len()),
            *result,
            "{text}"
        );
    }
    assert_eq!(
        hub.context.hub.identity_count(),
        hub.context
            .hub
            .export(WhichJobs::None)
            .unwrap()
            .clients
            .len()
    );
}
