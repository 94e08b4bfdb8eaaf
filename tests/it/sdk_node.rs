//! The hub judged by Microsoft's Node SDKs.

use std::time::Duration;

use hubnerite_tests::{Node, TestHub, or_skip};
use serde_json::json;

const LONG: Duration = Duration::from_mins(2);

/// Installed SDKs and a hub on their ports, or `None` after having said why not.
async fn judges() -> Option<(Node, TestHub)> {
    let hub = or_skip(TestHub::start_on_sdk_ports().await)?;
    Some((or_skip(Node::get().await)?, hub))
}

async fn reboot(transport: &str) {
    let Some((node, hub)) = judges().await else {
        return;
    };
    hub.rest().create_device("myDeviceId").await;
    let mut device = node.start_device(&hub, "myDeviceId", "reboot_device.js", &[transport]);
    device.fact("ready", LONG).await;
    let service = node
        .start(&hub, "reboot_service.js", &["myDeviceId"])
        .finish(LONG)
        .await;
    service.assert_success();
    let result = json!({ "status": 200, "payload": "Reboot started" });
    assert_eq!(service.facts("method result"), [result]);

    assert_eq!(
        device.fact("method", LONG).await,
        json!({ "name": "reboot", "payload": null })
    );
    let reported = device.fact("reported", LONG).await;
    assert!(
        reported.as_str().is_some_and(|time| time.ends_with('Z')),
        "{reported}"
    );
    assert_eq!(service.facts("last reboot"), [reported]);
    device.stop().await;
}

// SEMANTICS CON-1
#[tokio::test]
async fn the_node_tutorial_reboots_its_device() {
    reboot("mqtt").await;
}

// SEMANTICS CON-1
#[tokio::test]
async fn the_node_tutorial_reboots_its_device_over_websocket() {
    reboot("ws").await;
}

// SEMANTICS REG-1, REG-3, REG-6, TW-1, TW-2, TW-9, Q-1, Q-3
#[tokio::test]
async fn node_manages_identities_twins_and_queries() {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "registry.js", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a device is created with keys of the hub",
            "keys that the caller brings are kept",
            "a device is not created twice",
            "a device is read, changed and listed",
            "a device is deleted",
            "an identifier outside the grammar is refused",
            "a fresh twin is empty",
            "a device hears of a changed desired property",
            "a null removes a property, and the device hears it",
            "a stale etag is refused and a good one is not",
            "a reported patch with a forbidden key reaches the device as an error",
            "a twin that nobody has is not found",
            "a query compares tags",
            "a query combines with AND, OR and NOT",
            "a query comes in pages",
            "a query that is no query is refused",
        ]);
}

// SEMANTICS AUTH-2, AUTH-5, DM-1, DM-3, DM-4, DM-7, REST-3, AMQP-1
#[tokio::test]
async fn node_names_each_fault_by_its_class() {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "errors.js", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a device with a wrong key is not let in",
            "a device that nobody registered is not let in",
            "a device with an expired token is not let in",
            "a disabled device is told that the service is not for it",
            "a device that is deleted while connected loses its connection",
            "a method on a device that nobody registered finds no device",
            "a method on a device that is offline ends in 404103",
            "payloads of every JSON kind come back as they were sent",
            "a method that nobody answers times out",
            "a response time below five seconds is refused",
            "a back end with a wrong key is unauthorized",
            "a back end with an unknown policy is unauthorized",
            "a back end with an expired token is unauthorized",
            "a call that needs AMQP fails at once and says why",
        ]);
}

async fn session(transport: &str) {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "session.js", &[transport])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a connected device answers",
            "telemetry with properties is taken",
            "a renewed token keeps the subscriptions of the session",
            "a closed device is offline",
        ]);
    let (application, payload) = hub.telemetry("renewing").await;
    assert_eq!(payload, br#"{"t":21.5}"#);
    assert_eq!(application, [("alert".into(), Some("a&b=c/d é".into()))]);
}

#[tokio::test]
async fn node_keeps_its_subscriptions_over_a_renewed_token() {
    session("mqtt").await;
}

#[tokio::test]
async fn node_keeps_its_subscriptions_over_a_renewed_token_on_websocket() {
    session("ws").await;
}

// SEMANTICS JOB-2, JOB-4, JOB-12
#[tokio::test]
async fn node_schedules_jobs_and_follows_them_to_their_end() {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "jobs.js", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a method job reboots every device and is completed",
            "a twin job reaches every device and is completed",
            "a job in the future is cancelled",
            "jobs are listed by their kind and status",
            "a name that is taken and a job that runs no more are refused",
        ]);
}

// SEMANTICS CFG-2, CFG-3, CFG-5, CFG-6, CFG-7, CFG-8, CFG-11, CFG-14
#[tokio::test]
async fn node_manages_configurations_and_its_device_hears_of_them() {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "configurations.js", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a configuration is added and read",
            "a configuration is not added twice",
            "a device that comes to be targeted hears of its desired properties",
            "the metrics count the device",
            "the higher priority wins, until it goes below",
            "an update keeps the content, and a stale etag is refused",
            "content is applied on one device",
            "a configuration that is removed leaves what it wrote",
        ]);
}

// SEMANTICS REG-4, REG-8, REG-9, REG-11, REG-12, REG-13, REG-15
#[tokio::test]
async fn node_manages_modules_edge_devices_and_rows_in_bulk() {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "modules.js", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "modules are created, read, listed and changed",
            "a module's twin goes both ways, apart from its device's",
            "a module answers a direct method",
            "a module sends telemetry",
            "a module that is deleted loses its connection",
            "an Edge device has system modules, and a child in its scope",
            "identities with certificates are kept",
            "devices are created, changed and removed in bulk",
            "a row that fails in bulk is told, and the others are done",
            "a device tells its model, and its twin has it",
            "devices are counted",
        ]);
}

// SEMANTICS C2D-3, C2D-9
#[tokio::test]
async fn a_node_device_receives_messages_with_all_their_properties() {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "messages.js", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a message arrives with all its properties, and their names as they were written",
        ]);
}

// SEMANTICS JOB-14, JOB-15, JOB-16, JOB-17, BLOB-1
#[tokio::test]
async fn node_exports_identities_into_blobs_and_imports_them_back() {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "import_export.js", &[&hub.blob_url()])
        .finish(LONG)
        .await
        .assert_checks(&[
            "the storage client puts, reads, lists and deletes",
            "200 devices go out, away, and come back the same",
            "jobs are listed and cancelled",
        ]);
}

// SEMANTICS PNP-1, PNP-2, PNP-3, PNP-4, PNP-5
#[tokio::test]
async fn node_reads_patches_and_commands_a_digital_twin() {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "digital_twins.js", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a digital twin shows the model, properties and components",
            "a patch reaches the device as a desired property of its component",
            "a patch of nothing is refused",
            "commands of the root and of a component reach the device, and its answer comes back",
        ]);
}

// SEMANTICS C2D-10, C2D-11, AUTH-9
#[tokio::test]
async fn a_node_device_speaks_https() {
    let Some((node, hub)) = judges().await else {
        return;
    };
    node.start(&hub, "messages_http.js", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a message is sent with its properties",
            "messages are sent in one request",
            "a message is received with its properties, and completed",
            "an abandoned message comes again, and a rejected one does not",
            "a message whose lock is gone cannot be completed",
            "a device with a wrong key is unauthorized",
        ]);
    let (properties, payload) = hub.telemetry("http-node").await;
    assert_eq!(properties, [("alert".to_owned(), Some("a b".to_owned()))]);
    assert_eq!(payload, br#"{"t":21.5}"#);
}
