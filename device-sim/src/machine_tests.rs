//! The built-in behaviours against the sequences their sources document, and the machine itself.

use std::time::Duration;

use super::*;

fn at(ms: u64) -> Now {
    let since = Duration::from_millis(ms);
    Now {
        mono: Instant::from_start(since),
        wall: Timestamp::from_unix(Duration::from_secs(1_795_000_000) + since),
    }
}

fn pump() -> Who {
    Who {
        device_id: "pump-1".into(),
        number: 1,
    }
}

fn built_in(name: &str, parameters: &[(&str, Value)]) -> Machine {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let program = Program::built_in(name).unwrap().with(&parameters).unwrap();
    Machine::new(program, pump(), 1)
}

fn parsed(text: &str) -> Machine {
    let program = Program::parse(text, "test").unwrap_or_else(|error| panic!("{error}\n{text}"));
    Machine::new(Arc::new(program), pump(), 1)
}

fn call<'a>(name: &'a str, payload: &'a str) -> Input<'a> {
    Input::Method {
        name,
        rid: "1",
        payload: payload.as_bytes(),
    }
}

/// What it does, in a line each.
fn drain(machine: &mut Machine) -> Vec<String> {
    let told = |action| match action {
        Action::Respond {
            status, payload, ..
        } => format!("answer {status} {payload}"),
        Action::Report { patch } => format!("patch {patch}"),
        Action::Send { body, properties } => format!("send {body} {properties:?}"),
        Action::GoOffline => "disconnect".to_owned(),
        Action::Vanish => "vanish".to_owned(),
        Action::GoOnline => "connect".to_owned(),
        Action::Stop { reason } => format!("stop: {reason}"),
        Action::Drop { what } => format!("drop {what}"),
    };
    std::iter::from_fn(|| machine.poll_action())
        .map(told)
        .collect()
}

fn tell(machine: &mut Machine, now: Now, input: Input<'_>) -> Vec<String> {
    machine.handle(now, &input);
    drain(machine)
}

/// Lives until nothing is due any more or so many deadlines have passed, storing every report; tells
/// the milliseconds with the actions. A device that connects is online at once.
fn live(machine: &mut Machine, mut now: u64, first: Input<'_>) -> Vec<(u64, String)> {
    let mut story = Vec::new();
    let mut todo = tell(machine, at(now), first);
    for _ in 0..50 {
        while !todo.is_empty() {
            let mut next = Vec::new();
            for line in todo {
                let (is_patch, is_connect) = (line.starts_with("patch"), line == "connect");
                story.push((now, line));
                if is_patch {
                    next.extend(tell(machine, at(now), Input::ReportSettled));
                }
                if is_connect {
                    next.extend(tell(machine, at(now), Input::Online));
                }
            }
            todo = next;
        }
        let Some(due) = machine.poll_deadline() else {
            break;
        };
        now = u64::try_from(due.since_start().as_millis()).unwrap();
        todo = tell(machine, at(now), Input::Deadline);
    }
    story
}

fn lines(story: &[(u64, String)]) -> Vec<String> {
    story
        .iter()
        .map(|(at, line)| format!("{at} {line}"))
        .collect()
}

#[test]
fn a_reboot_answers_announces_goes_away_and_comes_back_with_its_times() {
    let mut device = built_in("reboot", &[("down", "1s".into())]);
    assert!(tell(&mut device, at(0), Input::Online).is_empty());
    assert_eq!(
        tell(&mut device, at(10), call("reboot", "null")),
        [
            r#"answer 200 "Reboot started""#,
            r#"patch {"iothubDM":{"reboot":{"status":"rebooting","startedRebootTime":"2026-11-18T11:06:40.010Z"}}}"#,
        ]
    );
    assert_eq!(
        device.poll_deadline(),
        None,
        "it goes only once the hub knows"
    );
    let busy = r#"answer 409 {"error":"a reboot is under way"}"#;
    assert_eq!(tell(&mut device, at(11), call("reboot", "null")), [busy]);
    assert_eq!(
        tell(&mut device, at(20), Input::ReportSettled),
        ["disconnect"]
    );
    assert!(tell(&mut device, at(1019), Input::Deadline).is_empty());
    assert_eq!(tell(&mut device, at(1020), Input::Deadline), ["connect"]);
    assert_eq!(
        tell(&mut device, at(1100), Input::Online),
        [
            r#"patch {"iothubDM":{"reboot":{"status":"booted","lastReboot":"2026-11-18T11:06:41.100Z","tookMs":1090}}}"#
        ]
    );
    let unknown = r#"answer 404 {"error":"this device has no such method"}"#;
    assert_eq!(
        tell(&mut device, at(1200), call("reboto", "null")),
        [unknown]
    );
}

/// MicrosoftDocs/azure-docs, the device management tutorials in Node, Python, C# and Java.
#[test]
fn the_tutorials_devices_answer_and_report_in_their_own_order() {
    let now = "2026-11-18T11:06:40.000Z";
    let after = |s: u64| {
        format!(
            "2026-11-18T11:0{}:{:02}.000Z",
            6 + (40 + s) / 60,
            (40 + s) % 60
        )
    };
    let cases = [
        (
            "tutorial-node",
            "reboot",
            vec![
                r#"0 answer 200 "Reboot started""#.to_owned(),
                format!(r#"0 patch {{"iothubDM":{{"reboot":{{"lastReboot":"{now}"}}}}}}"#),
            ],
        ),
        (
            "tutorial-python",
            "rebootDevice",
            vec![
                format!(r#"20000 patch {{"rebootTime":"{}"}}"#, after(20)),
                r#"20000 answer 200 {"Response":"This is the response from the device"}"#
                    .to_owned(),
            ],
        ),
        (
            "tutorial-python",
            "reboot",
            vec![r#"0 answer 404 {"Response":"Unknown method"}"#.to_owned()],
        ),
        (
            "tutorial-csharp",
            "reboot",
            vec![
                format!(r#"0 patch {{"iothubDM":{{"reboot":{{"lastReboot":"{now}"}}}}}}"#),
                r#"0 answer 200 {"result":"Reboot started."}"#.to_owned(),
            ],
        ),
        (
            "tutorial-csharp",
            "other",
            vec!["0 answer 501 null".to_owned()],
        ),
        (
            "tutorial-java",
            "reboot",
            vec![
                r#"0 answer 200 "Started reboot""#.to_owned(),
                format!(r#"5000 patch {{"lastReboot":"{}"}}"#, after(5)),
            ],
        ),
    ];
    for (name, method, expected) in cases {
        let mut device = built_in(name, &[]);
        assert_eq!(
            lines(&live(&mut device, 0, call(method, "null"))),
            expected,
            "{name}"
        );
    }
}

/// The `status` of each patch of a firmware update, with its millisecond.
fn statuses(story: &[(u64, String)], section: &[&str], field: &str) -> Vec<(u64, String)> {
    let status = |(at, line): &(u64, String)| {
        let patch: Value = serde_json::from_str(line.strip_prefix("patch ")?).ok()?;
        let section = section
            .iter()
            .try_fold(&patch, |value, key| value.get(key))?;
        Some((*at, section.get(field)?.as_str()?.to_owned()))
    };
    story.iter().filter_map(status).collect()
}

const FIRMWARE_TIMES: &[(&str, &str)] = &[
    ("waiting", "4s"),
    ("downloading", "30s"),
    ("verifying", "10s"),
    ("applying", "30s"),
    ("rebooting", "40s"),
    ("rollback", "5s"),
];

fn firmware(extra: &[(&str, Value)]) -> Machine {
    let mut parameters: Vec<(&str, Value)> = FIRMWARE_TIMES
        .iter()
        .map(|(name, time)| (*name, (*time).into()))
        .collect();
    parameters.extend(extra.iter().cloned());
    let mut device = built_in("firmware-update", &parameters);
    tell(&mut device, at(0), Input::Online);
    tell(&mut device, at(0), Input::ReportSettled);
    device
}

fn named(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    let owned = |(at, name): &(u64, &str)| (*at, (*name).to_owned());
    expected.iter().map(owned).collect()
}

/// MicrosoftDocs/azure-docs, iot-hub-node-node-firmware-update.md.
#[test]
fn firmware_by_method_goes_through_its_states() {
    let payload = r#""{\"fwPackageUri\":\"https://x/fw\"}""#;
    let path = ["iothubDM", "firmwareUpdate"];
    let mut device = firmware(&[]);
    let story = live(&mut device, 0, call("firmwareUpdate", payload));
    assert_eq!(story[0].1, r#"answer 200 "FirmwareUpdate started""#);
    assert!(
        story[1]
            .1
            .contains(r#""fwPackageUri":"https://x/fw","error":null"#)
    );
    assert_eq!(
        statuses(&story, &path, "status"),
        named(&[
            (0, "waiting"),
            (4000, "downloading"),
            (34_000, "downloadComplete"),
            (34_000, "applying"),
            (104_000, "applyComplete"),
        ])
    );
    let failures = [
        ("download-fails", "downloadfailed"),
        ("apply-fails", "applyFailed"),
    ];
    for (parameter, last) in failures {
        let mut device = firmware(&[(parameter, 100.into())]);
        let story = live(&mut device, 0, call("firmwareUpdate", payload));
        assert_eq!(statuses(&story, &path, "status").last().unwrap().1, last);
        assert_eq!(device.state(), "idle");
    }
    let mut device = firmware(&[]);
    let refused = tell(
        &mut device,
        at(0),
        call("firmwareUpdate", r#"{"fwPackageUri":"http://x"}"#),
    );
    assert_eq!(
        refused,
        [r#"answer 400 "Invalid URL format.  Must use https:// protocol.""#]
    );
}

/// Azure-Samples/azure-iot-samples-node, Tutorials/FirmwareUpdate/SimulatedDevice.js.
#[test]
fn firmware_by_desired_properties_goes_through_its_states() {
    let wanted = Input::Desired {
        patch: r#"{"firmware":{"fwVersion":"2.8.5","fwPackageURI":"https://x"},"$version":2}"#,
    };
    let mut device = firmware(&[]);
    let story = live(&mut device, 0, wanted);
    assert_eq!(
        statuses(&story, &["firmware"], "fwUpdateStatus"),
        named(&[
            (0, "downloading"),
            (30_000, "verifying"),
            (40_000, "applying"),
            (70_000, "rebooting"),
            (110_000, "current"),
        ])
    );
    assert!(
        story
            .last()
            .unwrap()
            .1
            .contains(r#""currentFwVersion":"2.8.5""#)
    );
    let again = tell(&mut device, at(200_000), wanted);
    assert_eq!(
        again,
        [r#"patch {"firmware":{"fwUpdateSubstatus":"Firmware already up to date"}}"#]
    );

    let mut device = firmware(&[("apply-fails", 100.into())]);
    let story = live(&mut device, 0, wanted);
    assert_eq!(
        statuses(&story, &["firmware"], "fwUpdateStatus")[3..],
        named(&[(70_000, "error"), (75_000, "rolledback")])
    );
    let mut device = firmware(&[]);
    let insecure = Input::Desired {
        patch: r#"{"firmware":{"fwVersion":"2","fwPackageURI":"http://x"}}"#,
    };
    let story = live(&mut device, 0, insecure);
    assert!(story[0].1.contains("Insecure package URI"), "{story:?}");
}

#[test]
fn telemetry_keeps_its_beat_and_counts() {
    let parameters = [
        ("interval", "10s".into()),
        ("phase", "3s".into()),
        ("body", "${id} ${n} ${sequence} ${now-seconds}".into()),
    ];
    let mut device = built_in("telemetry", &parameters);
    let story = live(&mut device, 0, Input::Online);
    assert_eq!(story[0], (3000, "send pump-1 1 1 1795000003 []".to_owned()));
    assert_eq!(
        story[1],
        (13_000, "send pump-1 1 2 1795000013 []".to_owned())
    );
    let mut device = built_in("telemetry", &[]);
    for (_, line) in live(&mut device, 0, Input::Online) {
        let body = line
            .strip_prefix("send ")
            .unwrap()
            .strip_suffix(" []")
            .unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let temperature = body["temperature"].as_f64().unwrap();
        assert!((18.0..=26.0).contains(&temperature), "{body}");
    }
}

#[test]
fn flaky_devices_do_each_of_their_tricks_in_about_its_share() {
    let mut device = built_in("flaky", &[]);
    let mut counts = std::collections::BTreeMap::new();
    for round in 0..1000 {
        let story = live(&mut device, round * 200_000, call("any", "null"));
        let words: Vec<&str> = story.iter().map(|(_, line)| line.as_str()).collect();
        let trick = match words[..] {
            ["vanish", "connect"] => "vanish",
            [] => "silent",
            [r#"answer 200 "late""#] => "late",
            [r#"answer 200 "once""#, r#"answer 200 "twice""#] => "twice",
            [r#"answer 200 "done""#] => "done",
            _ => panic!("{words:?}"),
        };
        *counts.entry(trick).or_insert(0) += 1;
    }
    for trick in ["vanish", "silent", "late", "twice"] {
        assert!((60..=140).contains(&counts[trick]), "{counts:?}");
    }
}

#[test]
fn a_zombie_reports_that_it_goes_and_never_comes_back() {
    let mut device = built_in("zombie", &[]);
    let story = live(&mut device, 0, call("reboot", "null"));
    let words: Vec<_> = story.iter().map(|(_, line)| &line[..8]).collect();
    assert_eq!(words, ["answer 2", "patch {\"", "disconne"]);
    assert_eq!((device.poll_deadline(), device.state()), (None, "gone"));
}

#[test]
fn a_refuser_answers_what_it_is_told_to() {
    let mut device = built_in("refuser", &[("status", 429.into()), ("delay", "2s".into())]);
    assert_eq!(
        lines(&live(&mut device, 0, call("any", "null"))),
        [r#"2000 answer 429 {"error":"busy"}"#]
    );
}

#[path = "machine_language_tests.rs"]
mod language;
