//! The built binary from outside: exit codes, variables, and tools against a running hub.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn hubnerite(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hubnerite"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HUBNERITE_CA", dir)
        .current_dir(dir);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (status.code(), text(&stdout), text(&stderr))
}

/// A hub on free ports; stopped when dropped.
struct Hub {
    child: Child,
    ready: Value,
    dir: TempDir,
}

impl Hub {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = hubnerite(dir.path())
            .args(["up", "--json", "--address", "127.0.0.1"])
            .args([
                "--mqtts-port",
                "0",
                "--https-port",
                "0",
                "--admin-port",
                "0",
            ])
            .args(["--ready-file", "ready.json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("ready line: {line:?}"));
        Self { child, ready, dir }
    }

    fn tool(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let admin = self.ready["adminUrl"].as_str().unwrap();
        run(hubnerite(self.dir.path())
            .args(args)
            .env("HUBNERITE_ADMIN_URL", admin))
    }

    fn ok(&self, args: &[&str]) -> String {
        let (code, out, errors) = self.tool(args);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{args:?}\n{out}");
        out
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
    let flat: String = out.split_whitespace().collect();
    for expected in ["https:Some(3,)", "mqtts:Some(2,)", "admin:Some(1,)"] {
        assert!(flat.contains(expected), "{expected} in {out}");
    }
}

/// SEMANTICS RUN-4
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

/// Sends a signal by its name, as a shell does.
#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[cfg(unix)]
/// SEMANTICS RUN-3
#[test]
fn a_signal_stops_the_hub_in_order() {
    for name in ["INT", "TERM"] {
        let mut hub = Hub::start();
        signal(&hub.child, name);
        assert_eq!(hub.child.wait().unwrap().code(), Some(0), "{name}");
    }
}

#[cfg(target_os = "linux")]
mod exec {
    use super::*;

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
        let tool = env!("CARGO_BIN_EXE_hubnerite");
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
}
