//! Tools against a running hub, and without one.

use serde_json::Value;

use crate::support::{Hub, hubnerite, run};

#[test]
fn tools_manage_devices_and_twins_of_the_running_hub() {
    let hub = Hub::start();
    let host = hub.ready["hostName"].as_str().unwrap();
    let created = hub.ok(&["device", "create", "pump-1"]);
    assert!(created.starts_with(&format!("HostName={host};DeviceId=pump-1;SharedAccessKey=")));
    assert_eq!(hub.ok(&["device", "connection-string", "pump-1"]), created);
    let shown: Value = serde_json::from_str(&hub.ok(&["device", "show", "pump-1"])).unwrap();
    assert_eq!(shown["deviceId"], "pump-1");
    let list = hub.ok(&["device", "list"]);
    assert!(list.contains("pump-1  Disconnected  enabled"), "{list}");

    let update = [
        "twin",
        "update",
        "pump-1",
        "--tags",
        r#"{"site":"Oslo"}"#,
        "--desired",
        r#"{"n":1}"#,
    ];
    let twin: Value = serde_json::from_str(&hub.ok(&update)).unwrap();
    assert_eq!(
        (&twin["tags"]["site"], &twin["properties"]["desired"]["n"]),
        (&"Oslo".into(), &1.into())
    );
    let again = hub.ok(&["twin", "show", "pump-1", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&again).unwrap()["tags"],
        twin["tags"]
    );
    let found = hub.ok(&[
        "query",
        "--json",
        "SELECT * FROM devices WHERE tags.site = 'Oslo'",
    ]);
    assert_eq!(
        serde_json::from_str::<Value>(&found).unwrap()["deviceId"],
        "pump-1"
    );

    let events = hub.ok(&["events", "--json", "--device", "pump-1"]);
    let kinds: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone())
        .collect();
    assert_eq!(kinds[0], "deviceCreated");
    assert!(kinds.contains(&"tags".into()), "{kinds:?}");
    assert!(hub.ok(&["events"]).contains("pump-1"));

    assert_eq!(hub.ok(&["device", "delete", "pump-1"]), "");
    assert!(hub.ok(&["device", "list"]).starts_with("no devices"));
}

/// SEMANTICS RUN-5
#[test]
fn the_hubs_no_is_exit_code_1_with_its_words_and_a_remedy() {
    let hub = Hub::start();
    hub.ok(&["device", "create", "d"]);
    for (args, words) in [
        (vec!["device", "show", "nobody"], "404 DeviceNotFound"),
        (vec!["device", "create", "d"], "409 DeviceAlreadyExists"),
        (
            vec!["method", "invoke", "d", "reboot"],
            "404 DeviceNotOnline",
        ),
    ] {
        let (code, _, errors) = hub.tool(&args);
        assert_eq!(code, Some(1), "{errors}");
        assert!(
            errors.starts_with("error: the hub answered") && errors.contains(words),
            "{errors}"
        );
        assert!(errors.contains("\n help: "), "{errors}");
    }
}

/// SEMANTICS RUN-5
#[test]
fn without_a_hub_a_tool_could_not_run_and_says_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    // Port 9 (discard) of an address nobody uses.
    let (code, _, errors) =
        run(hubnerite(dir.path()).args(["device", "list", "--admin", "http://127.1.2.3:9"]));
    assert_eq!(code, Some(3), "{errors}");
    assert!(
        errors.starts_with("error: no Hubnerite answers at http://127.1.2.3:9"),
        "{errors}"
    );
    assert!(errors.contains("hubnerite up"), "{errors}");
}
