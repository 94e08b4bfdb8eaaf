//! `hubnerite fleet` against a running hub: real sockets, a real command line.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::Hub;

fn objects(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}")))
        .collect()
}

#[test]
fn two_hundred_devices_are_registered_driven_summed_up_and_removed() {
    let hub = Hub::start();
    // Of one that is there already the key is read.
    hub.ok(&["device", "create", "pump-007"]);
    let told = hub.ok(&[
        "fleet",
        "--count",
        "200",
        "--id",
        "pump-{n:3}",
        "--arrive",
        "burst",
        "--for",
        "3s",
        "--cleanup",
        "--json",
    ]);
    let told = objects(&told);
    let summary = told.iter().find(|line| line["type"] == "summary").unwrap();
    for count in ["devices", "started", "online", "onlines"] {
        assert_eq!(summary[count], 200, "{count}: {summary}");
    }
    assert_eq!(summary["lost"], 0, "{summary}");
    for phase in ["tcp", "tls", "connect", "subscribe", "online"] {
        let phase = &summary["phasesMs"][phase];
        assert_eq!(phase["count"], 200, "{summary}");
        assert!(phase["p50"].as_f64() <= phase["max"].as_f64());
    }
    let last = told.last().unwrap();
    assert_eq!(
        (&last["what"], &last["done"]),
        (&"removing".into(), &200.into())
    );
    assert!(hub.ok(&["device", "list"]).starts_with("no devices"));
}

#[test]
fn every_transport_reaches_the_hub_and_a_stop_says_goodbye() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::start_in(dir, &["--mqtt-port", "0"], std::process::Stdio::inherit());
    for transport in ["mqtts", "mqtt", "wss"] {
        let id = format!("{transport}-{{n}}");
        let args = [
            "fleet",
            "--count",
            "3",
            "--id",
            &id,
            "--transport",
            transport,
            "--for",
            "2s",
        ];
        let told = hub.ok(&args);
        assert!(
            told.contains("3 devices, 3 started, online 3 times"),
            "{told}"
        );
        assert!(!told.contains('\u{1b}'), "no colour in a pipe");
        let events = hub.ok(&["events", "--json", "--device", &format!("{transport}-2")]);
        let events = objects(&events);
        let end = events
            .iter()
            .find(|event| event["type"] == "disconnected")
            .unwrap();
        assert_eq!(end["reason"], "goodbye", "{end}");
    }
}

#[test]
fn devices_of_a_file_are_driven_as_they_are() {
    let hub = Hub::start();
    let mut list = "# two pumps\n".to_owned();
    for id in ["p1", "p2"] {
        writeln!(list, "{}", hub.ok(&["device", "create", id])).unwrap();
    }
    let file = hub.dir.path().join("pumps.txt");
    std::fs::write(&file, list).unwrap();
    let file = file.to_str().unwrap();
    let told = hub.ok(&["fleet", "--devices", file, "--for", "2s"]);
    assert!(
        told.contains("2 devices, 2 started, online 2 times"),
        "{told}"
    );
    assert!(hub.ok(&["device", "list"]).contains("p2"));

    hub.ok(&["device", "delete", "p1", "p2"]);
    let (code, _, errors) = hub.tool(&["fleet", "--devices", file, "--for", "2s"]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("no device came online: "), "{errors}");
}

#[test]
fn what_cannot_work_is_said_before_anything_is_registered() {
    let hub = Hub::start();
    for (args, exit_code, words) in [
        (&["fleet"][..], 2, "--count"),
        (&["fleet", "--count", "2", "--id", "pump"], 2, "pump-{n}"),
        (
            &["fleet", "--count", "2", "--behaviour", "dance"],
            2,
            "no behaviour \"dance\"",
        ),
        (
            &["fleet", "--count", "2", "--transport", "mqtt"],
            2,
            "--mqtt-port",
        ),
        (
            &["fleet", "--count", "2", "--port", "9"],
            3,
            "cannot reach the hub at localhost:9",
        ),
        (&["fleet", "--devices", "nowhere.txt"], 2, "nowhere.txt"),
    ] {
        let (code, _, errors) = hub.tool(args);
        assert_eq!(code, Some(exit_code), "{args:?}\n{errors}");
        assert!(errors.contains(words), "{args:?}\n{errors}");
    }
    assert!(hub.ok(&["device", "list"]).starts_with("no devices"));
}
