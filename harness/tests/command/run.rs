//! `hubnerite run --hub` against a hub of another process.

use serde_json::Value;

use crate::support::Hub;

const WAVE: &str = "
name: a wave elsewhere
clock: real
fleet:
  pumps: {count: 20, behaviour: reboot, transport: wss}
  taps: {count: 5, behaviour: reboot}
steps:
  - {name: reboot, invoke: {on: all, method: reboot}}
  - wait-until: {on: pumps, reported.iothubDM.reboot.status: booted, at-most: 30s}
  - patch: {on: taps, tags: {site: a}, if-match: current}
  - query: {text: \"SELECT * FROM devices WHERE tags.site = 'a'\", expect-count: 5}
  - send: {to: {device: taps-1}, body: hello, properties: {k: v}, expires: 60s}
  - identity: {on: {device: taps-1}, change: disable}
  - wait-until: {on: {device: taps-1}, connected: false, at-most: 10s}
  - invoke: {on: {device: taps-1}, method: reboot, expect: {error: DeviceNotOnline}}
checks:
  - each: all
    after: reboot
    in-order:
      - method: {name: reboot, status: 200}
      - reported.iothubDM.reboot.status: rebooting
      - disconnected-by: goodbye
      - reported.iothubDM.reboot.status: booted
    within: 30s
  - {each: all, times: {reported.iothubDM.reboot.status: rebooting, at-least: 1, at-most: 1}}
  - {each: {device: taps-1}, eventually: {disconnected-by: disabled}}
";

fn run(hub: &Hub, scenario: &str, flags: &[&str]) -> (Option<i32>, Value, String) {
    std::fs::write(hub.dir.path().join("wave.yaml"), scenario).unwrap();
    let connection_string = hub.ready["connectionString"].as_str().unwrap();
    let mut args = vec!["run", "wave.yaml", "--json", "--hub", connection_string];
    args.extend(flags);
    let (code, out, errors) = hub.tool(&args);
    let report: Value = serde_json::from_str(&out).unwrap_or_default();
    (code, report["verdicts"][0].clone(), errors)
}

#[test]
fn a_hub_elsewhere_is_judged_by_its_event_log_and_left_as_it_was() {
    let hub = Hub::start();
    hub.ok(&["device", "create", "here-before"]);
    let (code, verdict, errors) = run(&hub, WAVE, &[]);
    assert_eq!(code, Some(0), "{errors}\n{verdict:#}");
    assert_eq!(verdict["hub"], "localhost");
    assert_eq!(verdict["cohorts"][0]["methodsAnswered"], 20);
    let left = hub.ok(&["device", "list"]);
    assert!(
        left.contains("here-before") && !left.contains("pumps"),
        "{left}"
    );

    let (code, _, errors) = run(&hub, WAVE, &["--keep-devices"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(hub.ok(&["device", "list"]).contains("pumps-20"));
    // Whose devices these are, a second run cannot know.
    let (code, verdict, _) = run(&hub, WAVE, &[]);
    assert_eq!(code, Some(3));
    let note = verdict["notes"][0].as_str().unwrap();
    assert!(note.contains("409 DeviceAlreadyExists"), "{note}");
    assert!(hub.ok(&["device", "list"]).contains("pumps-20"));
}

#[test]
fn what_cannot_hold_elsewhere_is_refused_before_anything_starts() {
    let hub = Hub::start();
    let own = WAVE.replace("clock: real", "hub: {sas-grace: {live: 1s}}");
    let own = own.replace(", transport: wss", "");
    let own = own.replace(
        "steps:",
        "steps:\n  - cut-all-links\n  - send: {to: all, body: x, properties: {Key: v}}",
    );
    let (code, _, errors) = run(&hub, &own, &[]);
    assert_eq!(code, Some(2));
    for part in [
        "time is virtual in this process alone",
        "what `hub:` sets is set of the embedded hub alone",
        "only the embedded hub can be told to cut all links",
        "`Key` cannot be sent, as properties go in headers",
        "4 mistakes; nothing was run",
    ] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    assert!(hub.ok(&["device", "list"]).starts_with("no devices"));
}

#[test]
fn a_hub_that_shows_no_event_log_is_judged_by_polling_and_only_of_what_that_sees() {
    const POLLED: &str = "
name: by polling
clock: real
fleet: {pumps: {count: 3, behaviour: reboot, with: {down: 3s}, transport: wss}}
steps:
  - {name: reboot, invoke: {on: pumps, method: reboot}}
  - wait-until: {on: pumps, reported.iothubDM.reboot.status: booted, at-most: 30s}
  - patch: {on: pumps, tags: {site: a}}
checks:
  - each: pumps
    after: reboot
    in-order:
      - reported.iothubDM.reboot.status: rebooting
      - reported.iothubDM.reboot.status: booted
    within: 30s
  - {each: pumps, after: reboot, eventually: {connected: false}}
  - {each: pumps, eventually: {tags.site: a}, within: 30s}
";
    let hub = Hub::start();
    let port = hub.ready["ports"]["https"].to_string();
    // Nobody answers there: the hub is one that shows no more than an IoT Hub does.
    let hidden = ["--admin", "http://127.0.0.1:9", "--https-port", &port];
    let (code, verdict, errors) = run(&hub, POLLED, &hidden);
    assert_eq!(code, Some(0), "{errors}\n{verdict:#}");
    assert_eq!(verdict["checks"][0]["passed"], 3);
    let notes = verdict["notes"].to_string();
    assert!(notes.contains("judged by polling"), "{notes}");
    assert!(hub.ok(&["device", "list"]).starts_with("no devices"));

    let (code, _, errors) = run(&hub, WAVE, &hidden);
    assert_eq!(code, Some(2), "{errors}");
    for part in [
        "polling sees nothing of `method`",
        "`times` would pass on what polling has missed between two looks",
        "polling sees nothing of `disconnected-by`",
    ] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    assert!(hub.ok(&["device", "list"]).starts_with("no devices"));
}
