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

#[test]
fn a_token_of_the_tool_opens_what_it_is_for() {
    use hub_proto::sas::{SasKey, SasToken};

    let hub = Hub::start();
    let string = |of: &str| hub_proto::connection_string::ConnectionString::parse(of).unwrap();
    let host = hub.ready["hostName"].as_str().unwrap();
    let device = string(&hub.ok(&["device", "create", "pump-1"])).key;
    let owner = string(hub.ready["connectionString"].as_str().unwrap()).key;
    let check = |args: &[&str], key: &SasKey, name: Option<&str>, path: &str| {
        let text = hub.ok(args);
        let token = SasToken::parse(&text).unwrap();
        assert!(token.is_signed_by(key), "{args:?}");
        assert_eq!(token.key_name(), name, "{args:?}");
        let audience = format!("sr={}&", format!("{host}{path}").replace('/', "%2F"));
        assert!(text.contains(&audience), "{text}");
        token.expiry().unix_seconds()
    };
    let hour = check(&["sas"], &owner, Some("iothubowner"), "");
    let days = check(&["sas", "--for", "2d"], &owner, Some("iothubowner"), "");
    assert!((47 * 3600 - 60..=47 * 3600 + 60).contains(&(days - hour)));
    check(
        &["sas", "--device", "pump-1"],
        &device,
        None,
        "/devices/pump-1",
    );
    let service = SasKey::from_bytes(b"hubnerite-service-primary-key-01");
    check(
        &["sas", "--policy", "service"],
        &service,
        Some("service"),
        "",
    );

    let (code, out, errors) = hub.tool(&["sas", "--policy", "nobody"]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{errors}");
    assert!(errors.contains("registryRead"), "{errors}");
    let (code, ..) = hub.tool(&["sas", "--device", "nobody"]);
    assert_eq!(code, Some(1));
    let other = hub.ready["connectionString"].as_str().unwrap();
    let (code, _, errors) = hub.tool(&["sas", "--policy", "service", "--hub", other]);
    assert_eq!(code, Some(2), "{errors}");
}

/// SEMANTICS RUN-5
#[test]
fn a_command_that_is_not_built_is_refused_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    for args in [vec!["lesson"], vec!["studio", "--help"]] {
        let (code, out, errors) = run(hubnerite(dir.path()).args(&args));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}");
        let words = format!("error: `hubnerite {}` is not built yet", args[0]);
        assert!(errors.starts_with(&words), "{errors}");
    }
    let (_, help, _) = run(hubnerite(dir.path()).arg("--help"));
    assert!(!help.contains("studio"), "{help}");
}

#[test]
fn the_doctor_looks_at_the_authority_of_the_hub_that_runs() {
    let hub = Hub::start();
    let elsewhere = tempfile::tempdir().unwrap();
    let admin = hub.ready["adminUrl"].as_str().unwrap();
    let ports = "--mqtts-port off --https-port off --amqps-port off --admin-port off";
    let mut doctor = hubnerite(elsewhere.path());
    doctor
        .env_remove("HUBNERITE_CA")
        .env("HOME", elsewhere.path())
        .args(["doctor", "--admin", admin])
        .args(ports.split(' '));
    let (_, out, errors) = run(&mut doctor);
    let dir = hub.dir.path().canonicalize().unwrap();
    let authority = format!("certificate authority in {}, good until", dir.display());
    assert!(out.contains(&authority), "{out}{errors}");
}

/// SEMANTICS JOB-2, JOB-4, JOB-5
#[test]
fn jobs_are_made_waited_for_listed_and_cancelled() {
    let hub = Hub::start();
    let tool = |line: &str| hub.tool(&line.split(' ').collect::<Vec<_>>());
    hub.ok(&["device", "create", "pump-1"]);
    let (code, done, errors) =
        tool(r#"job create twins -q * --twin-patch {"tags":{"site":"Oslo"}} --wait"#);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(done, "twins  completed  1 devices: 1 succeeded, 0 failed");
    let (code, out, errors) = tool("job create m -q * --method-name reboot --wait");
    assert_eq!(code, Some(1), "{errors}");
    assert_eq!(out.trim(), "m  completed  1 devices: 0 succeeded, 1 failed");
    let (code, out, _) = tool("job create bad -q = --method-name x --wait");
    assert_eq!(code, Some(1));
    let parse = "bad  failed\nSQL query parse failed";
    assert!(out.starts_with(parse), "{out}");
    let list = tool("job list --job-type scheduleDeviceMethod").1;
    let row = "scheduleDeviceMethod  completed  1        1";
    assert!(list.contains(row), "{list}");
    let shown: Value = serde_json::from_str(&tool("job show twins --json").1).unwrap();
    assert_eq!(shown["updateTwin"]["tags"]["site"], "Oslo");
    for (line, told) in [
        (
            "job create far -q * --twin-patch {} --start-time 2099-01-01T00:00:00Z",
            "168 hours",
        ),
        ("job cancel m", "405 OperationNotAllowedInCurrentState"),
        ("job show nobody", "the hub knows no job \"nobody\""),
    ] {
        let (code, _, errors) = tool(line);
        assert!(code == Some(1) && errors.contains(told), "{line}: {errors}");
    }
}

/// SEMANTICS HUB-6, AUTH-8
#[test]
fn hubs_and_policies_come_and_go_while_it_runs() {
    let hub = Hub::start();
    let owner = hub.ok(&["hub", "create", "orders"]);
    assert!(owner.starts_with("HostName=orders.localhost;"), "{owner}");
    hub.ok(&["device", "create", "pump-1", "--hub-name", "orders"]);
    let hubs = hub.ok(&["hub", "list", "--json"]);
    let hubs: serde_json::Value = serde_json::from_str(&hubs).unwrap();
    assert_eq!(
        (&hubs[0]["devices"], &hubs[1]["devices"]),
        (&0.into(), &1.into())
    );
    let events = hub.ok(&["events", "--hub-name", "orders", "--json"]);
    assert_eq!(events.lines().count(), 1, "{events}");

    let gate = ["--permissions", "DeviceConnect", "--hub-name", "orders"];
    hub.ok(&[&["policy", "create", "gate"], &gate[..]].concat());
    let told = hub.ok(&["policy", "rotate", "gate", "both", "--hub-name", "orders"]);
    assert_eq!(told.trim(), "rotated gate");
    let list = hub.ok(&["policy", "list", "--hub-name", "orders"]);
    assert!(
        list.contains("gate") && list.contains("DeviceConnect"),
        "{list}"
    );
    let (code, _, errors) = hub.tool(&["policy", "delete", "gate"]);
    assert_eq!(code, Some(1), "the default hub has none: {errors}");
    hub.ok(&["policy", "delete", "gate", "--hub-name", "orders"]);

    let before = hub.ok(&["env", "--hub-name", "orders"]);
    assert!(before.contains("HostName=orders.localhost;"), "{before}");
    let rotate = ["policy", "rotate", "iothubowner", "primary"];
    hub.ok(&[&rotate[..], &["--hub-name", "orders"]].concat());
    let list = hub.ok(&["policy", "list", "--hub-name", "orders", "--json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let mut owner = list.as_array().unwrap().iter();
    let owner = owner.find(|policy| policy["name"] == "iothubowner");
    let key = owner.unwrap()["primaryKey"].as_str().unwrap();
    let after = hub.ok(&["env", "--hub-name", "orders"]);
    assert!(after.contains(key) && !before.contains(key), "{after}");
    let (_, env, _) = hub.tool(&["env"]);
    assert!(!env.contains(key), "the default hub keeps its own: {env}");
    hub.ok(&["policy", "delete", "iothubowner", "--hub-name", "orders"]);
    let (code, _, errors) = hub.tool(&["env", "--hub-name", "orders"]);
    assert!(
        code == Some(1) && errors.contains("no policy"),
        "no key is made up: {errors}"
    );
    hub.ok(&["trust", "--hub-name", "orders"]);

    hub.ok(&["hub", "delete", "orders"]);
    for command in ["env", "trust"] {
        let (code, _, errors) = hub.tool(&[command, "--hub-name", "orders"]);
        assert!(
            code == Some(1) && errors.contains("there is no hub"),
            "{command}: {errors}"
        );
    }
    let (code, _, errors) = hub.tool(&["device", "list", "--hub-name", "orders"]);
    assert!(
        code == Some(1) && errors.contains("there is no hub"),
        "{errors}"
    );
}
