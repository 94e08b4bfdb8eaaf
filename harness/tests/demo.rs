//! The demo as a new user sees it: the built binary, real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::process::{Command, Output};

fn demo(ca: &std::path::Path, flags: &[&str]) -> Output {
    Command::new(hubnerite_tests::binary(env!("CARGO_BIN_EXE_hubnerite")))
        .arg("demo")
        .args(flags)
        .env_clear()
        .env("HUBNERITE_CA", ca)
        .current_dir(ca)
        .output()
        .unwrap()
}

#[test]
fn the_demo_tells_the_reboot_in_order_and_passes() {
    let dir = tempfile::tempdir().unwrap();
    let output = demo(dir.path(), &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}\n{errors}");
    assert!(errors.is_empty(), "{errors}");
    assert!(!text.contains('\u{1b}'), "no colour in a pipe");
    let mut rest = text.as_str();
    for line in [
        "hub      is up",
        "service  registers the device",
        "device   connects over MQTT and TLS",
        "CONNACK 0, a new session",
        "device   listens for methods",
        "service  calls the method reboot",
        "device   hears the call",
        "device   answers",
        "\"status\":\"rebooting\"",
        "device   reboots: its connection is gone",
        "device   connects over MQTT and TLS",
        "CONNACK 0, its session is remembered",
        "\"status\":\"booted\"",
        "service  reads in the twin: booted",
        "passed  demo-pump was told to reboot",
    ] {
        let at = rest
            .find(line)
            .unwrap_or_else(|| panic!("{line:?} is missing or late in\n{text}"));
        rest = &rest[at + line.len()..];
    }
    // These come from another task than the device's lines around them.
    for line in [
        "service  has the device's answer",
        r#"{"status":200,"payload":"Reboot started"}"#,
        "service  reads in the twin: rebooting",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
}

#[test]
fn the_demo_tells_programs_the_same_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let output = demo(dir.path(), &["--json"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (last, steps) = lines.split_last().unwrap();
    assert_eq!(last["passed"], true);
    assert!(
        steps
            .iter()
            .enumerate()
            .all(|(index, step)| step["step"] == index + 1),
        "{steps:?}"
    );
    assert!(
        steps
            .iter()
            .any(|step| step["lane"] == "device" && step["what"] == "answers")
    );
}
