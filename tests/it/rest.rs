//! The service endpoint met by a plain HTTPS client: what no SDK shows.

use emulator::ledger::{Entry, Fidelity, Protocol, entries};
use hubnerite_tests::wire::publish;
use hubnerite_tests::{Rest, TestHub, soon, token};
use serde_json::json;

// SEMANTICS REST-1
#[tokio::test]
async fn a_path_is_read_however_it_is_encoded() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let made = rest
        .call("PUT", "/devices/a%23b", json!({ "deviceId": "a#b" }))
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    for path in [
        "/twins/a%23b",
        "/twins/a%23b/",
        "/TWINS/a%23b",
        "/twins%2Fa%23b",
    ] {
        let answer = rest.send("GET", path, &[], Vec::new()).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.json()["deviceId"], "a#b", "{path}");
    }
}

// SEMANTICS REST-12
#[tokio::test]
async fn without_tls_the_same_is_served_and_asks_for_the_same_keys() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let hub = TestHub::start().await;
    hub.rest().create_device("d").await;
    let port = hub.emulator().ports().http.unwrap();
    let owner = hub.emulator().hub().policies();
    let key = owner
        .get("iothubowner")
        .unwrap()
        .primary
        .expose()
        .to_owned();
    let good = token("localhost", &key, soon(), Some("iothubowner"));
    for (authorization, status) in [(good.as_str(), "200"), ("SharedAccessSignature x", "401")] {
        let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .unwrap();
        let request = format!(
            "GET /devices/d?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n\
             Connection: close\r\nAuthorization: {authorization}\r\n\r\n"
        );
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

// SEMANTICS REST-6
#[tokio::test]
async fn what_is_not_built_is_refused_by_its_name() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    rest.create_device("d").await;
    let is_absent = |entry: &&Entry| {
        entry.protocol == Protocol::Rest && matches!(entry.fidelity, Fidelity::Absent(_))
    };
    for entry in entries().iter().filter(is_absent) {
        let (verb, path) = entry.what.split_once(' ').unwrap();
        let path = &path.replace(['{', '}'], "");
        let answer = rest.send(verb, path, &[], Vec::new()).await;
        assert_eq!(answer.status, 501, "{path}: {answer:?}");
        assert!(
            answer.body.contains("not implement"),
            "{path}: {}",
            answer.body
        );
    }
}

// SEMANTICS TW-4
#[tokio::test]
async fn the_same_value_again_counts_and_nothing_at_all_does_not() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    rest.create_device("d").await;
    let version = async |rest: &Rest, desired| {
        let twin = rest
            .patch_twin("d", json!({ "properties": { "desired": desired } }))
            .await;
        twin["properties"]["desired"]["$version"].as_u64()
    };
    assert_eq!(version(&rest, json!({ "a": 1 })).await, Some(2));
    assert_eq!(version(&rest, json!({ "a": 1 })).await, Some(3));
    assert_eq!(version(&rest, json!({})).await, Some(3));
    assert_eq!(version(&rest, json!({ "missing": null })).await, Some(3));
}

// SEMANTICS DM-8
#[tokio::test]
async fn an_answer_that_is_not_json_is_a_bad_gateway() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let key = rest.create_device("d").await;
    let mut wire = hub.dial().await;
    wire.log_in("d", &key).await;
    wire.subscribe("$iothub/methods/POST/#", 0).await;
    let call = tokio::spawn({
        let rest = rest.clone();
        async move { rest.invoke("d", "m", json!(null)).await }
    });
    let (_, topic, _, _) = wire.publication().await;
    let rid = topic.rsplit('=').next().unwrap();
    let answer = format!("$iothub/methods/res/200/?$rid={rid}");
    wire.send(&publish(0, &answer, 0, b"no json")).await;
    assert_eq!(call.await.unwrap().status, 502);
    wire.expect_quiet().await;
}
