//! Many identities in one request, keys made anew, and how many devices there are.

use serde_json::{Value, json};

use super::support::*;

/// What a hub says to a list of rows: its status, and the codes of the rows that failed.
async fn bulk(hub: &TestHub, rows: Value) -> (u16, Vec<(String, u64)>) {
    let answer = hub.quick("POST", "/devices", &rows.to_string()).await;
    let result = answer.json();
    let errors = result["errors"].as_array().unwrap().iter();
    let errors = errors.map(|error| {
        let device = error["deviceId"].as_str().unwrap().to_owned();
        (device, error["errorCode"].as_u64().unwrap())
    });
    assert_eq!(result["isSuccessful"], answer.status.is_success());
    let header = (!answer.status.is_success()).then_some("BulkRegistryOperationFailure");
    assert_eq!(answer.header("iothub-errorcode"), header);
    assert_eq!(
        answer.header("IotHubErrorCode"),
        header,
        "C# looks for this one"
    );
    (answer.status.as_u16(), errors.collect())
}

#[tokio::test(start_paused = true)]
async fn rows_are_carried_out_each_by_itself() {
    // REG-13
    let hub = TestHub::start();
    hub.register("old").await;
    let failed = |device: &str, code| (device.to_owned(), code);
    let rows = json!([
        {"id": "new", "importMode": "create", "tags": {"a": 1}, "properties": {"desired": {"b": 2}}},
        {"id": "old", "importMode": "create"},
        {"id": "gone", "importMode": "update"},
        {"id": "either"},
        {"id": "new"},
        {"id": "gone", "moduleId": "m", "importMode": "create"},
        {"id": "new", "moduleId": "m", "importMode": "create", "managedBy": "me"},
        {"id": "n2", "importMode": "sideways"},
    ]);
    let expected = vec![
        failed("old", 409_001),
        failed("gone", 404_001),
        failed("new", 400_011),
        failed("gone", 404_001),
        failed("n2", 400_004),
    ];
    assert_eq!(bulk(&hub, rows).await, (400, expected));
    let twin = hub.quick("GET", "/twins/new", "").await.json();
    assert_eq!(
        (&twin["tags"]["a"], &twin["properties"]["desired"]["b"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        hub.quick("GET", "/devices/new/modules/m", "").await.status,
        200
    );
    assert_eq!(hub.quick("GET", "/devices/either", "").await.status, 200);

    let twins = json!([
        {"id": "new", "importMode": "UpdateTwin", "tags": {"a": null, "c": 3}},
        {"id": "old", "importMode": "updateTwinIfMatchETag", "twinETag": "stale", "tags": {"x": 1}},
        {"id": "new", "moduleId": "m", "importMode": "updateTwin", "tags": {"of": "m"}},
    ]);
    assert_eq!(bulk(&hub, twins).await, (400, vec![failed("old", 412_001)]));
    let twin = hub.quick("GET", "/twins/new", "").await.json();
    assert_eq!(twin["tags"], json!({"c": 3}));
    let twin = hub.quick("GET", "/twins/new/modules/m", "").await.json();
    assert_eq!(twin["tags"], json!({"of": "m"}));

    let deletes = json!([
        {"id": "new", "importMode": "Delete"},
        {"id": "old", "importMode": "DeleteIfMatchETag", "eTag": "stale"},
        {"id": "either", "importMode": "deleteIfMatchETag", "eTag": "*"},
    ]);
    assert_eq!(
        bulk(&hub, deletes).await,
        (400, vec![failed("old", 412_001)])
    );
    let done = json!([{"id": "old", "importMode": "delete"}]);
    assert_eq!(bulk(&hub, done).await, (200, vec![]));
    assert_eq!(hub.quick("GET", "/devices", "").await.body, "[]");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_is_refused_whole() {
    // REG-13
    let hub = TestHub::start();
    let many: Vec<Value> = (0..101).map(|n| json!({"id": format!("d{n}")})).collect();
    let cases = [
        ("[]".to_owned(), 400, "ArgumentInvalid"),
        (json!(many).to_string(), 413, "TooManyDevices"),
        ("{}".to_owned(), 400, "DeserializationError"),
        ("null".to_owned(), 400, "DeserializationError"),
        ("[".to_owned(), 400, "IotHubFormatError"),
        (
            r#"[{"id":"ok"},{"moduleId":"m"}]"#.to_owned(),
            400,
            "ArgumentNull",
        ),
    ];
    for (body, status, code) in cases {
        let answer = hub.quick("POST", "/devices", &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code),
            "{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_made_anew_one_or_both() {
    // REG-14
    let hub = TestHub::start();
    hub.register("d").await;
    let regenerate = async |which: &str, ids: &[&str]| {
        let devices: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        let body = json!({"policyKey": which, "devices": devices}).to_string();
        let answer = hub.quick("POST", "/devices/keys/regenerate", &body).await;
        (answer.status.as_u16(), answer.json())
    };
    let (status, result) = regenerate("secondaryKey", &["d"]).await;
    let row = &result["rotatedKeys"][0];
    assert_eq!((status, &row["primaryKey"]), (200, &json!(PRIMARY)));
    assert_ne!(row["secondaryKey"], SECONDARY);
    let device = hub.quick("GET", "/devices/d", "").await.json();
    let kept = &device["authentication"]["symmetricKey"]["secondaryKey"];
    assert_eq!(kept, &row["secondaryKey"]);
    let (status, result) = regenerate("both", &["d", "nobody"]).await;
    assert_eq!(
        (status, &result["errors"][0]["id"]),
        (207, &json!("nobody"))
    );
    assert_eq!(result["errors"][0]["errorCode"], 404_001);
    assert_ne!(result["rotatedKeys"][0]["primaryKey"], PRIMARY);
    let (status, _) = regenerate("both", &["nobody"]).await;
    assert_eq!(status, 400);
    let (status, _) = regenerate("third", &["d"]).await;
    assert_eq!(status, 400);
}

#[tokio::test(start_paused = true)]
async fn devices_are_counted_by_state() {
    // REG-15
    let hub = TestHub::start();
    for id in ["a", "b"] {
        hub.register(id).await;
    }
    hub.quick("PUT", "/devices/c", r#"{"status":"disabled"}"#)
        .await;
    let counts = hub.quick("GET", "/statistics/devices", "").await;
    assert_eq!(
        counts.body,
        r#"{"totalDeviceCount":3,"enabledDeviceCount":2,"disabledDeviceCount":1}"#
    );
    let connected = hub.quick("GET", "/statistics/service", "").await;
    assert_eq!(connected.body, r#"{"connectedDeviceCount":0}"#);
}
