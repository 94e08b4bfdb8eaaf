//! The device-side HTTPS API as devices use it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub_core::EventKind;
use hub_core::c2d::C2dMessage;
use hub_proto::ids::DeviceId;
use hub_proto::property_bag::PropertyBag;
use hub_proto::sas::{SasKey, sign};
use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::request::Builder;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::serve_connection;
use super::support::*;

const EVENTS: &str = "/devices/d/messages/events";
const BOUND: &str = "/devices/d/messages/deviceBound";

/// The token of a device's own key.
fn own_token(audience: &str, key: &str, expires_in_s: i64) -> String {
    let key = SasKey::from_base64(key).unwrap();
    sign(audience, &key, NOW_UNIX_S + expires_in_s, None)
}

impl TestHub {
    async fn with_device() -> Self {
        let hub = Self::start();
        hub.register("d").await;
        hub
    }

    async fn queue(&self, body: &str) {
        let request = self
            .request("POST", BOUND)
            .header("iothub-messageid", format!("m-{body}"))
            .header("iothub-ack", "full")
            .header("iothub-contenttype", "text/plain")
            .header("iothub-app-Alert", "a b");
        assert_eq!(self.call(request, body).await.status, 204);
    }

    /// A request of the device itself.
    async fn device(&self, verb: &str, path: &str, body: &str) -> Answer {
        self.call(by_device(verb, path), body).await
    }

    /// Every message of the log: system and application properties, body.
    fn telemetry(&self) -> Vec<serde_json::Value> {
        let events = self.context.hub.event_log().read(0, 1000).events;
        let mut found = Vec::new();
        for (_, event) in events {
            if let EventKind::Telemetry {
                properties,
                payload,
            } = &event.kind
            {
                let properties = properties.read();
                let body = String::from_utf8_lossy(payload);
                found.push(json!([properties.system, properties.application, body]));
            }
        }
        found
    }
}

fn by_device(verb: &str, path: &str) -> Builder {
    Request::builder()
        .method(verb)
        .uri(format!("{path}?api-version=2020-09-30"))
        .header(HOST, "localhost")
        .header(
            AUTHORIZATION,
            own_token("localhost/devices/d", PRIMARY, 3600),
        )
}

#[tokio::test(start_paused = true)]
async fn a_device_sends_messages_one_by_one_and_in_batches() {
    // C2D-10
    let hub = TestHub::with_device().await;
    let request = by_device("POST", EVENTS)
        .header("iothub-to", EVENTS)
        .header("Content-Type", "application/octet-stream")
        .header("IoTHub-MessageId", "m1")
        .header("iothub-contenttype", "application/json")
        .header("iothub-app-k", "v");
    assert_eq!(hub.call(request, "{}").await.status, 204);
    let batch = json!([
        {"body": STANDARD.encode("one"), "properties": {"iothub-app-a": "1", "iothub-messageid": "m2"}},
        {"body": "two", "base64Encoded": false},
    ]);
    let send = async |content_type: &str, body: &str| {
        let request = by_device("POST", EVENTS).header("Content-Type", content_type);
        hub.call(request, body).await
    };
    let of_batch = "application/vnd.microsoft.iothub.json";
    assert_eq!(send(of_batch, &batch.to_string()).await.status, 204);
    let expected = [
        json!([
            [["$.mid", "m1"], ["$.ct", "application/json"]],
            [["k", "v"]],
            "{}"
        ]),
        json!([[["$.mid", "m2"]], [["a", "1"]], "one"]),
        json!([[], [], "two"]),
    ];
    assert_eq!(hub.telemetry(), expected);
    // What is refused leaves nothing.
    let large = "x".repeat(256 * 1024 + 1);
    let too_many = format!("[{}]", vec![r#"{"body":""}"#; 501].join(","));
    for (content_type, body, code) in [
        ("text/plain", &*large, "MessageTooLarge"),
        (of_batch, "{", "IotHubFormatError"),
        (of_batch, "{}", "IotHubFormatError"),
        (
            of_batch,
            r#"[{"body":"eA=="},{"body":"?"}]"#,
            "ArgumentInvalid",
        ),
        (
            of_batch,
            r#"[{"body":"","properties":{"iothub-app-a":1}}]"#,
            "ArgumentInvalid",
        ),
        (of_batch, &*too_many, "ArgumentInvalid"),
    ] {
        assert_eq!(send(content_type, body).await.code(), code);
    }
    assert_eq!(hub.telemetry().len(), 3);
    let identity = hub.quick("GET", "/devices/d", "").await.json();
    assert_eq!(identity["connectionState"], "Disconnected");
    assert_eq!(identity["lastActivityTime"], "0001-01-01T00:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn a_device_takes_its_messages_and_settles_each() {
    // C2D-11
    let hub = TestHub::with_device().await;
    assert_eq!(hub.device("GET", BOUND, "").await.status, 204);
    for body in ["1", "2", "3"] {
        hub.queue(body).await;
    }
    let first = hub.device("GET", BOUND, "").await;
    assert_eq!((first.status.as_u16(), &*first.body), (200, "1"));
    for (name, value) in [
        ("iothub-messageid", "m-1"),
        ("iothub-to", "/devices/d/messages/deviceBound"),
        ("iothub-ack", "full"),
        ("iothub-sequencenumber", "1"),
        ("iothub-deliverycount", "0"),
        ("iothub-enqueuedtime", "2026-11-22T10:00:00.0000000Z"),
        ("contenttype", "text/plain"),
        ("iothub-app-alert", "a b"),
    ] {
        assert_eq!(first.header(name), Some(value), "{name}");
    }
    let lock = |answer: &Answer| answer.header("etag").unwrap().trim_matches('"').to_owned();
    let settle = async |verb: &str, lock: &str, rest: &str| {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let uri = format!("{BOUND}/{lock}{path}?api-version=2020-09-30&{query}");
        let token = own_token("localhost/devices/d", SECONDARY, 3600);
        let request = Request::builder()
            .method(verb)
            .uri(uri)
            .header(HOST, "localhost")
            .header(AUTHORIZATION, token);
        hub.call(request, "").await
    };
    // Abandoned, it comes again before the others, one try older.
    let abandoned = settle("POST", &lock(&first), "/abandon").await;
    assert_eq!(abandoned.status, 204);
    let again = hub.device("GET", BOUND, "").await;
    assert_eq!(
        (&*again.body, again.header("iothub-deliverycount")),
        ("1", Some("1"))
    );
    // In its quotes, as some send it.
    let quoted = format!("%22{}%22", lock(&again));
    assert_eq!(settle("DELETE", &quoted, "").await.status, 204);
    let second = hub.device("GET", BOUND, "").await;
    assert_eq!(
        settle("DELETE", &lock(&second), "?reject").await.status,
        204
    );
    let lost = settle("DELETE", &lock(&second), "").await;
    assert_eq!(
        (lost.status.as_u16(), lost.code()),
        (412, "DeviceMessageLockLost")
    );
    // A lock runs out, by the time that the device asked for.
    let timed = by_device("GET", BOUND).header("IotHub-MessageLockTimeout", "5");
    assert_eq!(hub.call(timed, "").await.body, "3");
    assert_eq!(hub.device("GET", BOUND, "").await.status, 204);
    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    assert_eq!(hub.device("GET", BOUND, "").await.body, "3");
    let wrong = by_device("GET", BOUND).header("IotHub-MessageLockTimeout", "0");
    assert_eq!(hub.call(wrong, "").await.code(), "ArgumentInvalid");
    let ended = hub
        .context
        .hub
        .message_queue(&DeviceId::parse("d").unwrap());
    let ended = ended.unwrap().ended;
    assert_eq!((ended.completed, ended.rejected), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_devices_token_opens_that_device_and_nothing_else() {
    // AUTH-9
    let hub = TestHub::with_device().await;
    hub.register("e").await;
    let policy = |name: &str| hub.token(name);
    let cases = [
        (own_token("localhost/devices/d", PRIMARY, 3600), 204),
        (own_token("localhost/devices/d", SECONDARY, -299), 204),
        (own_token("localhost/devices/d", SECONDARY, -301), 401),
        (own_token("localhost/devices/e", PRIMARY, 3600), 401),
        (own_token("localhost", PRIMARY, 3600), 401),
        (own_token("elsewhere/devices/d", PRIMARY, 3600), 401),
        (
            own_token("localhost/devices/d", "AgICAgICAgICAgICAgICAg==", 3600),
            401,
        ),
        (policy("device"), 204),
        (policy("iothubowner"), 204),
        (policy("service"), 401),
    ];
    let ask = async |verb: &str, path: &str, token: &str| {
        let request = Request::builder()
            .method(verb)
            .uri(format!("{path}?api-version=2020-09-30"))
            .header(HOST, "localhost")
            .header(AUTHORIZATION, token);
        hub.call(request, "").await
    };
    for (token, status) in &cases {
        assert_eq!(ask("GET", BOUND, token).await.status, *status, "{token}");
    }
    // It opens no operation of the service.
    let own = &cases[0].0;
    for path in ["/devices/d", "/twins/d", "/devices"] {
        assert_eq!(ask("GET", path, own).await.status, 401, "{path}");
    }
    let nobody = own_token("localhost/devices/nobody", PRIMARY, 3600);
    let path = "/devices/nobody/messages/deviceBound";
    assert_eq!(ask("GET", path, &nobody).await.status, 401);
    assert_eq!(
        ask("GET", path, &policy("device")).await.code(),
        "DeviceNotFound"
    );
    // A module has no such endpoint.
    let path = "/devices/d/modules/m/messages/events";
    assert_eq!(ask("POST", path, &policy("device")).await.status, 404);
    let disabled = r#"{"deviceId":"d","status":"disabled"}"#;
    let request = hub.request("PUT", "/devices/d").header("If-Match", "*");
    let disabled = hub.call(request, disabled).await;
    assert_eq!(disabled.status, 200, "{}", disabled.body);
    for token in [policy("device"), policy("iothubowner")] {
        let refused = ask("GET", BOUND, &token).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (403, "DeviceDisabled")
        );
    }
}

/// The C SDK compares names of headers with their case.
#[tokio::test(start_paused = true)]
async fn the_headers_of_a_message_go_out_in_the_case_that_sdks_expect() {
    // C2D-11
    let hub = TestHub::with_device().await;
    let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let message = C2dMessage {
        properties: PropertyBag {
            system: vec![named("$.mid", "m"), named("$.ct", "text/plain")],
            application: vec![
                ("Alert".to_owned(), Some("é\n".to_owned())),
                ("a:b".to_owned(), Some("1".to_owned())),
            ],
        },
        payload: b"x".to_vec(),
        expires: None,
    };
    let device = DeviceId::parse("d").unwrap();
    hub.context.hub.send_to_device(&device, message).unwrap();
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let serving = tokio::spawn(serve_connection(server, hub.context.clone()));
    let token = own_token("localhost/devices/d", PRIMARY, 3600);
    let request = format!(
        "GET {BOUND}?api-version=2016-11-14 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\
         Connection: close\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    serving.await.unwrap();
    for name in [
        "ETag",
        "iothub-messageid",
        "iothub-ack",
        "iothub-sequencenumber",
        "ContentType",
        "iothub-app-Alert",
        "iothub-app-a%3Ab",
        "Content-Type",
    ] {
        assert!(answer.contains(&format!("\r\n{name}:")), "{name}: {answer}");
    }
    assert!(answer.ends_with("\r\n\r\nx"), "{answer}");
}
