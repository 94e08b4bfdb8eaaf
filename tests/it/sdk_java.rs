//! The hub judged by Microsoft's Java SDKs: the current ones and those that the tutorial pins.

use std::time::Duration;

use hubnerite_tests::{Java, TestHub, or_skip};

const LONG: Duration = Duration::from_mins(2);

/// Installed SDKs and a hub on their ports, or `None` after having said why not.
async fn judges() -> Option<(Java, TestHub)> {
    let hub = or_skip(TestHub::start_on_sdk_ports().await)?;
    Some((or_skip(Java::current().await)?, hub))
}

async fn reboot(protocol: &str) {
    let Some((java, hub)) = judges().await else {
        return;
    };
    hub.rest().create_device("myDeviceId").await;
    let mut device = java.start_device(&hub, "myDeviceId", "RebootDevice", &[protocol]);
    device.fact("ready", LONG).await;
    let service = java
        .start(&hub, "RebootService", &["myDeviceId"])
        .finish(LONG)
        .await;
    service.assert_success();
    assert_eq!(service.facts("method result"), [r#"200 "Started reboot""#]);
    assert_eq!(service.facts("last reboot").len(), 1);
    // The report comes five seconds after the answer.
    assert!(service.facts("waiting").len() >= 3);
    assert!(device.fact("reported", LONG).await.as_u64() >= Some(2));
    device.stop().await;
}

#[tokio::test]
async fn the_java_tutorial_on_the_current_sdk_reboots_its_device() {
    reboot("MQTT").await;
}

#[tokio::test]
async fn the_java_tutorial_on_the_current_sdk_reboots_its_device_over_websocket() {
    reboot("MQTT_WS").await;
}

#[tokio::test]
async fn the_java_tutorial_as_it_is_pinned_reboots_its_device() {
    let Some(hub) = or_skip(TestHub::start_on_sdk_ports().await) else {
        return;
    };
    let Some(java) = or_skip(Java::of_the_tutorial().await) else {
        return;
    };
    hub.rest().create_device("myDeviceId").await;
    let ca = hub
        .ca_path()
        .to_str()
        .expect("a temporary folder's name is text");
    let mut device = java.start_device(&hub, "myDeviceId", "RebootDevice", &[ca]);
    device.fact("ready", LONG).await;
    let service = java
        .start(&hub, "RebootService", &["myDeviceId"])
        .finish(LONG)
        .await;
    service.assert_success();
    assert_eq!(service.facts("method result"), ["200 Started reboot"]);
    assert_eq!(service.facts("last reboot").len(), 1);
    device.stop().await;
    // The SDK of that time writes a date as an object.
    let reported = &hub.rest().twin("myDeviceId").await["properties"]["reported"]["lastReboot"];
    assert!(reported["date"]["year"].is_number(), "{reported}");
}

// SEMANTICS REST-4, REST-5, TOP-5, TLS-2, TLS-3, Q-3
#[tokio::test]
async fn java_manages_identities_twins_and_queries() {
    let Some((java, hub)) = judges().await else {
        return;
    };
    java.start(&hub, "Twins", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a device is created, read, changed and removed",
            "a device reports, and its twin has it",
            "a key that is not allowed is refused",
            "a device hears of changed desired properties",
            "telemetry with properties is taken",
            "a stale etag is refused",
            "a query comes in pages",
        ]);
    let (application, _) = hub.telemetry("dev").await;
    let odd = (
        "TestKey1234!#$%&'*+-^_`|~".to_owned(),
        Some("a \"b\" {c}".to_owned()),
    );
    assert!(application.contains(&odd), "{application:?}");
}

// SEMANTICS AUTH-5, DM-2, DM-3, DM-4, REST-3
#[tokio::test]
async fn java_meets_each_fault_as_its_own_exception() {
    let Some((java, hub)) = judges().await else {
        return;
    };
    java.start(&hub, "Errors", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a device with a wrong key is not let in",
            "a device that nobody registered is not let in",
            "a disabled device cannot connect",
            "a device that is deleted while connected loses its connection",
            "a method on an unknown device is 404001",
            "a method on an offline device is 404103",
            "the device's status and payload come back, whatever they are",
            "a method that nobody answers times out",
            "a back end with a wrong key is unauthorized",
            "a back end with an expired token is unauthorized",
        ]);
}

// SEMANTICS REG-4, REG-8, REG-9, REG-11, REG-12, REG-13, REG-15
#[tokio::test]
async fn java_manages_modules_edge_devices_and_rows_in_bulk() {
    let Some((java, hub)) = judges().await else {
        return;
    };
    java.start(&hub, "Modules", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "modules are created, read, listed and removed",
            "a module's twin goes both ways, apart from its device's",
            "a module answers a direct method",
            "a module that is deleted loses its connection",
            "an Edge device has system modules, and a child in its scope",
            "identities with certificates are kept",
            "devices are counted",
            "a device tells its model, and its twin has it",
        ]);
}

// SEMANTICS JOB-2, JOB-4, JOB-12
#[tokio::test]
async fn java_schedules_jobs_and_follows_them_to_their_end() {
    let Some((java, hub)) = judges().await else {
        return;
    };
    java.start(&hub, "Jobs", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a method job reboots the device and is completed",
            "a twin job reaches the device and is completed",
            "jobs are listed by their kind and status",
            "rows of devices are asked for by query",
            "a job in the future is cancelled, and one that is over is not",
        ]);
}

// SEMANTICS CFG-2, CFG-5, CFG-8, CFG-11
#[tokio::test]
async fn java_manages_configurations_and_its_device_hears_of_them() {
    let Some((java, hub)) = judges().await else {
        return;
    };
    java.start(&hub, "Configurations", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a configuration is created once",
            "a device that comes to be targeted hears of its desired properties",
            "a configuration is read with its metrics, and listed",
            "a configuration is replaced",
            "content is applied on one device",
            "a configuration is deleted",
        ]);
}

// SEMANTICS PNP-1, PNP-2, PNP-3, PNP-4, PNP-5, REST-13
#[tokio::test]
async fn java_reads_patches_and_commands_a_digital_twin() {
    let Some((java, hub)) = judges().await else {
        return;
    };
    java.start(&hub, "DigitalTwins", &[])
        .finish(LONG)
        .await
        .assert_checks(&[
            "a digital twin shows the model, properties and components",
            "a patch reaches the device as a desired property of its component",
            "a patch of nothing is refused",
            "commands of the root and of a component reach the device, and its answer comes back",
        ]);
}

// SEMANTICS C2D-3, C2D-9
#[tokio::test]
async fn a_java_device_receives_messages_with_their_properties() {
    let Some((java, hub)) = judges().await else {
        return;
    };
    java.start(&hub, "Messages", &[])
        .finish(LONG)
        .await
        .assert_checks(&["a message arrives with its properties"]);
}

// SEMANTICS JOB-14, JOB-15, JOB-16, JOB-17, BLOB-1
#[tokio::test]
async fn java_exports_identities_into_blobs_and_imports_them_back() {
    let Some((java, hub)) = judges().await else {
        return;
    };
    java.start(&hub, "ImportExport", &[&hub.blob_url()])
        .finish(LONG)
        .await
        .assert_checks(&["devices go out, away, and come back the same"]);
}
