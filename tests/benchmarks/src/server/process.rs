//! One server process: what it said, its CPU time, its memory. Ended on drop.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::inspect::{Attached, Inspection};
use crate::sample::cpu_time;

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What is to be found out of it while it is measured.
    pub(super) inspection: Option<Inspection>,
    /// Its files, which go with it.
    _files: tempfile::TempDir,
}

impl Process {
    /// Starts a program; what it says goes to us, what it complains about to nobody unless
    /// `HUBNERITE_BENCH_STDERR` is set. It begins as this binary, which asks the system to end it
    /// together with the suite, however that ends, and becomes the program.
    pub(crate) fn start(
        program: &Path,
        arguments: impl IntoIterator<Item = OsString>,
        files: tempfile::TempDir,
    ) -> anyhow::Result<Self> {
        let name = program.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["become", "--"]).arg(program).args(arguments);
        command.current_dir(files.path());
        // What the user's shell sets is not what is measured.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HUBNERITE_") {
                command.env_remove(name);
            }
        }
        if std::env::var_os("HUBNERITE_BENCH_STDERR").is_none() {
            command.stderr(Stdio::null());
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let output = child.stdout.take().context("a pipe")?;
        Ok(Self {
            input: child.stdin.take(),
            child,
            inspection: None,
            name,
            output: BufReader::new(output),
            _files: files,
        })
    }

    /// The next line it says, as JSON.
    pub(crate) fn line(&mut self) -> anyhow::Result<serde_json::Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            let name = &self.name;
            bail!("{name} ended; HUBNERITE_BENCH_STDERR=1 shows what it said to that");
        }
        serde_json::from_str(&line).with_context(|| format!("{} said {line:?}", self.name))
    }

    /// Says one line to it.
    pub(crate) fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("a pipe")?;
        writeln!(input, "{line}")?;
        Ok(input.flush()?)
    }

    /// Begins to look into it, if that was asked for.
    pub(crate) fn inspect(&self) -> anyhow::Result<Option<Attached>> {
        let inspection = self.inspection.as_ref();
        inspection.map(|it| it.begin(self.child.id())).transpose()
    }

    /// User and system time used so far.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        cpu_time(&format!("/proc/{}/stat", self.child.id()))
    }

    /// Memory of its own, not of files: heap and stacks, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        self.status("RssAnon:")
    }

    /// Resident memory, that of files included, in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    fn status(&self, field: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|it| it.strip_prefix(field));
        let kib = line
            .with_context(|| format!("no {field}"))?
            .trim()
            .trim_end_matches(" kB");
        Ok(kib.trim().parse::<u64>()? * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to do about either.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
