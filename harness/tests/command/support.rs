//! The built binary, and a hub that it runs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) fn hubnerite(dir: &Path) -> Command {
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HUBNERITE_CA", dir)
        .current_dir(dir);
    command
}

/// The command under test.
pub(crate) fn binary() -> PathBuf {
    hubnerite_tests::binary(env!("CARGO_BIN_EXE_hubnerite"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (status.code(), text(&stdout), text(&stderr))
}

/// A hub on free ports; stopped when dropped.
pub(crate) struct Hub {
    pub(crate) child: Child,
    pub(crate) ready: Value,
    pub(crate) dir: TempDir,
}

impl Hub {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[], Stdio::inherit())
    }

    /// With further flags; what it logs goes to `log`.
    pub(crate) fn start_in(dir: TempDir, flags: &[&str], log: Stdio) -> Self {
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
            .args(flags)
            .stderr(log)
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

    pub(crate) fn tool(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let admin = self.ready["adminUrl"].as_str().unwrap();
        run(hubnerite(self.dir.path())
            .args(args)
            .env("HUBNERITE_ADMIN_URL", admin))
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
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

/// Sends a signal by its name, as a shell does.
#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}
