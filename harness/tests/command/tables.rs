//! What tools print by default, and what they print for programs: queries, jobs, exports and imports.

use std::process::Stdio;

use serde_json::Value;

use crate::support::Hub;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

fn create(hub: &Hub, ids: &[String]) {
    let mut args = vec!["device", "create"];
    args.extend(ids.iter().map(String::as_str));
    hub.ok(&args);
}

#[test]
fn a_query_is_a_table_whose_columns_are_those_of_the_projection() {
    let hub = Hub::start();
    create(&hub, &["a", "b", "c"].map(str::to_owned));
    for (device, site) in [("a", "Oslo"), ("b", "Oslo"), ("c", "Bergen")] {
        let tags = format!("{{\"site\": \"{site}\"}}");
        hub.ok(&["twin", "update", device, "--tags", &tags]);
    }
    let whole = hub.ok(&["query", "SELECT * FROM devices WHERE deviceId = 'a'"]);
    let words: Vec<&str> = whole.split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "deviceId status connectionState version desired reported lastActivityTime \
         a enabled Disconnected 3 1 1 never"
    );
    let sites = hub.ok(&[
        "query",
        "SELECT deviceId AS pump, tags.site, tags.none FROM devices",
    ]);
    assert_eq!(
        sites,
        "pump  site    none\na     Oslo    -\nb     Oslo    -\nc     Bergen  -"
    );
    let groups = "SELECT tags.site AS site, COUNT() AS pumps FROM devices GROUP BY tags.site";
    assert_eq!(
        hub.ok(&["query", groups]),
        "site    pumps\nBergen  1\nOslo    2"
    );
    let first = hub.ok(&["query", "SELECT deviceId FROM devices", "--top", "1"]);
    assert_eq!(first, "deviceId\na");
    assert_eq!(
        hub.ok(&[
            "query",
            "--json",
            "SELECT deviceId FROM devices",
            "--top",
            "2"
        ]),
        "{\"deviceId\":\"a\"}\n{\"deviceId\":\"b\"}"
    );
    assert_eq!(
        hub.ok(&["query", "SELECT * FROM devices WHERE deviceId = 'z'"]),
        "no results"
    );
    let (code, _, errors) = hub.tool(&["query", "SELECT"]);
    assert_eq!(code, Some(1), "{errors}");
}

#[test]
fn a_query_goes_through_all_pages_and_no_value_is_cut_in_a_pipe() {
    let hub = Hub::start();
    let ids: Vec<String> = (0..1010)
        .map(|number| format!("pump-{number:04}"))
        .collect();
    create(&hub, &ids);
    let long = "x".repeat(300);
    let tags = format!("{{\"note\": \"{long}\"}}");
    hub.ok(&["twin", "update", "pump-1005", "--tags", &tags]);
    let rows = hub.ok(&["query", "SELECT deviceId, tags.note AS note FROM devices"]);
    assert_eq!(rows.lines().count(), 1011);
    assert!(rows.contains(&format!("pump-1005  {long}")));
    let list = hub.ok(&["device", "list"]);
    assert!(
        list.contains("hubnerite query"),
        "the hub lists 1000, and that is said"
    );
}

#[test]
fn a_job_is_followed_to_its_end_and_listed() {
    let hub = Hub::start();
    create(&hub, &["d".to_owned()]);
    let patch = r#"{"tags": {"site": "a"}}"#;
    hub.ok(&["job", "create", "tag", "-q", "*", "--patch", patch]);
    let watched = hub.ok(&["job", "watch", "tag"]);
    let last = watched.lines().last().unwrap();
    assert_eq!(last, "tag  completed  1 devices: 1 succeeded, 0 failed");
    let end = hub.ok(&["job", "watch", "tag", "--json"]);
    assert_eq!(json(end.lines().last().unwrap())["status"], "completed");
    let method = [
        "job", "create", "call", "-q", "*", "--mn", "reboot", "--wait",
    ];
    let (code, out, _) = hub.tool(&method);
    assert_eq!(code, Some(1), "{out}");
    let (code, _, errors) = hub.tool(&["job", "watch", "nobody"]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("hubnerite job list"), "{errors}");
    assert_eq!(
        hub.ok(&["job", "list", "--top", "1", "--json"])
            .lines()
            .count(),
        1
    );
    assert_eq!(hub.ok(&["job", "list", "--json"]).lines().count(), 2);
}

#[test]
fn a_modules_twin_is_shown_and_updated_in_azs_words_and_in_fewer() {
    let hub = Hub::start();
    create(&hub, &["d".to_owned()]);
    hub.ok(&["module", "create", "d", "camera"]);
    let file = hub.dir.path().join("desired.json");
    std::fs::write(&file, "{\"fps\": 25}").unwrap();
    let update = [
        "module",
        "twin",
        "update",
        "d",
        "camera",
        "--desired",
        "desired.json",
    ];
    hub.ok(&update);
    for args in [
        ["module", "twin", "show", "d", "camera"].as_slice(),
        ["module", "twin", "d", "camera"].as_slice(),
    ] {
        assert_eq!(json(&hub.ok(args))["properties"]["desired"]["fps"], 25);
    }
    let (code, ..) = hub.tool(&["module", "twin"]);
    assert_eq!(code, Some(2));
}

// SEMANTICS JOB-14, JOB-17
#[test]
fn identities_go_out_into_a_file_and_come_back_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--blob-dir", "blobs", "--blob-port", "0"];
    let hub = Hub::start_in(dir, &flags, Stdio::inherit());
    let ids = ["a", "b"].map(str::to_owned);
    create(&hub, &ids);
    let before = hub.ok(&["device", "connection-string", "a"]);
    let told = hub.ok(&["device", "export", "out.txt", "--include-keys"]);
    assert!(
        told.contains("export  100 %") && told.ends_with("written to out.txt"),
        "{told}"
    );
    hub.ok(&["device", "delete", "a", "b"]);
    hub.ok(&["device", "import", "out.txt"]);
    assert_eq!(hub.ok(&["device", "connection-string", "a"]), before);
    let blobs = hub.dir.path().join("blobs");
    let containers = || {
        let names = std::fs::read_dir(&blobs).unwrap().flatten();
        let names = names.map(|entry| entry.file_name().into_string().unwrap());
        let names = names.filter(|name| !name.starts_with('.'));
        names.collect::<Vec<String>>()
    };
    assert!(containers().is_empty(), "what passed is gone");

    std::fs::write(
        hub.dir.path().join("bad.txt"),
        "{\"id\": \"c\", \"status\": \"enabled\"}\nno JSON\n",
    )
    .unwrap();
    let (code, _, errors) = hub.tool(&["device", "import", "bad.txt"]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.contains("error: 1 identity was not imported\n"),
        "{errors}"
    );
    hub.ok(&["device", "show", "c"]);

    let made = json(&hub.ok(&["device", "export", "--ik", "--wait", "--json"]));
    assert_eq!(
        (&made["status"], &made["type"]),
        (&"completed".into(), &"export".into())
    );
    assert_eq!(containers(), ["identities"]);
    hub.ok(&["device", "import", "--wait"]);
    let id = made["jobId"].as_str().unwrap();
    assert!(
        hub.ok(&["job", "show", id])
            .contains("completed  export  100 %")
    );
    let exports = hub.ok(&["job", "list", "--job-type", "export", "--json"]);
    assert_eq!(exports.lines().count(), 2);
}

#[test]
fn without_a_folder_of_blobs_an_export_names_the_flag() {
    let hub = Hub::start();
    for args in [
        ["device", "export", "x.txt"],
        ["device", "export", "--wait"],
    ] {
        let (code, _, errors) = hub.tool(&args);
        assert_eq!(code, Some(1), "{errors}");
        assert!(
            errors.contains("hubnerite up --blob-dir FOLDER"),
            "{errors}"
        );
    }
    // The hub tries the container before it takes the job.
    let nowhere = "http://127.0.0.1:9/account/container?sig=any";
    let (code, _, errors) = hub.tool(&["device", "export", "--bcu", nowhere]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("BlobContainerValidationError"), "{errors}");
}
