//! `hubnerite exec`: a command with a hub of its own.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{binary, hubnerite, run, signal};

/// Where port 443 may not be bound, `exec` must say how to allow it; there is nothing else to see.
fn is_allowed(code: Option<i32>, errors: &str) -> bool {
    if code == Some(3) && errors.contains("a port below 1024 needs a permission") {
        assert!(errors.contains("setcap"), "{errors}");
        return false;
    }
    true
}

/// SEMANTICS RUN-2
#[test]
fn the_command_has_the_hubs_variables_and_its_exit_code_is_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let script = "echo $IOTHUB_CONNECTION_STRING; echo $IOTHUB_DEVICE_CONNECTION_STRING; \
                  echo $HUBNERITE_ADMIN_URL; ls $NODE_EXTRA_CA_CERTS $SSL_CERT_FILE; exit 7";
    let (code, out, errors) = run(hubnerite(dir.path())
        .args(["exec", "--device", "d-1"])
        .args(["--", "sh", "-c", script]));
    if !is_allowed(code, &errors) {
        return;
    }
    assert_eq!((code, errors.as_str()), (Some(7), ""), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("HostName=127."), "{out}");
    assert!(
        lines[0].contains(";SharedAccessKeyName=iothubowner;"),
        "{out}"
    );
    assert!(lines[1].contains(";DeviceId=d-1;SharedAccessKey="), "{out}");
    assert!(
        lines[2].starts_with("http://127.") && lines[2].ends_with(":8080"),
        "{out}"
    );
    assert_eq!(lines.len(), 5, "both files are there: {out}");
}

#[test]
fn a_tool_inside_finds_the_private_hub() {
    let dir = tempfile::tempdir().unwrap();
    let tool = binary();
    let tool = tool.to_str().unwrap();
    let (code, out, errors) = run(hubnerite(dir.path()).args([
        "exec", "--device", "d1", "--", tool, "device", "list", "--json",
    ]));
    if !is_allowed(code, &errors) {
        return;
    }
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap()["deviceId"],
        "d1"
    );
}

#[test]
fn a_command_ended_by_a_signal_gives_128_and_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, errors) =
        run(hubnerite(dir.path()).args(["exec", "--", "sh", "-c", "kill -9 $$"]));
    if is_allowed(code, &errors) {
        assert_eq!(code, Some(137), "{errors}");
    }
}

#[test]
fn a_signal_is_passed_on_and_the_commands_own_end_decides() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done";
    let mut child = hubnerite(dir.path())
        .args(["exec", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    if line.is_empty() {
        // Port 443 may not be bound here; another test looks at what is said then.
        assert_eq!(child.wait().unwrap().code(), Some(3));
        return;
    }
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

#[test]
fn a_command_that_does_not_exist_is_127_as_in_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, errors) = run(hubnerite(dir.path()).args(["exec", "--", "no-such-command"]));
    if is_allowed(code, &errors) {
        assert_eq!(code, Some(127));
        assert_eq!(errors, "error: no-such-command: command not found");
    }
}
