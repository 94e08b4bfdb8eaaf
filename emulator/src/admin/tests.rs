//! The endpoint as its clients see it, without sockets.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use http_body_util::Full;
use hub_core::event::{Event, EventKind};
use hub_proto::ids::DeviceId;
use hub_proto::time::Timestamp;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HOST, ORIGIN};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::events::{Selection, lines};
use super::serve::{AdminContext, serve_connection};
use crate::config::{EventLogLimits, Ports};
use crate::directory::When;
use crate::event_log::EventLog;
use crate::host_names::HubHost;
use crate::http::testing;
use crate::stop::StopSwitch;
use crate::test_hub::{TestHub, spec};
use crate::tls::TrustFiles;

pub(super) fn context(hub: &TestHub, dir: &Path) -> AdminContext {
    let path = |name: &str| dir.join(name);
    for name in ["ca.pem", "bundle.pem", "trust.p12"] {
        std::fs::write(path(name), name).unwrap();
    }
    let files = TrustFiles {
        ca: path("ca.pem"),
        bundle: path("bundle.pem"),
        hashed_dir: path("certs"),
        pkcs12: path("trust.p12"),
    };
    AdminContext {
        connection: hub.context.clone(),
        ports: Ports {
            mqtts: Some(8883),
            amqps: Some(5671),
            https: Some(443),
            mqtt: None,
            http: None,
            admin: Some(8080),
        },
        host_names: Arc::from(["hub.example".to_owned()]),
        ca_path: Arc::from(path("ca.pem")),
        blob_url: None,
        trust: watch::channel(Some(Arc::new(files))).1,
        seed_codec: crate::seed::CODEC,
    }
}

pub(super) async fn get(context: &AdminContext, uri: &str, host: &str) -> (u16, String) {
    ask(context, "GET", uri, host).await
}

pub(super) async fn ask(
    context: &AdminContext,
    verb: &str,
    uri: &str,
    host: &str,
) -> (u16, String) {
    send(context, verb, uri, host, "").await
}

pub(super) async fn send(
    context: &AdminContext,
    verb: &str,
    uri: &str,
    host: &str,
    body: &str,
) -> (u16, String) {
    let request = Request::builder().method(verb).uri(uri).header(HOST, host);
    answer_to(context, request, body).await
}

async fn answer_to(
    context: &AdminContext,
    request: hyper::http::request::Builder,
    body: &str,
) -> (u16, String) {
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    let answer = testing::ask(context, request.body(body).unwrap()).await;
    let status = answer.status().as_u16();
    (status, String::from_utf8(answer.into_body().await).unwrap())
}

#[tokio::test]
async fn health_and_trust_files_are_served() {
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let context = context(&hub, dir.path());
    let cases = [
        ("/health", "{\"status\":\"ok\"}"),
        ("/ca.pem", "ca.pem"),
        ("/bundle.pem", "bundle.pem"),
        ("/trust.p12", "trust.p12"),
    ];
    for (path, body) in cases {
        assert_eq!(
            get(&context, path, "localhost:8080").await,
            (200, body.to_owned()),
            "{path}"
        );
    }
    assert!(
        get(&context, "/", "localhost")
            .await
            .1
            .contains("/admin/events")
    );
    assert_eq!(get(&context, "/ca.key", "localhost").await.0, 404);
}

#[tokio::test]
async fn foreign_host_names_and_other_verbs_are_refused() {
    // RUN-7
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let context = context(&hub, dir.path());
    for host in [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "",
    ] {
        assert_eq!(get(&context, "/admin/hub", host).await.0, 403, "{host}");
    }
    for host in ["localhost", "127.0.0.1:8080", "[::1]:8080", "hub.example"] {
        assert_eq!(get(&context, "/admin/hub", host).await.0, 200, "{host}");
    }
}

#[tokio::test]
async fn pages_of_other_places_are_refused_and_those_of_this_machine_are_not() {
    // RUN-7
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let context = context(&hub, dir.path());
    let cases = [
        ("http://localhost:3000", 200),
        ("http://127.0.0.1:8080", 200),
        ("https://hub.example", 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
    ];
    for (origin, expected) in cases {
        let request = Request::get("/health")
            .header(HOST, "localhost")
            .header(ORIGIN, origin);
        let (status, _) = answer_to(&context, request, "").await;
        assert_eq!(status, expected, "{origin}");
    }
}

#[tokio::test]
async fn unknown_paths_verbs_and_parameters_are_problems_that_name_the_remedy() {
    // ADM-1
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let context = context(&hub, dir.path());
    let mut told = String::new();
    for (verb, uri) in [
        ("GET", "/admin/nothing"),
        ("DELETE", "/admin/events"),
        ("OPTIONS", "/admin/hub"),
        ("GET", "/admin/events?devcie=a"),
        ("GET", "/admin/hub?x"),
        ("GET", "/admin/events?limit=x"),
        ("GET", "/admin/events?follow=maybe"),
    ] {
        let (status, body) = ask(&context, verb, uri, "localhost").await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["status"], status);
        let (detail, remedy) = (&body["detail"], &body["remedy"]);
        writeln!(told, "{verb} {uri}: {status} {detail} {remedy}").unwrap();
    }
    insta::assert_snapshot!(told);
    let request = Request::delete("/admin/events").header(HOST, "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let answer = testing::ask(&context, request).await;
    assert_eq!(answer.field("allow"), Some("GET"));
    assert_eq!(
        answer.field("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(ask(&context, "HEAD", "/health", "localhost").await.0, 200);
}

#[tokio::test]
async fn the_hub_says_how_to_reach_it() {
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (_, body) = get(&context(&hub, dir.path()), "/admin/hub", "localhost").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let key = hub
        .context
        .hub
        .policies()
        .get("service")
        .unwrap()
        .primary
        .expose()
        .to_owned();
    assert_eq!(
        body["connectionStrings"]["service"],
        format!("HostName=localhost;SharedAccessKeyName=service;SharedAccessKey={key}")
    );
    for path in [&body["caPath"], &body["trust"]["bundle"]] {
        assert!(Path::new(path.as_str().unwrap()).is_absolute(), "{path}");
    }
    assert_eq!(body["ports"]["https"], 443);
    assert_eq!(body["furtherHostNames"][0], "hub.example");
}

#[tokio::test]
async fn the_hub_is_called_what_the_client_calls_it() {
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let context = context(&hub, dir.path());
    for name in ["127.0.0.3", "orders"] {
        let name = HubHost::parse(name).unwrap();
        hub.context.directory.create(name, When::Start).unwrap();
    }
    let cases = [
        ("localhost:8080", "localhost"),
        ("127.0.0.1:8080", "localhost"),
        ("[::1]:8080", "localhost"),
        ("127.0.0.3:8080", "127.0.0.3"),
        ("orders.localhost", "orders.localhost"),
        ("hub.example:80", "hub.example"),
    ];
    for (asked, expected) in cases {
        let (_, body) = get(&context, "/admin/hub", asked).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["hostName"], expected, "{asked}");
        let string = body["connectionStrings"]["iothubowner"].as_str().unwrap();
        let start = format!("HostName={expected};");
        assert!(string.starts_with(&start), "{asked}: {string}");
    }
}

#[tokio::test]
async fn a_hub_of_its_own_is_asked_for_by_parameter_and_never_made_by_looking() {
    // HUB-3
    let (hub, dir) = (
        TestHub::start_with_auto_create(),
        tempfile::tempdir().unwrap(),
    );
    let context = context(&hub, dir.path());
    let name = HubHost::parse("orders").unwrap();
    let orders = hub.context.directory.create(name, When::Start).unwrap();
    orders.create_device(spec("d")).unwrap();
    for (uri, host, expected) in [
        ("/admin/events?hub=orders", "localhost", 1),
        ("/admin/events", "orders.localhost", 1),
        ("/admin/events?hub=localhost", "orders.localhost", 0),
        ("/admin/events", "localhost", 0),
    ] {
        let (status, body) = get(&context, uri, host).await;
        assert_eq!(
            (status, body.lines().count()),
            (200, expected),
            "{uri} {host}"
        );
    }
    for (uri, host) in [
        ("/admin/events?hub=other", "localhost"),
        ("/admin/hub", "other.localhost"),
    ] {
        let (status, body) = get(&context, uri, host).await;
        assert_eq!(status, 404, "{uri} {host}");
        assert!(body.contains("--hub-name other"), "{body}");
    }
    assert_eq!(get(&context, "/health", "other.localhost").await.0, 200);
    assert_eq!(hub.context.directory.list().len(), 1);
}

#[tokio::test]
async fn events_are_selected_by_number_device_and_limit() {
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let context = context(&hub, dir.path());
    for id in ["a", "b", "c"] {
        hub.create(id);
    }
    let cases: [(&str, &[u64]); 6] = [
        ("/admin/events", &[1, 2, 3]),
        ("/admin/events?after=1", &[2, 3]),
        ("/admin/events?after=9", &[]),
        ("/admin/events?limit=2", &[1, 2]),
        ("/admin/events?device=b", &[2]),
        ("/admin/events?follow=true&limit=3", &[1, 2, 3]),
    ];
    for (uri, expected) in cases {
        let (status, body) = get(&context, uri, "localhost").await;
        let number = |line: &str| -> u64 {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"]
                .as_u64()
                .unwrap()
        };
        let numbers: Vec<u64> = body.lines().map(number).collect();
        assert_eq!((status, numbers.as_slice()), (200, expected), "{uri}");
    }
    assert_eq!(
        get(&context, "/admin/events?limit=x", "localhost").await.0,
        400
    );
}

#[tokio::test]
async fn one_event_is_found_by_its_number() {
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let context = context(&hub, dir.path());
    hub.create("a");
    let (status, body) = get(&context, "/admin/events/1", "localhost").await;
    assert_eq!(status, 200);
    assert!(body.starts_with("{\"seq\":1,"), "{body}");
    assert_eq!(get(&context, "/admin/events/2", "localhost").await.0, 404);
    assert_eq!(get(&context, "/admin/events/x", "localhost").await.0, 400);
}

#[tokio::test]
async fn a_browser_that_comes_back_goes_on_behind_the_event_it_saw_last() {
    // ADM-2
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let context = context(&hub, dir.path());
    for id in ["a", "b", "c"] {
        hub.create(id);
    }
    let request = Request::get("/admin/events")
        .header(HOST, "localhost")
        .header(ACCEPT, "text/event-stream")
        .header("Last-Event-ID", "2");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let answer = testing::ask(&context, request).await;
    assert_eq!(answer.field("content-type"), Some("text/event-stream"));
    let piece = answer.into_pieces().next().await.unwrap().unwrap();
    let text = String::from_utf8(piece.to_vec()).unwrap();
    assert!(text.starts_with("id: 3\ndata: {\"seq\":3,"), "{text}");
    assert!(text.ends_with("}\n\n"), "{text}");
}

#[tokio::test]
async fn a_follower_gets_what_happens_later() {
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let context = context(&hub, dir.path());
    let request = Request::get("/admin/events?follow=true").header(HOST, "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let mut pieces = testing::ask(&context, request).await.into_pieces();
    let (piece, ()) = tokio::join!(pieces.next(), async { hub.create("late") });
    let line = piece.unwrap().unwrap();
    assert!(
        String::from_utf8(line.to_vec())
            .unwrap()
            .contains("\"device\":\"late\"")
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_follower() {
    let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (mut pipe, server) = tokio::io::duplex(4096);
    let serving = tokio::spawn(serve_connection(server, context(&hub, dir.path())));
    let request = "GET /admin/events?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n";
    pipe.write_all(request.as_bytes()).await.unwrap();
    // The head comes at once, although there is no event yet.
    let mut head = [0; 15];
    pipe.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    assert!(hub.stop().await);
    let mut rest = String::new();
    pipe.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("\r\n\r\n0\r\n\r\n"), "{rest}");
    serving.await.unwrap();
}

#[tokio::test]
async fn events_that_fell_out_of_the_log_are_told_as_a_gap() {
    // LOG-2
    let log = EventLog::new(EventLogLimits {
        events: 2,
        bytes: usize::MAX,
    });
    for number in 0..5 {
        log.append(Event {
            at: Timestamp::from_unix_seconds(number),
            client: DeviceId::parse("d").unwrap().into(),
            kind: EventKind::DeviceCreated,
        });
    }
    let selection = Selection::after(1);
    let switch = StopSwitch::new();
    let lines: Vec<_> = lines(log, switch.token(), selection).collect().await;
    let text: Vec<u8> = lines.into_iter().flat_map(|piece| piece.unwrap()).collect();
    let text = String::from_utf8(text).unwrap();
    let types: Vec<&str> = text.lines().map(|line| &line[..10]).collect();
    assert_eq!(
        types,
        ["{\"type\":\"g", "{\"seq\":4,\"", "{\"seq\":5,\""],
        "{text}"
    );
    assert!(
        text.starts_with("{\"type\":\"gap\",\"missed\":2,\"next\":4}\n"),
        "{text}"
    );
}

#[tokio::test]
async fn lags_are_told_and_set_and_hold_at_once() {
    // LAG-3
    let hub = TestHub::start();
    let dir = tempfile::tempdir().unwrap();
    let context = context(&hub, dir.path());
    let put = async |body| send(&context, "PUT", "/admin/lags", "localhost", body).await;
    let (status, body) = put(r#"{"query": 1.5, "connectionState": "PT1M"}"#).await;
    let told: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({
        "querySeconds": 1.5, "connectionStateSeconds": 60.0, "states": 0, "bytes": 0,
        "cutShort": false,
    });
    assert_eq!((status, &told), (200, &expected));
    assert_eq!(get(&context, "/admin/lags", "localhost").await, (200, body));
    hub.create("d");
    let (_, body) = get(&context, "/admin/lags", "localhost").await;
    assert!(body.contains("\"states\": 1"), "{body}");
    for refused in [
        r#"{"query": -1}"#,
        r#"{"query": "P2D"}"#,
        r#"{"querry": 1}"#,
        "5",
    ] {
        assert_eq!(put(refused).await.0, 400, "{refused}");
    }
    assert_eq!(hub.context.hub.lags().query.as_millis(), 1500, "as it was");
    let (status, body) = put("{}").await;
    assert_eq!(status, 200);
    assert!(body.contains("\"querySeconds\": 0.0"), "{body}");
    assert!(hub.context.hub.lags().is_zero());
}
