//! Edge devices, their children and the modules that the hub makes for them; X.509 identities.

use serde_json::{Value, json};

use super::support::*;

async fn put(hub: &TestHub, id: &str, etag: Option<&str>, body: Value) -> Answer {
    let mut request = hub.request("PUT", &format!("/devices/{id}"));
    if let Some(etag) = etag {
        request = request.header("if-match", etag);
    }
    hub.call(request, &body.to_string()).await
}

async fn edge(hub: &TestHub, id: &str) -> String {
    let created = put(hub, id, None, json!({"capabilities": {"iotEdge": true}})).await;
    assert_eq!(created.status, 200, "{}", created.body);
    let scope = &created.json()["deviceScope"];
    scope.as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn an_edge_device_gets_a_scope_and_its_system_modules() {
    // REG-11
    let hub = TestHub::start();
    let scope = edge(&hub, "e").await;
    let digits = scope.strip_prefix("ms-azure-iot-edge://e-").unwrap();
    assert!(
        digits.bytes().all(|digit| digit.is_ascii_digit()),
        "{scope}"
    );
    let device = hub.quick("GET", "/devices/e", "").await.json();
    assert_eq!(device["capabilities"], json!({"iotEdge": true}));
    assert_eq!(device["parentScopes"], json!([]));
    let modules = hub.quick("GET", "/devices/e/modules", "").await.json();
    let names: Vec<_> = modules.as_array().unwrap().iter().collect();
    for (module, name) in names.iter().zip(["$edgeAgent", "$edgeHub"]) {
        assert_eq!(module["moduleId"], name);
        assert_eq!(module["managedBy"], "iotEdge");
        assert_eq!(module["authentication"]["type"], "none");
    }
    assert_eq!(names.len(), 2);
    let path = "/devices/e/modules/$edgeAgent";
    let changed = hub
        .call(hub.request("PUT", path).header("if-match", "*"), "{}")
        .await;
    assert_eq!(
        (changed.status.as_u16(), changed.code()),
        (401, "SystemModuleModifyUnauthorizedAccess")
    );
    // The scope is made once, and a PUT must repeat it.
    let without = put(
        &hub,
        "e",
        Some("*"),
        json!({"capabilities": {"iotEdge": true}}),
    )
    .await;
    assert_eq!(without.status, 400);
    assert!(
        without.body.contains("Device scope is immutable"),
        "{}",
        without.body
    );
    let same = json!({"capabilities": {"iotEdge": true}, "deviceScope": scope});
    let same = put(&hub, "e", Some("*"), same).await.json();
    assert_eq!(same["deviceScope"], scope.as_str());
    // A leaf again: scope and modules are gone.
    let leaf = put(&hub, "e", Some("*"), json!({})).await.json();
    assert!(leaf.get("deviceScope").is_none(), "{leaf}");
    let modules = hub.quick("GET", "/devices/e/modules", "").await;
    assert_eq!(modules.body, "[]");
}

#[tokio::test(start_paused = true)]
async fn a_child_names_a_parent_that_is_there() {
    // REG-12
    let hub = TestHub::start();
    let scope = edge(&hub, "e").await;
    let leaf = put(&hub, "leaf", None, json!({"deviceScope": scope}))
        .await
        .json();
    assert_eq!(leaf["deviceScope"], scope.as_str());
    assert_eq!(leaf["parentScopes"], json!([scope]));
    let twin = hub.quick("GET", "/twins/leaf", "").await.json();
    assert_eq!(twin["parentScopes"], json!([scope]));
    // A leaf that sends only `parentScopes` gets no parent.
    let alone = put(&hub, "alone", None, json!({"parentScopes": [scope]}))
        .await
        .json();
    assert!(alone.get("parentScopes").is_none(), "{alone}");
    let child = json!({"capabilities": {"iotEdge": true}, "parentScopes": [scope]});
    let child = put(&hub, "child", None, child).await.json();
    assert_eq!(child["parentScopes"], json!([scope]));
    assert_ne!(child["deviceScope"], scope.as_str());
    for wrong in [
        "ms-azure-iot-edge://e-1",
        "ms-azure-iot-edge://nobody-1",
        "made up",
    ] {
        let refused = put(&hub, "x", None, json!({"deviceScope": wrong})).await;
        assert_eq!(refused.code(), "InvalidDeviceScope", "{wrong}");
        let parents = json!({"capabilities": {"iotEdge": true}, "parentScopes": [wrong]});
        let refused = put(&hub, "x", None, parents).await;
        assert_eq!(refused.code(), "InvalidDeviceScope", "{wrong}");
    }
    let two = json!({"capabilities": {"iotEdge": true}, "parentScopes": [scope, scope]});
    assert_eq!(put(&hub, "x", None, two).await.code(), "InvalidDeviceScope");
}

#[tokio::test(start_paused = true)]
async fn certificates_are_kept_as_they_were_sent() {
    // REG-8
    let hub = TestHub::start();
    let sha1 = "aB".repeat(20);
    let sha256 = "0F".repeat(32);
    let thumbprints = json!({"primaryThumbprint": sha1, "secondaryThumbprint": sha256});
    let body = json!({"authentication": {"x509Thumbprint": thumbprints}});
    let device = put(&hub, "x", None, body).await.json();
    let expected = json!({
        "symmetricKey": {"primaryKey": null, "secondaryKey": null},
        "x509Thumbprint": thumbprints, "type": "selfSigned"
    });
    assert_eq!(device["authentication"], expected);
    let twin = hub.quick("GET", "/twins/x", "").await.json();
    assert_eq!(twin["authenticationType"], "selfSigned");
    assert_eq!(twin["x509Thumbprint"]["PrimaryThumbprint"], sha1.as_str());
    let authority = json!({"authentication": {"type": "certificateAuthority"}});
    let device = put(&hub, "ca", None, authority).await.json();
    assert_eq!(device["authentication"]["type"], "certificateAuthority");
    assert_eq!(
        device["authentication"]["symmetricKey"]["primaryKey"],
        Value::Null
    );
}
