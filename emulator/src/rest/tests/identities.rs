//! Device identities, as clients write and read them.

use serde_json::json;

use super::support::{PRIMARY, SECONDARY, TestHub};

#[tokio::test(start_paused = true)]
async fn an_identity_is_printed_as_the_registry_prints_it() {
    let hub = TestHub::start();
    let answer = hub.register("pump-1").await;
    let etag = answer.json()["etag"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("etag"), Some(format!("\"{etag}\"").as_str()));
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let generation = answer.json()["generationId"].as_str().unwrap().to_owned();
    let body = answer
        .body
        .replace(&etag, "(etag)")
        .replace(&generation, "(generation)");
    insta::assert_snapshot!(body, @r#"{"deviceId":"pump-1","generationId":"(generation)","etag":"(etag)","connectionState":"Disconnected","status":"enabled","statusReason":null,"connectionStateUpdatedTime":"0001-01-01T00:00:00Z","statusUpdatedTime":"0001-01-01T00:00:00Z","lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"authentication":{"symmetricKey":{"primaryKey":"AAAAAAAAAAAAAAAAAAAAAA==","secondaryKey":"AQEBAQEBAQEBAQEBAQEBAQ=="},"x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"type":"sas"},"capabilities":{"iotEdge":false}}"#);
}

/// What Node, Python and Explorer send when the hub shall make the keys.
#[tokio::test(start_paused = true)]
async fn keys_are_made_where_the_caller_gives_none() {
    // REG-3
    let hub = TestHub::start();
    let bodies = [
        r#"{"deviceId":"d0","status":"enabled","authentication":{"symmetricKey":{"primaryKey":"","secondaryKey":""},"type":"sas"}}"#,
        r#"{"deviceId":"d1","authentication":{"symmetricKey":{},"type":"sas"},"capabilities":{"iotEdge":false}}"#,
        r#"{"deviceId":"d2","authentication":{"symmetricKey":{"primaryKey":null,"secondaryKey":null}}}"#,
        r#"{"DeviceId":"d3","Authentication":{"Type":"SAS","symmetrickey":null}}"#,
        r#"{"deviceId":"d4"}"#,
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        let answer = hub.quick("PUT", &format!("/devices/d{index}"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let keys = &answer.json()["authentication"]["symmetricKey"];
        assert_eq!(keys["primaryKey"].as_str().unwrap().len(), 44, "{body}");
        assert_ne!(keys["primaryKey"], keys["secondaryKey"], "{body}");
    }
}

/// The message of each refusal, after `ErrorCode:`, up to where it matters.
async fn assert_refused(hub: &TestHub, path: &str, cases: &[(String, u16, &str)]) {
    for (body, status, message) in cases {
        let answer = hub.quick("PUT", path, body).await;
        assert_eq!(answer.status, *status, "{body}: {}", answer.body);
        let code = answer.code();
        assert_eq!(Some(code), message.split(';').next(), "{body}");
        let seen = answer.json()["Message"].as_str().unwrap().to_owned();
        assert!(
            seen.starts_with(&format!("ErrorCode:{message}")),
            "{body}: {seen}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn bad_keys_and_other_ways_to_authenticate_are_refused() {
    // REG-3
    let hub = TestHub::start();
    let keys = |primary: &str, secondary: &str| {
        let keys = json!({"primaryKey": primary, "secondaryKey": secondary});
        json!({"authentication": {"symmetricKey": keys}}).to_string()
    };
    let auth = |kind: &str| json!({"authentication": {"type": kind}}).to_string();
    let either = "ArgumentInvalid;Either no keys or both keys can be set";
    let no_thumbprint = "ArgumentInvalid;StringIsNotThumbprint: primaryThumbprint";
    let thumbprint = json!({"authentication": {"x509Thumbprint": {"primaryThumbprint": "AB"}}});
    let cases = [
        (keys(PRIMARY, ""), 400, either),
        (keys("", SECONDARY), 400, either),
        (
            keys("AAAA", PRIMARY),
            400,
            "ArgumentInvalid;Invalid device key length",
        ),
        (keys("1", "2"), 400, "ArgumentInvalid;Invalid device key"),
        (thumbprint.to_string(), 400, no_thumbprint),
        (
            auth("none"),
            400,
            "ArgumentInvalid;DeviceAuthenticationTypeIsMissing",
        ),
        (
            auth("magic"),
            400,
            "ArgumentInvalid;The authentication type 'magic'",
        ),
    ];
    assert_refused(&hub, "/devices/n", &cases).await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_identity_is_refused_with_its_reason() {
    // REG-6, REG-12
    let hub = TestHub::start();
    hub.register("d").await;
    let scope = r#"{"deviceScope":"ms-azure-iot-edge://e-1"}"#;
    let long_reason = json!({"statusReason": "x".repeat(129)}).to_string();
    let own = |body: &str| body.to_owned();
    let cases = [
        (
            own(r#"{"deviceId":"N"}"#),
            400,
            "ArgumentInvalid;The deviceId 'N' of",
        ),
        (
            own(scope),
            400,
            "InvalidDeviceScope;Scope 'ms-azure-iot-edge://e-1' names no Edge device",
        ),
        (
            own(r#"{"status":"off"}"#),
            400,
            "ArgumentInvalid;The status 'off' is not",
        ),
        (
            long_reason,
            400,
            "ArgumentInvalid;statusReason has 129 characters",
        ),
        (own("{"), 400, "IotHubFormatError;The body is not JSON"),
        (
            own("[]"),
            400,
            "DeserializationError;the body must be an object",
        ),
    ];
    assert_refused(&hub, "/devices/n", &cases).await;
    let exists = "DeviceAlreadyExists;A device with ID 'd' is already registered.";
    assert_refused(&hub, "/devices/d", &[(own("{}"), 409, exists)]).await;
    let character = "ArgumentInvalid;device id contains ' '";
    assert_refused(&hub, "/devices/a%20b", &[(own("{}"), 400, character)]).await;
}

#[tokio::test(start_paused = true)]
async fn writes_obey_if_match_in_every_form() {
    // REG-1, REST-4
    let hub = TestHub::start();
    let etag = hub.register("d").await.json()["etag"]
        .as_str()
        .unwrap()
        .to_owned();
    let with =
        |verb: &str, path: &str, etag: &str| hub.request(verb, path).header("if-match", etag);
    let stale = hub.call(with("PUT", "/devices/d", "\"bm8=\""), "{}").await;
    assert_eq!(
        (stale.status.as_u16(), stale.code()),
        (412, "PreconditionFailed")
    );
    let quoted = format!("\"{etag}\"");
    let updated = hub
        .call(
            with("PUT", "/devices/d", &quoted),
            r#"{"status":"DISABLED"}"#,
        )
        .await;
    assert_eq!(
        (updated.status.as_u16(), &updated.json()["status"]),
        (200, &json!("disabled"))
    );
    assert_ne!(updated.json()["etag"], etag.as_str());
    let star = hub.call(with("PUT", "/devices/d", "\"*\""), "{}").await;
    assert_eq!(
        (star.status.as_u16(), &star.json()["status"]),
        (200, &json!("enabled"))
    );
    let missing = hub.call(with("PUT", "/devices/other", "*"), "{}").await;
    assert_eq!(
        (missing.status.as_u16(), missing.code()),
        (404, "DeviceNotFound")
    );

    let twin = hub
        .call(with("PATCH", "/twins/d", "bm8="), r#"{"tags":{"a":1}}"#)
        .await;
    assert_eq!(
        twin.status, 412,
        "an etag without quotes counts as well: {}",
        twin.body
    );
    let twin = hub
        .call(
            with("PATCH", "/twins/d", "\"AAAAAAAAAAE=\""),
            r#"{"tags":{"a":1}}"#,
        )
        .await;
    assert_eq!(
        (twin.status.as_u16(), twin.header("etag")),
        (200, Some("\"AAAAAAAAAAI=\""))
    );

    let bare = hub.quick("DELETE", "/devices/d", "").await;
    assert_eq!(
        (bare.status.as_u16(), bare.code()),
        (412, "PreconditionFailed")
    );
    assert!(bare.body.contains("Etag missing"), "{}", bare.body);
    let gone = hub.call(with("DELETE", "/devices/d", "\"*\""), "").await;
    assert_eq!((gone.status.as_u16(), gone.body.as_str()), (204, ""));
    let again = hub.call(with("DELETE", "/devices/d", "*"), "").await;
    assert_eq!(again.json()["Message"], "ErrorCode:DeviceNotFound;d");
}
