//! Module identities, their twins, and who may change them.

use serde_json::json;

use super::support::*;

const MODULE: &str = "/devices/d/modules/m";

#[tokio::test(start_paused = true)]
async fn a_module_is_printed_as_the_hub_prints_it() {
    // REG-9
    let hub = TestHub::start();
    hub.register("d").await;
    let body = json!({
        "moduleId": "m", "deviceId": "d", "managedBy": "me",
        "authentication": {"symmetricKey": {"primaryKey": PRIMARY, "secondaryKey": SECONDARY}}
    });
    let created = hub.quick("PUT", MODULE, &body.to_string()).await;
    assert_eq!(created.status, 200, "{}", created.body);
    let etag = created.json()["etag"].as_str().unwrap().to_owned();
    let generation = created.json()["generationId"].as_str().unwrap().to_owned();
    let expected = format!(
        r#"{{"moduleId":"m","managedBy":"me","deviceId":"d","generationId":"{generation}","etag":"{etag}","connectionState":"Disconnected","connectionStateUpdatedTime":"0001-01-01T00:00:00Z","lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"authentication":{{"symmetricKey":{{"primaryKey":"{PRIMARY}","secondaryKey":"{SECONDARY}"}},"x509Thumbprint":{{"primaryThumbprint":null,"secondaryThumbprint":null}},"type":"sas"}}}}"#
    );
    assert_eq!(created.body, expected);
    assert_eq!(created.header("etag"), Some(format!("\"{etag}\"").as_str()));
    assert_eq!(hub.quick("GET", MODULE, "").await.body, expected);
    let list = hub.quick("GET", "/devices/d/modules", "").await;
    assert_eq!(list.body, format!("[{expected}]"));
    let twin = hub.quick("GET", "/twins/d/modules/m", "").await.json();
    assert_eq!(
        (&twin["moduleId"], &twin["deviceEtag"]),
        (&json!("m"), &json!(etag))
    );
}

#[tokio::test(start_paused = true)]
async fn writes_of_a_module_obey_if_match() {
    // REG-9
    let hub = TestHub::start();
    hub.register("d").await;
    let send = async |verb: &str, etag: Option<&str>, body: &str| {
        let mut request = hub.request(verb, MODULE);
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        let answer = hub.call(request, body).await;
        let code = if answer.status.is_success() {
            ""
        } else {
            answer.code()
        };
        (answer.status.as_u16(), code.to_owned())
    };
    let refused = |status, code: &str| (status, code.to_owned());
    let done = |status| (status, String::new());
    assert_eq!(
        send("PUT", Some("*"), "{}").await,
        refused(404, "ModuleNotFound")
    );
    assert_eq!(send("PUT", None, "{}").await, done(200));
    assert_eq!(
        send("PUT", None, "{}").await,
        refused(409, "ModuleAlreadyExistsOnDevice")
    );
    assert_eq!(
        send("PUT", Some("\"no\""), "{}").await,
        refused(412, "PreconditionFailed")
    );
    assert_eq!(send("PUT", Some("\"*\""), "{}").await, done(200));
    assert_eq!(
        send("DELETE", None, "").await,
        refused(412, "PreconditionFailed")
    );
    assert_eq!(send("DELETE", Some("*"), "").await, done(204));
    assert_eq!(
        send("DELETE", Some("*"), "").await,
        refused(404, "ModuleNotFound")
    );
    assert_eq!(send("GET", None, "").await, refused(404, "ModuleNotFound"));
}

#[tokio::test(start_paused = true)]
async fn a_module_that_cannot_be_is_refused_with_its_reason() {
    // REG-9, TW-12
    let hub = TestHub::start();
    hub.register("d").await;
    let cases = [
        (
            "PUT",
            "/devices/nobody/modules/m",
            "{}",
            401,
            "IotHubUnauthorizedAccess",
        ),
        (
            "GET",
            "/devices/nobody/modules",
            "",
            401,
            "IotHubUnauthorizedAccess",
        ),
        (
            "PUT",
            "/devices/d/modules/$mine",
            "{}",
            400,
            "ArgumentInvalid",
        ),
        (
            "PUT",
            "/devices/d/modules/a%20b",
            "{}",
            400,
            "ArgumentInvalid",
        ),
        ("PUT", MODULE, r#"{"moduleId":"x"}"#, 400, "ArgumentInvalid"),
        (
            "PUT",
            MODULE,
            r#"{"managedBy":7}"#,
            400,
            "DeserializationError",
        ),
        ("GET", "/twins/d/modules/m", "", 404, "DeviceNotFound"),
        ("PATCH", "/twins/d/modules/m", "{}", 404, "DeviceNotFound"),
    ];
    for (verb, path, body, status, code) in cases {
        let answer = hub.quick(verb, path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code),
            "{verb} {path}"
        );
    }
    let call = r#"{"methodName":"reboot"}"#;
    let answer = hub.quick("POST", "/twins/d/modules/m/methods", call).await;
    assert_eq!(answer.status, 404, "{}", answer.body);
    assert!(answer.body.contains("404010"), "{}", answer.body);
}
