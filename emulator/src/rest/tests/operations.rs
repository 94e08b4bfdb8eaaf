//! Twins, methods, queries and messages, as clients use them.

use hyper::Request;
use hyper::header::HOST;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::support::TestHub;

#[tokio::test(start_paused = true)]
async fn a_fresh_twin_is_printed_as_the_hub_prints_it() {
    let hub = TestHub::start();
    let etag = hub.register("pump-1").await.json()["etag"]
        .as_str()
        .unwrap()
        .to_owned();
    let answer = hub.quick("GET", "/twins/pump-1", "").await;
    assert_eq!(answer.header("etag"), Some("\"AAAAAAAAAAE=\""));
    let body = answer.body.replace(&etag, "(etag)");
    insta::assert_snapshot!(body, @r#"{"deviceId":"pump-1","etag":"AAAAAAAAAAE=","deviceEtag":"(etag)","status":"enabled","statusUpdateTime":"0001-01-01T00:00:00Z","connectionState":"Disconnected","lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"authenticationType":"sas","x509Thumbprint":{"PrimaryThumbprint":null,"SecondaryThumbprint":null},"modelId":"","version":2,"properties":{"desired":{"$metadata":{"$lastUpdated":"2026-11-22T10:00:00.0000000Z"},"$version":1},"reported":{"$metadata":{"$lastUpdated":"2026-11-22T10:00:00.0000000Z"},"$version":1}},"capabilities":{"iotEdge":false}}"#);
}

#[tokio::test(start_paused = true)]
async fn a_method_on_a_device_that_is_away_is_refused_in_the_structured_shape() {
    let hub = TestHub::start();
    hub.register("d").await;
    let call = r#"{"methodName":"reboot","payload":null,"timeoutInSeconds":30}"#;
    let cases = [
        ("/twins/d/methods", call, 404, "DeviceNotOnline", 404_103),
        (
            "/twins/missing/methods",
            call,
            404,
            "DeviceNotFound",
            404_001,
        ),
        ("/twins/d/methods", "{}", 400, "ArgumentNull", 400_005),
        (
            "/twins/d/methods",
            r#"{"methodName":"a b"}"#,
            400,
            "ArgumentInvalid",
            400_004,
        ),
    ];
    for (path, body, status, code, number) in cases {
        let answer = hub.quick("POST", path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code),
            "{}",
            answer.body
        );
        let outer = answer.json();
        assert_eq!(outer["ExceptionMessage"], "");
        let inner: serde_json::Value =
            serde_json::from_str(outer["Message"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&inner["errorCode"], &inner["info"]),
            (&json!(number), &json!(null))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_comes_in_pages_and_the_last_has_no_continuation() {
    // Q-3
    let hub = TestHub::start();
    for id in ["a", "b", "c"] {
        hub.register(id).await;
    }
    let mut seen = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut request = hub
            .request("POST", "/devices%2Fquery")
            .header("x-ms-max-item-count", 2);
        if let Some(token) = &token {
            request = request.header("x-ms-continuation", token);
        }
        let answer = hub
            .call(request, r#"{"query":"SELECT * FROM devices"}"#)
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-ms-item-type")),
            (200, Some("Twin"))
        );
        let page = answer.json();
        seen.extend(
            page.as_array()
                .unwrap()
                .iter()
                .map(|twin| twin["deviceId"].clone()),
        );
        token = answer.header("x-ms-continuation").map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c"]);
    let none = hub
        .quick(
            "POST",
            "/devices/query",
            r#"{"query":"SELECT * FROM devices WHERE deviceId = 'z'"}"#,
        )
        .await;
    assert_eq!(
        (none.body.as_str(), none.header("x-ms-item-type")),
        ("[]", Some("Twin"))
    );
    let broken = hub
        .quick("POST", "/devices/query", r#"{"query":"SELEKT"}"#)
        .await;
    assert_eq!(
        (broken.status.as_u16(), broken.code()),
        (400, "ArgumentInvalid")
    );
    assert!(
        broken.body.contains("ErrorCode:ArgumentInvalid;BadRequest"),
        "{}",
        broken.body
    );
}

#[tokio::test(start_paused = true)]
async fn messages_are_queued_counted_and_purged() {
    // C2D-5
    let hub = TestHub::start();
    hub.register("d").await;
    let send = || hub.request("POST", "/devices/d/messages/deviceBound");
    let queued = hub
        .call(send().header("iothub-app-alert", "on"), "hello")
        .await;
    assert_eq!((queued.status.as_u16(), queued.body.as_str()), (204, ""));
    let listed = hub.quick("GET", "/devices/", "").await;
    assert_eq!(listed.json()[0]["cloudToDeviceMessageCount"], 1);
    let purged = hub.quick("DELETE", "/devices/d/commands", "").await;
    assert_eq!(
        purged.body,
        r#"{"deviceId":"d","totalMessagesPurged":1,"moduleId":null}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_put_twin_replaces_and_a_posted_override_patches() {
    // TW-3, REST-5
    let hub = TestHub::start();
    hub.register("d").await;
    let body = r#"{"tags":{"a":1},"properties":{"desired":{"x":1.0}}}"#;
    hub.quick("PATCH", "/twins/d", body).await;
    let java = hub
        .request("POST", "/twins/d")
        .header("X-HTTP-Method-Override", "PATCH");
    let patched = hub.call(java, r#"{"tags":{"b":2}}"#).await;
    assert_eq!(patched.json()["tags"], json!({"a": 1, "b": 2}));
    assert!(patched.body.contains("\"x\":1.0"), "{}", patched.body);
    let replaced = hub
        .quick("PUT", "/twins/d", r#"{"tags":{"c":3}}"#)
        .await
        .json();
    assert_eq!(replaced["tags"], json!({"c": 3}));
    assert!(replaced["properties"]["desired"].get("x").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_message_of_explorer_names_its_device_encoded_twice_and_nobody_elses_does() {
    // REST-1
    let hub = TestHub::start();
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    for id in ["a#", "50%25", "x%", "(a)=@b;'$"] {
        hub.quick("PUT", &format!("/devices/{}", encode(id)), "{}")
            .await;
        let path = format!("devices/{}/messages/deviceBound", encode(id));
        for path in [format!("/{path}"), format!("/{}", encode(&path))] {
            let answer = hub.quick("POST", &path, "hello").await;
            assert_eq!(answer.status, 204, "{path}: {}", answer.body);
        }
    }
    let path = "/devices/a%2523/messages/deviceBound";
    assert_eq!(
        hub.quick("POST", path, "hello").await.code(),
        "DeviceNotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_used_is_counted_and_so_is_what_was_refused_as_not_built() {
    // LED-1
    let hub = TestHub::start();
    hub.register("d").await;
    hub.quick("GET", "/twins/d", "").await;
    hub.quick("GET", "/twins/missing", "").await;
    hub.quick("POST", "/devices/d/messages/deviceBound", "x")
        .await;
    hub.quick("POST", "/devices/d/files", "").await;
    hub.quick("GET", "/nowhere", "").await;
    // Whoever may not ask has used nothing.
    let stranger = Request::get("/twins/d?api-version=2021-04-12").header(HOST, "localhost");
    assert_eq!(hub.call(stranger, "").await.status, 401);

    let counted = hub.context.hub.usage().into_iter();
    let counted = counted.map(|usage| (usage.entry.id, usage.uses, usage.refused));
    let expected = [
        ("Devices_CreateOrUpdateIdentity", 1, 0),
        ("Devices_GetTwin", 2, 0),
        ("CloudToDeviceMessages_Send", 1, 0),
        ("Device_CreateFileUploadSasUri", 1, 1),
    ];
    assert_eq!(counted.collect::<Vec<_>>(), expected);
}
