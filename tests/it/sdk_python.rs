//! The hub judged by Microsoft's Python SDKs.

use std::time::Duration;

use hub_core::EventKind;
use hubnerite_tests::{Python, TestHub, or_skip};
use serde_json::json;

const LONG: Duration = Duration::from_mins(2);

/// Installed SDKs and a hub on their ports, or `None` after having said why not.
async fn judges() -> Option<(Python, TestHub)> {
    let hub = or_skip(TestHub::start_on_sdk_ports().await)?;
    Some((or_skip(Python::get().await)?, hub))
}

// SEMANTICS CON-1, DM-10
#[tokio::test]
async fn the_python_tutorial_reboots_its_device() {
    let Some((python, hub)) = judges().await else {
        return;
    };
    hub.rest().create_device("myDeviceId").await;
    let mut device = python.start_device(&hub, "myDeviceId", "reboot_device.py");
    device.fact("ready", LONG).await;
    let service = python
        .start(&hub, "reboot_service.py", &["myDeviceId"])
        .finish(LONG)
        .await;
    service.assert_success();
    let unknown = json!({ "status": 404, "payload": { "Response": "Unknown method" } });
    assert_eq!(service.facts("unknown method"), [unknown]);
    let answer = json!({ "Response": "This is the response from the device" });
    assert_eq!(
        service.facts("method result"),
        [json!({ "status": 200, "payload": answer })]
    );
    // The device reports before it answers, so the first look at the twin finds it.
    let reported = device.fact("reported", LONG).await;
    assert_eq!(service.facts("last reboot"), [reported]);
    assert!(service.facts("waiting").is_empty());
    device.stop().await;
}

// SEMANTICS REG-1, REG-2, REG-3, REST-4, TW-3, TW-8, Q-1, Q-3
#[tokio::test]
async fn python_manages_identities_twins_and_queries() {
    let Some((python, hub)) = judges().await else {
        return;
    };
    python
        .start(&hub, "registry.py", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a device is created with the caller's keys",
            "a device is created with keys of the hub",
            "a device is not created twice",
            "a device is updated under its etag",
            "devices are listed, as many as asked for",
            "a twin is merged, replaced and guarded by its etag",
            "metadata tells when a property changed",
            "a twin patch with a forbidden key is refused",
            "a query finds devices, page by page",
            "a query compares status and properties",
            "a device is deleted, under its etag or whatever it is",
        ]);
}

// SEMANTICS AUTH-1, AUTH-3, AUTH-5, REG-4, TW-6, DM-3, DM-4, DM-7, AMQP-1
#[tokio::test]
async fn python_meets_each_fault_as_its_own_error() {
    let Some((python, hub)) = judges().await else {
        return;
    };
    python
        .start(&hub, "errors.py", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "either key of a device is good",
            "a device with a wrong key is not let in",
            "a device that nobody registered is not let in",
            "a disabled device cannot connect",
            "a device with a token of another device is not let in",
            "a device that is disabled while connected loses its connection",
            "a reported patch that breaks a rule is an error, and nothing of it is kept",
            "a method on an unknown device is 404001, on an offline one 404103",
            "a method that nobody answers ends in 504",
            "a method waits for its device as long as the connect time-out",
            "bad arguments of a method are refused",
            "a back end with a wrong key or an unknown policy is unauthorized",
            "a call that needs AMQP fails at once and says why",
        ]);
}

async fn session(transport: &str) {
    let Some((python, hub)) = judges().await else {
        return;
    };
    python
        .start(&hub, "session.py", &[transport])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a device connects and the twin says so",
            "telemetry with properties is taken",
            "a device reads its twin without what is not its own",
            "reported properties are merged",
            "a device hears of changed desired properties",
            "a call sees what the device reported before its answer",
            "a device that reconnects still hears",
        ]);
    let (application, payload) = hub.telemetry("life").await;
    assert_eq!(payload, br#"{"t":21.5}"#);
    assert_eq!(application, [("alert".into(), Some("a&b=c/d é".into()))]);
}

// SEMANTICS TW-3, TW-9, TW-10, DM-10, TOP-5
#[tokio::test]
async fn a_python_device_lives_on_mqtt() {
    session("mqtt").await;
}

// SEMANTICS CON-1
#[tokio::test]
async fn a_python_device_lives_on_websocket() {
    session("ws").await;
}

// SEMANTICS JOB-2, JOB-4, JOB-6, JOB-13
#[tokio::test]
async fn python_schedules_jobs_and_follows_them_to_their_end() {
    let Some((python, hub)) = judges().await else {
        return;
    };
    python
        .start(&hub, "jobs.py", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a method job reboots the device and is completed",
            "a twin job reaches the device and is completed",
            "a condition that is no condition fails the job, and says where",
            "a job in the future is cancelled, and one that is over is not",
            "an unknown job is unknown",
        ]);
}

// SEMANTICS CFG-2, CFG-5, CFG-8, CFG-11, CFG-12
#[tokio::test]
async fn python_manages_configurations_and_its_device_hears_of_them() {
    let Some((python, hub)) = judges().await else {
        return;
    };
    python
        .start(&hub, "configurations.py", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a configuration is created once",
            "a device that comes to be targeted hears of its desired properties",
            "a configuration is read with its metrics",
            "a configuration is updated under its etag, quoted or not",
            "queries are tested without writing",
            "a configuration is deleted, and the twin keeps its values",
        ]);
}

// SEMANTICS REG-4, REG-8, REG-9, REG-11, REG-12, REG-13, REG-15
#[tokio::test]
async fn python_manages_modules_edge_devices_and_rows_in_bulk() {
    let Some((python, hub)) = judges().await else {
        return;
    };
    python
        .start(&hub, "modules.py", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "modules are created, read, listed and guarded by their etag",
            "a module connects with its connection string, and its device stays offline",
            "a module's twin goes both ways, apart from its device's",
            "a module answers a direct method",
            "a module sends telemetry",
            "a module that is deleted loses its connection",
            "an Edge device has system modules, and a child in its scope",
            "identities with certificates are kept",
            "devices are created and removed in bulk, row by row",
            "a device tells its model, and its twin has it",
            "devices are counted",
        ]);
}

// SEMANTICS C2D-3, C2D-6, C2D-8, C2D-9
#[tokio::test]
async fn a_python_device_receives_messages_and_their_sender_hears_of_it() {
    let Some((python, hub)) = judges().await else {
        return;
    };
    python
        .start(&hub, "messages.py", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a message arrives with all its properties, and their names as they were written",
            "feedback tells that the device has the message, and is completed",
        ]);
}

// SEMANTICS JOB-14, JOB-15, JOB-16, JOB-17, BLOB-1
#[tokio::test]
async fn python_exports_identities_into_blobs_and_imports_them_back() {
    let Some((python, hub)) = judges().await else {
        return;
    };
    python
        .start(&hub, "import_export.py", &[&hub.blob_url()])
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
async fn python_reads_patches_and_commands_a_digital_twin() {
    let Some((python, hub)) = judges().await else {
        return;
    };
    python
        .start(&hub, "digital_twins.py", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a digital twin shows the model, properties and components",
            "a patch reaches the device as a desired property of its component",
            "a patch under a stale etag, or of nothing, is refused",
            "commands of the root and of a component reach the device, and its answer comes back",
        ]);
}

// SEMANTICS HUB-1, HUB-5
#[tokio::test]
async fn python_devices_of_the_same_id_live_on_three_hubs_and_hear_nothing_of_each_other() {
    let Some(hub) = or_skip(TestHub::start_two_on_sdk_ports().await) else {
        return;
    };
    let Some(python) = or_skip(Python::get().await) else {
        return;
    };
    let emulator = hub.emulator();
    let (_, second) = emulator.hubs().remove(0);
    let owner = second.connection_string("iothubowner").unwrap();
    let third = emulator
        .create_hub("third".parse().unwrap())
        .expect("the name is free");
    let key = hub.rest().at(third.host_name()).create_device("same").await;
    let by_gateway = format!(
        "HostName={};DeviceId=same;SharedAccessKey={key};GatewayHostName={}",
        third.host_name(),
        hub.host()
    );
    python
        .start(&hub, "several_hubs.py", &[&owner, &by_gateway])
        .finish(LONG)
        .await
        .assert_checks(&[
            "devices of the same id connect to several hubs, and none puts another out",
            "a hub does not let in the key of another",
            "each sends to its own hub",
            "twins of the same id are different twins",
            "a method is answered by the device of the hub that was asked",
        ]);
    for (handle, sent) in [
        (emulator.hub(), "to the first"),
        (&second, "to the second"),
        (&third, "to the third"),
    ] {
        let page = handle.event_log().read(0, 1000);
        let received = page
            .events
            .iter()
            .filter_map(|(_, event)| match &event.kind {
                EventKind::Telemetry { payload, .. } => Some(String::from_utf8_lossy(payload)),
                _ => None,
            });
        assert_eq!(received.collect::<Vec<_>>(), [sent]);
    }
}
