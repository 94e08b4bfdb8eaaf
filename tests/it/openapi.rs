//! Both `OpenAPI` documents held to their word by Schemathesis: no status, header or body that they do
//! not tell of, and no 5xx but the 501 that they do.
//!
//! `HUBNERITE_SCHEMATHESIS_SECONDS=600` makes each run longer, with a new seed.

use hubnerite_tests::{Judged, Schemathesis, TestHub, or_skip, soon, token};
use serde_json::json;

/// Where the admin endpoint of a hub is.
fn admin_url(hub: &TestHub) -> String {
    let port = hub.emulator().ports().admin.expect("the hub has one");
    format!("http://{}:{port}", hub.host())
}

/// Holds the service endpoint of a hub to its document.
async fn judge_service(hub: &TestHub, config: &str, arguments: &[&str], seconds: u64) {
    let Some(judge) = or_skip(Schemathesis::get().await) else {
        return;
    };
    let port = hub.emulator().ports().https.expect("every hub has HTTPS");
    let text = hub.connection_string();
    let (_, key) = text.rsplit_once("SharedAccessKey=").expect("it has a key");
    let token = token(&hub.host(), key, soon(), Some("iothubowner"));
    let header = format!("Authorization: {token}");
    let arguments = [&["--header", &header], arguments].concat();
    let judged = Judged {
        document: &format!("{}/openapi.json", admin_url(hub)),
        url: &format!("https://{}:{port}", hub.host()),
        config,
        arguments: &arguments,
        seconds,
    };
    judge.judge(judged, hub.ca_path()).await;
}

// SEMANTICS REST-11
#[tokio::test]
async fn the_service_answers_any_request_as_its_document_says() {
    let hub = TestHub::start().await;
    judge_service(&hub, "any.toml", &[], 25).await;
}

// SEMANTICS REST-11
#[tokio::test]
async fn the_service_answers_about_what_is_there_as_its_document_says() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    rest.create_device("known").await;
    let module = json!({ "deviceId": "known", "moduleId": "module" });
    let made = [
        ("/devices/known/modules/module", module),
        (
            "/configurations/configuration",
            json!({ "id": "configuration", "content": { "deviceContent": { "properties.desired.a": 1 } } }),
        ),
    ];
    for (path, body) in made {
        let answer = rest.call("PUT", path, body).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    // Methods wait for a device that does not come, and what is there is to stay.
    let arguments = [
        "--exclude-path-regex",
        "/methods$",
        "--exclude-method",
        "DELETE",
    ];
    judge_service(&hub, "known.toml", &arguments, 15).await;
}

// SEMANTICS ADM-1
#[tokio::test]
async fn the_admin_api_answers_any_request_as_its_document_says() {
    let hub = TestHub::start().await;
    let Some(judge) = or_skip(Schemathesis::get().await) else {
        return;
    };
    let url = admin_url(&hub);
    let judged = Judged {
        document: &format!("{url}/admin/openapi.json"),
        url: &url,
        config: "any.toml",
        arguments: &[],
        seconds: 10,
    };
    judge.judge(judged, hub.ca_path()).await;
}
