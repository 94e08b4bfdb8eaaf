//! Every operation of the table with every kind of bad input. A new row is walked like the others; where
//! its path or its body has something new, the tables at the end want a line.

use http_body_util::Full;
use hub_core::registry::ModuleSpec;
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::{DeviceId, ModuleId};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, IF_MATCH};
use hyper::http::request::Builder;
use hyper::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::super::auth::Need;
use super::super::document::Body;
use super::super::error::Shape;
use super::super::operation::{Answer, Operation};
use super::super::route::operations;
use super::support::{Answer as Seen, TestHub, serve};

/// What a request is made of; every field but one is right in each of the cases.
#[derive(Clone)]
struct Ask<'a> {
    verb: Method,
    path: String,
    version: Option<&'a str>,
    policy: Option<&'a str>,
    host: &'a str,
    if_match: Option<&'a str>,
    content_type: Option<&'a str>,
    body: Vec<u8>,
}

impl Ask<'_> {
    fn good(operation: &Operation) -> Self {
        Self {
            verb: operation.verb.clone(),
            path: fill(operation, None),
            version: Some("2021-04-12"),
            policy: Some("iothubowner"),
            host: "localhost",
            // Deletes want one, and no other minds.
            if_match: operation
                .document
                .headers
                .contains(&"If-Match")
                .then_some("*"),
            content_type: None,
            body: good_body(operation),
        }
    }

    async fn send(&self, hub: &TestHub) -> Seen {
        let version = self
            .version
            .map(|version| format!("?api-version={version}"));
        let uri = format!("{}{}", self.path, version.unwrap_or_default());
        let mut request = Request::builder()
            .method(&self.verb)
            .uri(uri)
            .header(HOST, self.host);
        let mut add = |name, value: Option<String>| {
            if let Some(value) = value {
                request = std::mem::take(&mut request).header(name, value);
            }
        };
        add(AUTHORIZATION, self.policy.map(|policy| hub.token(policy)));
        add(IF_MATCH, self.if_match.map(str::to_owned));
        add(CONTENT_TYPE, self.content_type.map(str::to_owned));
        send(hub, request, self.body.clone()).await
    }
}

async fn send(hub: &TestHub, request: Builder, body: Vec<u8>) -> Seen {
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    Seen::of(&serve(&hub.context, request).await)
}

/// A hub that has what [`GOOD_SEGMENTS`] names.
async fn hub() -> TestHub {
    let hub = TestHub::start();
    hub.register("d").await;
    let (device, id) = (DeviceId::parse("d"), ModuleId::parse("m"));
    let spec = ModuleSpec {
        device: device.unwrap(),
        id: id.unwrap(),
        managed_by: None,
        authentication: crate::test_hub::spec("d").authentication,
    };
    hub.context.hub.create_module(spec).unwrap();
    let configuration = line_of("Configuration").1;
    let made = hub.quick("PUT", "/configurations/x1", configuration).await;
    assert_eq!(made.status, 200, "{}", made.body);
    hub
}

/// Those that answer from the hub's state, and so look at their input.
fn built() -> impl Iterator<Item = &'static Operation> {
    operations()
        .filter(|operation| !matches!(operation.answer, Answer::NotBuilt | Answer::WebSocket))
}

/// A refusal as the reference has it: the status is the code's, header and body agree, the shape is
/// the row's, and the document tells of it.
fn check(operation: &Operation, seen: &Seen, expected: ErrorCode, what: &str) {
    let name = operation.name;
    let body = &seen.body;
    assert_eq!(
        (seen.status.as_u16(), seen.header("iothub-errorcode")),
        (expected.http_status(), Some(expected.name())),
        "{name}: {what}: {body}"
    );
    check_shape(operation.shape, seen, expected);
    assert!(
        operation.errors().contains(&expected),
        "{name}: {what}: {} is not in its document",
        expected.name()
    );
}

fn check_shape(shape: Shape, seen: &Seen, expected: ErrorCode) {
    let body = seen.json();
    assert_eq!(
        seen.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert!(seen.header("x-ms-request-id").is_some());
    let message = body["Message"].as_str().unwrap();
    match shape {
        Shape::Legacy => {
            let text = message.strip_prefix(&format!("ErrorCode:{};", expected.name()));
            // Node finds its typed 404 only before a text that is not empty.
            assert!(text.is_some_and(|text| !text.is_empty()), "{message}");
            let tracking = body["ExceptionMessage"].as_str().unwrap();
            assert!(tracking.starts_with("Tracking ID:"), "{tracking}");
        }
        Shape::Structured => {
            let inner: Value = serde_json::from_str(message).unwrap();
            assert_eq!(inner["errorCode"], expected.number());
            assert!(
                inner["message"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
            assert_eq!(inner["info"], Value::Null);
            assert_eq!(body["ExceptionMessage"], "");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_verb_is_405_with_those_that_there_are() {
    // REST-3, REST-8
    let hub = hub().await;
    for operation in operations() {
        let mut ask = Ask::good(operation);
        ask.verb = Method::OPTIONS;
        let seen = ask.send(&hub).await;
        assert_eq!(seen.status, 405, "{}", operation.name);
        check_shape(Shape::Legacy, &seen, ErrorCode::GenericMethodNotAllowed);
        let allowed = seen.header("allow").unwrap();
        let is_told = allowed
            .split(", ")
            .any(|verb| verb == operation.verb.as_str());
        assert!(is_told, "{}: {allowed}", operation.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_host_is_401_before_all_else() {
    // REST-9
    let hub = hub().await;
    for operation in operations() {
        let mut ask = Ask::good(operation);
        ask.host = "elsewhere.example";
        ask.policy = None;
        let seen = ask.send(&hub).await;
        check(operation, &seen, ErrorCode::IotHubNotFound, "foreign host");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_built_is_501_by_name_whoever_asks() {
    // REST-6, LED-3
    let hub = hub().await;
    for operation in operations().filter(|one| matches!(one.answer, Answer::NotBuilt)) {
        let mut ask = Ask::good(operation);
        (ask.policy, ask.version) = (None, None);
        let seen = ask.send(&hub).await;
        check(operation, &seen, ErrorCode::NotImplemented, "not built");
        assert!(
            seen.body.contains(operation.fidelity.note()),
            "{}",
            seen.body
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_policy_opens_what_its_permissions_say_and_the_body_is_not_looked_at_before() {
    // AUTH-4, AUTH-5
    let hub = hub().await;
    for operation in built() {
        let allowed: &[&str] = match operation.need {
            Need::Nothing => panic!("{} lets everybody in", operation.name),
            Need::RegistryRead => &["registryRead", "registryReadWrite"],
            Need::RegistryWrite => &["registryReadWrite"],
            Need::ServiceConnect => &["service"],
            Need::RegistryReadOrServiceConnect => &["registryRead", "registryReadWrite", "service"],
            Need::RegistryWriteOrServiceConnect => &["registryReadWrite", "service"],
            Need::DeviceConnect => &["device"],
        };
        let policies = ["registryRead", "registryReadWrite", "service", "device"];
        for policy in policies.into_iter().map(Some).chain([None]) {
            let mut ask = Ask::good(operation);
            ask.policy = policy;
            // Whoever is let in is stopped by this.
            ask.version = None;
            ask.body = b"{".to_vec();
            let seen = ask.send(&hub).await;
            let expected = if policy.is_some_and(|policy| allowed.contains(&policy)) {
                ErrorCode::InvalidProtocolVersion
            } else {
                ErrorCode::IotHubUnauthorizedAccess
            };
            check(operation, &seen, expected, policy.unwrap_or("no token"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_no_date_is_400001() {
    // REST-2
    let hub = hub().await;
    for operation in built() {
        for version in [None, Some(""), Some("latest"), Some("2021-4-12")] {
            let mut ask = Ask::good(operation);
            ask.version = version;
            let seen = ask.send(&hub).await;
            check(
                operation,
                &seen,
                ErrorCode::InvalidProtocolVersion,
                "version",
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_outside_its_grammar_is_400004() {
    // REG-6
    let hub = hub().await;
    for operation in built() {
        for name in names_in(operation) {
            let (_, bad) = BAD_SEGMENTS
                .iter()
                .find(|(one, _)| *one == name)
                .unwrap_or_else(|| panic!("BAD_SEGMENTS wants a line for {{{name}}}"));
            for text in *bad {
                let mut ask = Ask::good(operation);
                ask.path = fill(operation, Some((name, text)));
                let seen = ask.send(&hub).await;
                check(operation, &seen, ErrorCode::ArgumentInvalid, text);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_read_says_what_is_wrong_with_it() {
    // REST-3, REST-7, REST-11
    let hub = hub().await;
    let too_large = vec![b' '; super::super::request::BODY_BYTES_MAX + 1];
    for operation in built() {
        let mut cases = Vec::new();
        match operation.document.body {
            // Not read, whatever it is.
            Body::None => continue,
            Body::Bytes => {}
            Body::Json(schema) => {
                let (_, good, other) = line_of(schema);
                for body in ["", "nonsense", &good[..1], &good[..good.len() - 1]] {
                    cases.push((body.as_bytes().to_vec(), ErrorCode::IotHubFormatError));
                }
                for body in [*other, "1", "\"text\"", "true"] {
                    let own = WRONG_TYPE.iter().find(|(one, _)| *one == schema);
                    let expected = own.map_or(ErrorCode::DeserializationError, |(_, code)| *code);
                    cases.push((body.as_bytes().to_vec(), expected));
                }
            }
        }
        cases.push((too_large.clone(), ErrorCode::GenericRequestEntityTooLarge));
        for (body, expected) in cases {
            let mut ask = Ask::good(operation);
            let what = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
            ask.body = body;
            check(operation, &ask.send(&hub).await, expected, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_etag_is_412_wherever_one_is_read() {
    // REST-4
    let hub = hub().await;
    for operation in built().filter(|one| one.document.headers.contains(&"If-Match")) {
        for etag in ["\"stale\"", "stale", "W/\"stale\"", "\"\""] {
            let mut ask = Ask::good(operation);
            ask.if_match = Some(etag);
            let seen = ask.send(&hub).await;
            check(operation, &seen, ErrorCode::PreconditionFailed, etag);
        }
        if operation.verb == Method::DELETE && operation.name != DELETED_WITHOUT_ETAG {
            let mut ask = Ask::good(operation);
            ask.if_match = None;
            let seen = ask.send(&hub).await;
            check(operation, &seen, ErrorCode::PreconditionFailed, "no etag");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_content_type_of_a_request_does_not_matter() {
    // REST-10
    for operation in built() {
        let mut seen = Vec::new();
        for content_type in [None, Some("application/json"), Some("text/xml"), Some("*")] {
            let hub = hub().await;
            let mut ask = Ask::good(operation);
            ask.content_type = content_type;
            let answer = ask.send(&hub).await;
            seen.push((
                answer.status,
                answer.header("iothub-errorcode").map(str::to_owned),
            ));
            let is_told = operation
                .document
                .answers
                .iter()
                .any(|(status, _)| *status == answer.status.as_u16());
            let refused = operation
                .errors()
                .iter()
                .any(|code| Some(code.name()) == answer.header("iothub-errorcode"));
            assert!(is_told || refused, "{}: {}", operation.name, answer.body);
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{}: {seen:?}", operation.name);
    }
}

fn names_in(operation: &Operation) -> impl Iterator<Item = &'static str> {
    operation.path.split(['{', '}']).skip(1).step_by(2)
}

/// The operation's path with good ids, but for one if told so.
fn fill(operation: &Operation, bad: Option<(&str, &str)>) -> String {
    let mut path = format!("/{}", operation.path);
    for name in names_in(operation) {
        let good = GOOD_SEGMENTS.iter().find(|(one, _)| *one == name);
        let mut text = good.map_or("x1", |(_, text)| text);
        if let Some((_, bad)) = bad.filter(|(one, _)| *one == name) {
            text = bad;
        }
        let text = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        path = path.replace(&format!("{{{name}}}"), &text);
    }
    path
}

fn good_body(operation: &Operation) -> Vec<u8> {
    match operation.document.body {
        Body::None => Vec::new(),
        Body::Bytes => b"hello".to_vec(),
        Body::Json(schema) => line_of(schema).1.as_bytes().to_vec(),
    }
}

fn line_of(schema: &str) -> &'static (&'static str, &'static str, &'static str) {
    let line = BODIES.iter().find(|(one, ..)| *one == schema);
    line.unwrap_or_else(|| panic!("BODIES wants a line for {schema}"))
}

/// What the hub of these tests has; any other name is `x1`.
const GOOD_SEGMENTS: &[(&str, &str)] = &[("id", "d"), ("mid", "m")];

/// Names in paths, with texts that they cannot be.
const BAD_SEGMENTS: &[(&str, &[&str])] = &[
    ("id", &["a b", "\u{e4}", "a\\b", LONG]),
    ("mid", &["a b", "\u{e4}", "a\\b", LONG]),
    ("jobId", &["a b", "\u{e4}", LONG]),
    ("cfg", &["A", "a b", LONG]),
    ("name", &["a b", "\u{e4}", "a$b", LONG]),
    ("component", &["a b", "\u{e4}", "a$b", LONG]),
    // A lock that there is not is 412, whatever it looks like.
    ("lock", &[]),
];

/// Bodies by the name of their schema: one that is good, and JSON of another type.
const BODIES: &[(&str, &str, &str)] = &[
    ("Device", r#"{"deviceId":"d"}"#, "[]"),
    ("Module", r#"{"deviceId":"d","moduleId":"m"}"#, "[]"),
    (
        "ExportImportDevices",
        r#"[{"id":"x1","importMode":"create"}]"#,
        "{}",
    ),
    (
        "DeviceKeyRegeneration",
        r#"{"policyKey":"primaryKey","devices":[{"id":"d"}]}"#,
        "[]",
    ),
    ("Twin", r#"{"tags":{"a":1}}"#, "[]"),
    (
        "DigitalTwinPatch",
        r#"[{"op":"add","path":"/a","value":1}]"#,
        "{}",
    ),
    (
        "Configuration",
        r#"{"id":"x1","content":{"deviceContent":{"properties.desired.a":{"b":1}}},"targetCondition":"","priority":1}"#,
        "[]",
    ),
    ("ConfigurationQueries", r#"{"targetCondition":"*"}"#, "[]"),
    ("ConfigurationContent", r#"{"modulesContent":{}}"#, "[]"),
    ("CloudToDeviceMethod", r#"{"methodName":"reboot"}"#, "[]"),
    (
        "QuerySpecification",
        r#"{"query":"SELECT * FROM devices"}"#,
        "[]",
    ),
    (
        "JobRequest",
        r#"{"jobId":"x1","type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{"tags":{"a":1}},
        "startTime":"2026-11-22T10:00:00Z","maxExecutionTimeInSeconds":60}"#,
        "[]",
    ),
    // Such a container is refused without being asked.
    (
        "JobProperties",
        r#"{"type":"export","outputBlobContainerUri":"ftp://storage/c"}"#,
        "[]",
    ),
];

/// What has a code of its own for JSON of another type.
const WRONG_TYPE: &[(&str, ErrorCode)] = &[(
    "ConfigurationContent",
    ErrorCode::InvalidConfigurationContent,
)];

/// Goes without an etag, as clients of configurations do.
const DELETED_WITHOUT_ETAG: &str = "Configuration_Delete";

/// Longer than any id.
const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
