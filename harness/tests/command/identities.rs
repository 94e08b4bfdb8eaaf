//! `device`, `module` and `configuration` beyond a device with keys.

use serde_json::Value;

use crate::support::Hub;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

#[test]
fn a_device_is_made_with_a_certificate_disabled_and_changed() {
    let hub = Hub::start();
    let host = hub.ready["hostName"].as_str().unwrap();
    let digits = "781BC9694ADEB8929D4F7FE4B9A3A6DE58B07952";
    let made = hub.ok(&["device", "create", "meter", "--primary-thumbprint", digits]);
    assert_eq!(made, format!("HostName={host};DeviceId=meter;x509=true"));
    let ca = [
        "device",
        "create",
        "ca",
        "--auth",
        "x509_ca",
        "--status",
        "disabled",
        "--status-reason",
        "not paid",
        "--json",
    ];
    let ca = json(&hub.ok(&ca));
    assert_eq!(ca["authentication"]["type"], "certificateAuthority");
    assert_eq!(ca["statusReason"], "not paid");
    let meter = json(&hub.ok(&["device", "show", "meter"]));
    let thumbprint = &meter["authentication"]["x509Thumbprint"]["primaryThumbprint"];
    assert_eq!(thumbprint, digits);

    let changed = json(&hub.ok(&["device", "update", "ca", "--status", "enabled"]));
    assert_eq!(
        (&changed["status"], &changed["authentication"]["type"]),
        (&"enabled".into(), &"certificateAuthority".into())
    );
    let keyed = json(&hub.ok(&["device", "update", "ca", "--auth", "sas"]));
    assert!(keyed["authentication"]["symmetricKey"]["primaryKey"].is_string());

    for (args, words) in [
        (vec!["device", "update", "ca"], "--status"),
        (
            vec!["device", "create", "x", "--auth", "x509-thumbprint"],
            "--primary-thumbprint HEX",
        ),
        (
            vec![
                "device",
                "create",
                "x",
                "--auth",
                "x509-ca",
                "--primary-thumbprint",
                digits,
            ],
            "nothing else",
        ),
    ] {
        let (code, _, errors) = hub.tool(&args);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(words), "{errors}");
    }
}

#[test]
fn keys_are_made_anew_and_devices_counted() {
    let hub = Hub::start();
    let before = hub.ok(&["device", "create", "d"]);
    let second = hub.ok(&["device", "connection-string", "d", "--secondary"]);
    assert_eq!(
        hub.ok(&["device", "renew-key", "d", "--key-type", "swap"]),
        second
    );
    let fresh = hub.ok(&["device", "renew-key", "d", "--kt", "primary"]);
    assert_eq!(hub.ok(&["device", "connection-string", "d"]), fresh);
    assert_eq!(
        hub.ok(&["device", "connection-string", "d", "--secondary"]),
        before
    );

    let (code, _, errors) = hub.tool(&["device", "renew-key", "d", "nobody", "--kt", "both"]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.contains("not every key was made anew: nobody: "),
        "{errors}"
    );
    let (code, _, errors) = hub.tool(&["device", "renew-key", "nobody", "--kt", "both"]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("nobody: "), "{errors}");

    hub.ok(&["device", "create", "off", "--status", "disabled"]);
    let counts = json(&hub.ok(&["device", "statistics", "--json"]));
    let of = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!(
        [
            of("totalDeviceCount"),
            of("enabledDeviceCount"),
            of("disabledDeviceCount"),
            of("connectedDeviceCount")
        ],
        [2, 1, 1, 0]
    );
    let table = hub.ok(&["device", "statistics"]);
    assert_eq!(
        table,
        "DEVICES  ENABLED  DISABLED  CONNECTED\n2        1        1         0"
    );
}

#[test]
fn an_edge_device_has_children() {
    let hub = Hub::start();
    hub.ok(&["device", "create", "gateway", "other", "--edge"]);
    hub.ok(&["device", "create", "sensor", "--parent", "gateway"]);
    assert_eq!(hub.ok(&["device", "parent", "show", "sensor"]), "gateway");
    let (code, _, errors) = hub.tool(&["device", "parent", "set", "sensor", "other"]);
    assert!(code == Some(1) && errors.contains("--force"), "{errors}");
    hub.ok(&["device", "parent", "set", "sensor", "other", "--force"]);
    assert_eq!(hub.ok(&["device", "parent", "show", "sensor"]), "other");
    hub.ok(&["device", "parent", "set", "other", "gateway"]);
    assert_eq!(hub.ok(&["device", "parent", "show", "other"]), "gateway");
    let (code, _, errors) = hub.tool(&["device", "parent", "show", "gateway"]);
    assert!(
        code == Some(1) && errors.contains("has no parent"),
        "{errors}"
    );
    let (code, _, errors) = hub.tool(&["device", "parent", "set", "gateway", "sensor"]);
    assert!(
        code == Some(1) && errors.contains("is not an Edge device"),
        "{errors}"
    );
    let modules = hub.ok(&["module", "list", "gateway"]);
    assert!(
        modules.contains("$edgeAgent") && modules.contains("$edgeHub"),
        "{modules}"
    );
}

#[test]
fn modules_are_made_shown_listed_changed_and_removed() {
    let hub = Hub::start();
    let host = hub.ready["hostName"].as_str().unwrap();
    hub.ok(&["device", "create", "d"]);
    assert!(hub.ok(&["module", "list", "d"]).starts_with("no modules"));
    let made = hub.ok(&["module", "create", "d", "camera"]);
    let head = format!("HostName={host};DeviceId=d;ModuleId=camera;SharedAccessKey=");
    assert!(made.starts_with(&head), "{made}");
    assert_eq!(
        hub.ok(&["module", "connection-string", "d", "camera"]),
        made
    );
    let renewed = hub.ok(&["module", "renew-key", "d", "camera", "--key-type", "both"]);
    assert!(renewed.starts_with(&head) && renewed != made, "{renewed}");
    let changed = ["module", "update", "d", "camera", "--managed-by", "me"];
    assert_eq!(json(&hub.ok(&changed))["managedBy"], "me");
    assert_eq!(
        hub.ok(&["module", "connection-string", "d", "camera"]),
        renewed
    );
    let list = hub.ok(&["module", "list", "d"]);
    assert!(
        list.contains("camera  Disconnected  sas             me"),
        "{list}"
    );

    let update = [
        "twin",
        "update",
        "d",
        "--module",
        "camera",
        "--desired",
        r#"{"fps":25}"#,
    ];
    assert_eq!(json(&hub.ok(&update))["moduleId"], "camera");
    let twin = json(&hub.ok(&["module", "twin", "d", "camera", "--json"]));
    assert_eq!(twin["properties"]["desired"]["fps"], 25);
    assert_eq!(
        twin,
        json(&hub.ok(&["twin", "show", "d", "--module", "camera"]))
    );

    for args in [
        vec!["module", "invoke-method", "d", "camera", "focus"],
        vec!["method", "invoke", "d", "focus", "--module", "camera"],
    ] {
        let (code, _, errors) = hub.tool(&args);
        assert!(
            code == Some(1) && errors.contains("DeviceNotOnline"),
            "{errors}"
        );
    }
    hub.ok(&["module", "delete", "d", "camera"]);
    let (code, _, errors) = hub.tool(&["module", "show", "d", "camera"]);
    assert!(
        code == Some(1) && errors.contains("404 ModuleNotFound"),
        "{errors}"
    );
    assert!(errors.contains("hubnerite module list DEVICE"), "{errors}");
}

/// A hub with a device, and a configuration `fast` for it.
fn with_a_configuration() -> Hub {
    let hub = Hub::start();
    hub.ok(&["device", "create", "d"]);
    assert!(
        hub.ok(&["configuration", "list"])
            .starts_with("no configurations")
    );
    let content = r#"{"content":{"deviceContent":{"properties.desired.interval":5}}}"#;
    std::fs::write(hub.dir.path().join("content.json"), content).unwrap();
    let metrics = r#"{"queries":{"all":"SELECT deviceId FROM devices"}}"#;
    std::fs::write(hub.dir.path().join("metrics.json"), metrics).unwrap();
    let create = "configuration create fast --content content.json --metrics metrics.json \
                  --target-condition * --priority 3";
    let made = json(&hub.ok(&words(create)));
    let content = &made["content"]["deviceContent"];
    assert_eq!(content["properties.desired.interval"], 5);
    hub
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn configurations_are_made_changed_listed_and_removed() {
    let hub = with_a_configuration();
    let update = r#"configuration update fast --priority 9 --labels {"team":"pumps"}"#;
    let written = json(&hub.ok(&words(update)));
    assert_eq!(written["priority"], 9);
    assert_eq!(written["labels"]["team"], "pumps");
    assert_eq!(written["targetCondition"], "*");
    let list = hub.ok(&["configuration", "list"]);
    assert!(
        list.contains("CONFIGURATION  PRIORITY") && list.contains("fast"),
        "{list}"
    );
    for (line, code, told) in [
        (
            "configuration create fast --content content.json",
            1,
            "ConfigurationAlreadyExists",
        ),
        (
            "configuration create other --content nowhere.json",
            2,
            "cannot read nowhere.json",
        ),
        ("configuration update fast", 2, "--target-condition"),
    ] {
        let (got, _, errors) = hub.tool(&words(line));
        assert!(got == Some(code) && errors.contains(told), "{errors}");
    }
    assert_eq!(hub.ok(&["configuration", "delete", "fast"]), "");
    let (code, _, errors) = hub.tool(&["configuration", "show", "fast"]);
    assert!(
        code == Some(1) && errors.contains("ConfigurationNotFound"),
        "{errors}"
    );
}

#[test]
fn a_metric_of_a_configuration_is_asked_for_now() {
    let hub = with_a_configuration();
    let metric = "configuration show-metric fast --metric-id all --json";
    assert_eq!(json(&hub.ok(&words(metric)))["result"][0]["deviceId"], "d");
    let system = "configuration show-metric fast --metric-id targetedCount --metric-type system";
    assert!(json(&hub.ok(&words(system)))["result"].is_array());
    let none = "configuration show-metric fast --metric-id none";
    let (code, _, errors) = hub.tool(&words(none));
    assert!(code == Some(1) && errors.contains("it has all"), "{errors}");
}
