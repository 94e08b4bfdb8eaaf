//! `hubnerite up`: its settings, its ready line, its end.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Hub, binary, hubnerite, run, signal};

/// SEMANTICS RUN-6
#[test]
fn the_ready_file_says_what_the_ready_line_says() {
    let hub = Hub::start();
    let file = std::fs::read_to_string(hub.dir.path().join("ready.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), hub.ready);
    for port in ["mqtts", "https", "admin"] {
        assert!(
            hub.ready["ports"][port].as_u64().unwrap() > 0,
            "{}",
            hub.ready
        );
    }
}

/// SEMANTICS RUN-4
#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("hubnerite.toml"),
        "https-port = 1\nmqtts-port = 1\nadmin-port = 1\n",
    )
    .unwrap();
    let (code, out, errors) = run(hubnerite(dir.path())
        .args(["up", "--check", "--https-port", "3"])
        .env("HUBNERITE_HTTPS_PORT", "2")
        .env("HUBNERITE_MQTTS_PORT", "2"));
    assert_eq!(code, Some(0), "{errors}");
    for expected in ["https-port = 3", "mqtts-port = 2", "admin-port = 1"] {
        assert!(out.lines().any(|line| line == expected), "{out}");
    }
}

/// SEMANTICS RUN-4, RUN-5
#[test]
fn an_unknown_key_in_the_file_is_wrong_usage_with_a_suggestion() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hubnerite.toml"), "\nhtps-port = 1\n").unwrap();
    let (code, _, errors) = run(hubnerite(dir.path()).arg("up"));
    assert_eq!(code, Some(2));
    assert_eq!(
        errors,
        "error: hubnerite.toml line 2: unknown key `htps-port`\n help: did you mean `https-port`?"
    );
}

/// SEMANTICS RUN-1
#[test]
fn a_taken_port_names_its_holder_and_the_flag_that_moves_it() {
    let dir = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let (code, _, errors) = run(hubnerite(dir.path())
        .args([
            "up",
            "--address",
            "127.0.0.1",
            "--https-port",
            "0",
            "--admin-port",
            "0",
        ])
        .args(["--mqtts-port", &port]));
    assert_eq!(code, Some(3), "{errors}");
    assert!(
        errors.starts_with(&format!("error: cannot bind 127.0.0.1:{port} for")),
        "{errors}"
    );
    assert!(errors.contains("--mqtts-port"), "{errors}");
    if cfg!(target_os = "linux") {
        assert!(
            errors.contains(&format!("(pid {})", std::process::id())),
            "{errors}"
        );
    }
}

/// SEMANTICS RUN-8
#[cfg(target_os = "linux")]
#[test]
fn a_hub_raises_its_bound_of_open_files_itself() {
    use std::process::Command;

    let dir = tempfile::tempdir().unwrap();
    let ports = "--mqtts-port off --https-port off --admin-port 0";
    let tool = binary();
    let tool = tool.display();
    let mut hub = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -Sn 128; exec {tool} up --json {ports}"))
        .env("HUBNERITE_CA", dir.path())
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(hub.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let bounds = std::fs::read_to_string(format!("/proc/{}/limits", hub.id()));
    hub.kill().unwrap();
    hub.wait().unwrap();
    let bounds = bounds.unwrap();
    let row = bounds.lines().find(|row| row.starts_with("Max open files"));
    let row: Vec<&str> = row.unwrap().split_whitespace().collect();
    let (soft, hard): (u64, u64) = (row[3].parse().unwrap(), row[4].parse().unwrap());
    assert_eq!(soft, hard.min(1 << 20), "{bounds}");
}

/// SEMANTICS RUN-3
#[cfg(unix)]
#[test]
fn a_signal_stops_the_hub_in_order() {
    for name in ["INT", "TERM"] {
        let mut hub = Hub::start();
        signal(&hub.child, name);
        assert_eq!(hub.child.wait().unwrap().code(), Some(0), "{name}");
    }
}

/// SEMANTICS RUN-3
#[cfg(unix)]
#[test]
fn a_second_signal_ends_the_hub_at_once() {
    use std::io::Read;

    let dir = tempfile::tempdir().unwrap();
    let mut hub = Hub::start_in(dir, &["--mqtt-port", "0"], Stdio::inherit());
    let port = u16::try_from(hub.ready["ports"]["mqtt"].as_u64().unwrap()).unwrap();
    // The stop waits a moment for this client, which does not close its side.
    let mut stubborn = TcpStream::connect(("127.0.0.1", port)).unwrap();
    signal(&hub.child, "INT");
    assert_eq!(stubborn.read(&mut [0]).unwrap(), 0, "the stop has begun");
    signal(&hub.child, "TERM");
    assert_eq!(hub.child.wait().unwrap().code(), Some(143));
}
