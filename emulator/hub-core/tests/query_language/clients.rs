//! Every query that Microsoft's tools, samples and pages are known to send, with what it answers.
//!
//! Azure IoT Explorer `constants/devices.ts` and `moduleService.ts`, Azure CLI extension
//! `operations/hub.py` and `device_identity.py`, the samples and end-to-end tests of the C#, Node, Java
//! and Python SDKs, and the pages "Queries for IoT Hub device and module twins" and "… jobs".

use serde_json::{Value, json};

use super::support::{TestClient, answer};

const EXPLORER: &str = "SELECT deviceId as DeviceId, status as Status, lastActivityTime as LastActivityTime, statusUpdatedTime as StatusUpdatedTime, authenticationType as AuthenticationType, cloudToDeviceMessageCount as CloudToDeviceMessageCount, connectionState as ConnectionState, capabilities.iotEdge as IotEdge, modelId as ModelId FROM devices";

/// Two devices, the second an Edge device and the first its child; the second has modules.
fn clients() -> (Vec<TestClient>, Vec<TestClient>) {
    let mut leaf = TestClient::new(
        "leaf",
        &json!({
            "tags": {"location": {"region": "US", "plant": "Redmond43"}},
            "reported": {
                "connectivity": "wifi",
                "telemetryConfig": {"sendFrequencyInSecs": 60, "status": "Success"},
            },
        }),
    );
    leaf.parent_scopes = vec!["ms-azure-iot-edge://gate-1".into()];
    let mut gate = TestClient::new("gate", &json!({"reported": {"x": 4}}));
    (gate.edge, gate.connected) = (true, true);
    gate.scope = Some("ms-azure-iot-edge://gate-1".to_owned());
    let agent = json!({
        "reported": {"lastDesiredVersion": 2, "lastDesiredStatus": {"code": 200}},
        "desired": {"schemaVersion": "1.0"},
    });
    let sensor = json!({"reported": {"devicesimulator": {"status": "x"}}});
    let modules = vec![
        TestClient::new("gate/$edgeAgent", &agent),
        TestClient::new("gate/sensor", &sensor),
    ];
    (vec![gate, leaf], modules)
}

/// The ids in an answer, `device` or `device/module`.
fn ids(answer: &Value) -> Vec<String> {
    let id = |item: &Value| match (item["deviceId"].as_str(), item["moduleId"].as_str()) {
        (Some(device), Some(module)) => format!("{device}/{module}"),
        (device, module) => device.or(module).unwrap_or("?").to_owned(),
    };
    answer.as_array().unwrap().iter().map(id).collect()
}

/// A query, and the devices in its answer.
const OVER_DEVICES: &[(&str, &[&str])] = &[
    ("SELECT * FROM devices", &["gate", "leaf"]),
    ("\n  select * from devices", &["gate", "leaf"]),
    (
        "select * from devices where capabilities.iotEdge = true",
        &["gate"],
    ),
    (
        "select * from devices where capabilities.iotEdge=true",
        &["gate"],
    ),
    (
        "SELECT * FROM devices WHERE (status='enabled' AND capabilities.iotEdge=true)",
        &["gate"],
    ),
    (
        "select deviceId from devices where array_contains(parentScopes, 'ms-azure-iot-edge://gate-1')",
        &["leaf"],
    ),
    (
        "SELECT deviceId, deviceScope FROM devices",
        &["gate", "leaf"],
    ),
    ("SELECT deviceId FROM devices", &["gate", "leaf"]),
    (
        "select deviceId from devices where not startswith(deviceId, 'l') and not startswith(deviceId, 'b')",
        &["gate"],
    ),
    ("SELECT * FROM devices WHERE STARTSWITH(id, 'l')", &["leaf"]),
    (
        "SELECT * FROM devices WHERE STARTSWITH(devices.deviceId, 'g')",
        &["gate"],
    ),
    ("select * from devices where deviceId = 'leaf'", &["leaf"]),
    (
        "select deviceId from devices where properties.reported.x = 4",
        &["gate"],
    ),
    (
        "SELECT * FROM devices WHERE tags.location.region = 'US' AND properties.reported.telemetryConfig.sendFrequencyInSecs >= 60",
        &["leaf"],
    ),
    (
        "SELECT * FROM devices WHERE properties.reported.connectivity IN ['wired', 'wifi']",
        &["leaf"],
    ),
    (
        "SELECT * FROM devices WHERE tags.location.region IN ['US', 'Europe']",
        &["leaf"],
    ),
    (
        "SELECT * FROM devices WHERE is_defined(properties.reported.connectivity)",
        &["leaf"],
    ),
    (
        "SELECT * FROM devices WHERE NOT is_defined(properties.reported.connectivity)",
        &["gate"],
    ),
    (
        "SELECT * FROM devices WHERE connectionState = 'Connected'",
        &["gate"],
    ),
    (
        "SELECT * FROM devices WHERE lastActivityTime > '2026-11-01T00:00:00Z'",
        &["gate", "leaf"],
    ),
    ("SELECT TOP 10 * FROM devices", &["gate", "leaf"]),
    (
        "SELECT * FROM devices WHERE deviceId IN ['leaf', 'x']",
        &["leaf"],
    ),
    (
        "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43' AND tags.location.region != 'EU'",
        &["leaf"],
    ),
    (
        "SELECT * FROM devices WHERE configurations.[[my-config]].status = 'Applied'",
        &[],
    ),
];

#[test]
fn queries_over_devices_answer() {
    //
    let (devices, _) = clients();
    for (text, expected) in OVER_DEVICES {
        assert_eq!(ids(&answer(text, &devices)), *expected, "{text}");
    }
}

#[test]
fn queries_over_modules_answer() {
    //
    let (_, modules) = clients();
    let both: &[&str] = &["gate/$edgeAgent", "gate/sensor"];
    let cases: [(&str, &[&str]); 7] = [
        ("SELECT * FROM devices.modules", both),
        (
            "SELECT * FROM devices.modules WHERE deviceId in ['gate']",
            both,
        ),
        (
            "select * from devices.modules where devices.deviceId='gate'",
            both,
        ),
        (
            "select * from devices.modules where devices.modules.moduleId = 'sensor'",
            &["gate/sensor"],
        ),
        (
            "SELECT * FROM devices.modules WHERE properties.reported.devicesimulator.status = 'x'",
            &["gate/sensor"],
        ),
        (
            "select * from devices.modules where moduleId = '$edgeAgent' and properties.desired.$version = properties.reported.lastDesiredVersion and properties.reported.lastDesiredStatus.code = 200",
            &["gate/$edgeAgent"],
        ),
        (
            "select * from devices.modules where moduleId = '$edgeAgent' and configurations.[[a]].status = 'Applied'",
            &[],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(ids(&answer(text, &modules)), expected, "{text}");
    }
}

#[test]
fn queries_that_project_or_count_answer_with_their_own_names() {
    // Q-5 Q-6
    let (devices, _) = clients();
    let leaf = json!({
        "DeviceId": "leaf", "Status": "enabled",
        "LastActivityTime": "2026-11-22T10:00:00.0000000Z",
        "StatusUpdatedTime": "0001-01-01T00:00:00Z", "AuthenticationType": "sas",
        "CloudToDeviceMessageCount": 2, "ConnectionState": "Disconnected", "IotEdge": false,
        "ModelId": "",
    });
    let cases = [
        (format!("{EXPLORER} WHERE STARTSWITH(devices.deviceId, 'le')"), json!([leaf])),
        (format!("{EXPLORER} WHERE deviceId = 'leaf'"), json!([leaf])),
        (
            "select count() AS numberOfDevices from devices".to_owned(),
            json!([{"numberOfDevices": 2}]),
        ),
        (
            "SELECT properties.reported.telemetryConfig.status AS status, COUNT() AS numberOfDevices FROM devices GROUP BY properties.reported.telemetryConfig.status".to_owned(),
            json!([{"numberOfDevices": 1}, {"status": "Success", "numberOfDevices": 1}]),
        ),
        (
            "SELECT LastActivityTime FROM devices WHERE status = 'enabled' AND deviceId = 'gate'".to_owned(),
            json!([{"lastActivityTime": "2026-11-22T10:00:00.0000000Z"}]),
        ),
        (
            "SELECT COUNT() AS totalNumberOfDevices FROM devices".to_owned(),
            json!([{"totalNumberOfDevices": 2}]),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(answer(&text, &devices), expected, "{text}");
    }
}
