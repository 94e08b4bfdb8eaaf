//! `hubnerite run`, as a build server sees it: exit codes, reports, messages.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that fails is a failed test"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const PASSES: &str = "
name: it passes
tags: [quick]
fleet:
  pumps: {count: 3, behaviour: reboot}
steps:
  - name: reboot
    invoke: {on: pumps, method: reboot}
checks:
  - on: pumps
    after: reboot
    within: 10s
    eventually: {reported.iothubDM.reboot.status: booted}
";

const FAILS: &str = "
name: it fails
fleet:
  pump: {id: pump, behaviour: reboot, autostart: false}
steps:
  - invoke: {on: pump, method: reboot}
checks:
  - on: pump
    never: {connected: true}
";

const MISTAKEN: &str = "
name: it is mistaken
fleet:
  pumps: {count: 3, behaviour: reboot}
steps:
  - invoke: {on: pump, method: reboot}
checks:
  - on: pumps
    after: nowhere
    within: 10s
    eventually: {connected: true}
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("passes.yaml", PASSES),
            ("fails.yaml", FAILS),
            ("mistaken.yaml", MISTAKEN),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(binary())
            .arg("run")
            .args(arguments)
            .current_dir(self.0.path())
            .env("HOME", self.0.path())
            .env_remove("IOTHUB_CONNECTION_STRING")
            .output()
            .unwrap()
    }

    #[cfg(unix)]
    fn bash(&self, script: &str) -> Output {
        Command::new("bash")
            .args(["-mc", script])
            .arg(binary())
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

fn binary() -> PathBuf {
    hubnerite_tests::binary(env!("CARGO_BIN_EXE_hubnerite"))
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_run_that_passes_exits_with_0_and_writes_every_report() {
    let folder = Folder::new();
    let output = folder.run(&[
        "passes.yaml",
        "--report",
        "json=out.json",
        "--report",
        "junit=out.xml",
        "--report",
        "html=out.html",
        "--report",
        "tap=out.tap",
    ]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("3 of 3"), "{}", stdout(&output));
    assert!(stderr(&output).contains("junit report in out.xml"));
    for name in ["out.json", "out.xml", "out.html", "out.tap"] {
        assert!(folder.read(name).len() > 100, "{name}");
    }
    // A pipe gets no terminal's tricks.
    assert!(!stdout(&output).contains('\x1b') && !stderr(&output).contains('\x1b'));
}

#[test]
fn a_run_that_fails_exits_with_1_and_still_writes_its_reports() {
    let folder = Folder::new();
    let output = folder.run(&["fails.yaml", "--report", "junit=out.xml"]);
    assert_eq!(code(&output), Some(1));
    assert!(
        stdout(&output).contains("404 DeviceNotOnline"),
        "{}",
        stdout(&output)
    );
    assert!(folder.read("out.xml").contains("<failure"));
}

#[test]
fn every_mistake_of_every_file_is_shown_and_nothing_runs() {
    let folder = Folder::new();
    let output = folder.run(&["passes.yaml", "mistaken.yaml", "--report", "json=out.json"]);
    assert_eq!(code(&output), Some(2));
    let told = stderr(&output);
    for part in ["mistaken.yaml:6", "pump", "nowhere", "nothing was run"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(stdout(&output), "");
    assert!(!Path::new(&folder.0.path().join("out.json")).exists());
    assert_eq!(code(&folder.run(&["no-such-file.yaml"])), Some(2));
}

#[test]
fn check_looks_for_mistakes_and_runs_nothing() {
    let folder = Folder::new();
    let output = folder.run(&["--check", "passes.yaml", "fails.yaml"]);
    assert_eq!(code(&output), Some(0));
    assert_eq!(stdout(&output), "2 scenarios, no mistakes\n");
    assert_eq!(code(&folder.run(&["--check", "mistaken.yaml"])), Some(2));
}

#[test]
fn json_alone_is_on_stdout_if_asked_for() {
    let folder = Folder::new();
    let output = folder.run(&["--json", "passes.yaml", "--seed", "42"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report.to_string().contains("\"seed\":42"));
    assert_eq!(stderr(&output), "");
}

#[test]
fn the_first_failure_is_the_last_run_if_asked_for() {
    let folder = Folder::new();
    let all = stdout(&folder.run(&["--json", "fails.yaml", "passes.yaml"]));
    assert!(all.contains("it passes"));
    let output = folder.run(&["--json", "--fail-fast", "fails.yaml", "passes.yaml"]);
    assert_eq!(code(&output), Some(1));
    assert!(!stdout(&output).contains("it passes"));
}

#[test]
fn tags_choose_and_a_tag_that_nothing_has_is_a_mistake() {
    let folder = Folder::new();
    let output = folder.run(&["--tag", "quick", "fails.yaml", "passes.yaml"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let output = folder.run(&["--tag", "slow", "passes.yaml"]);
    assert_eq!(code(&output), Some(2));
    assert!(stderr(&output).contains("no scenario has the tag slow"));
}

#[test]
fn gates_fail_a_run_that_passes() {
    let folder = Folder::new();
    let output = folder.run(&["passes.yaml", "--fail-on", "took > 1ms"]);
    assert_eq!(code(&output), Some(1), "{}", stderr(&output));
    let output = folder.run(&["passes.yaml", "--fail-on", "took > 1h"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let output = folder.run(&["passes.yaml", "--fail-on", "took > +10%"]);
    assert_eq!(code(&output), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("--baseline FILE"));
}

#[test]
fn a_hub_that_cannot_be_reached_is_told_by_its_name() {
    let folder = Folder::new();
    // A name that no resolver knows. (RFC 6761, section 6.4)
    let hub = "HostName=hub.invalid;SharedAccessKeyName=p;\
               SharedAccessKey=aHVibmVyaXRlLWlvdGh1Ym93bmVyLXByaW1hcnktMDE=";
    let output = folder.run(&["passes.yaml", "--clock", "real", "--ca", "ca", "--hub", hub]);
    assert_eq!(code(&output), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("hub.invalid"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_report_that_cannot_be_written_is_told_and_the_others_are_written() {
    let folder = Folder::new();
    let output = folder.run(&[
        "passes.yaml",
        "--report",
        "json=passes.yaml/out.json",
        "--report",
        "tap=out.tap",
    ]);
    assert_eq!(code(&output), Some(3));
    assert!(stderr(&output).contains("passes.yaml/out.json"));
    assert!(folder.read("out.tap").contains("ok 1"));
}

#[test]
fn in_real_time_devices_come_over_tls() {
    let folder = Folder::new();
    let output = folder.run(&["passes.yaml", "--clock", "real", "--ca", "ca", "--json"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let report = stdout(&output);
    assert!(report.contains("\"clock\":\"real\"") || report.contains("\"clock\": \"real\""));
    assert!(report.contains("\"tls\""), "{report}");
}

#[cfg(unix)]
#[test]
fn a_back_end_of_ones_own_is_judged_with_its_output_and_exit_code() {
    let folder = Folder::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/back-end.yaml");
    let output = folder.run(&[&file.to_string_lossy(), "--ca", "ca"]);
    assert_eq!(code(&output), Some(0), "{}", stdout(&output));

    let fails = PASSES.replace(
        "checks:",
        "  - shell: {command: 'echo hello; echo $IOTHUB_CONNECTION_STRING >&2; exit 7'}\n\
         \x20 - shell: {command: exit 1, background: true}\n  - wait: 300ms\nchecks:",
    );
    folder.write(
        "fails.yaml",
        &fails.replace("steps:", "clock: real\nsteps:"),
    );
    let output = folder.run(&["fails.yaml", "--ca", "ca", "--json"]);
    assert_eq!(code(&output), Some(1), "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let problem = |step: usize| report["verdicts"][0]["steps"][step]["problem"].as_str();
    let first = problem(2).unwrap();
    assert!(first.starts_with("it ended with exit code 7, expected was 0\nstdout: hello"));
    assert!(first.ends_with("SharedAccessKey=***"), "{first}");
    let second = problem(3).unwrap();
    assert!(
        second.starts_with("it ended during the run, exit code 1"),
        "{second}"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_ends_the_commands_it_started() {
    let folder = Folder::new();
    let steps = "clock: real\nsteps:\n  - shell: {command: 'sleep 600 & echo $! > pid; wait', \
                 background: true}\n  - shell: {command: echo go >> err; sleep 500}";
    folder.write("waits.yaml", &PASSES.replace("steps:", steps));
    let script = "\"$0\" run waits.yaml --ca ca 2>>err & p=$!; \
                  until grep -q '^go' err && [ -s pid ]; do sleep 0.05; done; \
                  kill -INT $p; wait $p; code=$?; \
                  for i in $(seq 100); do case $(ps -o stat= -p $(cat pid)) in ''|Z*) exit $code;; esac; \
                  sleep 0.05; done; \
                  exit 99";
    let output = folder.bash(script);
    assert_eq!(code(&output), Some(130), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_reports_what_had_happened() {
    let folder = Folder::new();
    let waits = PASSES.replace("steps:", "clock: real\nsteps:\n  - wait: 10m");
    folder.write("waits.yaml", &waits);
    // Told by its first line that it runs, the shell sends the signal that Ctrl-C sends.
    let script = "\"$0\" run waits.yaml --ca ca --report json=out.json 2>err & p=$!; \
                  until grep -q 'bring up' err; do sleep 0.05; done; kill -INT $p; wait $p";
    let output = folder.bash(script);
    assert_eq!(code(&output), Some(130), "{}", stderr(&output));
    assert!(folder.read("out.json").contains("interrupted"));
}
