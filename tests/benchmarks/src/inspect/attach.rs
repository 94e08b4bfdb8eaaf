//! `perf` on a process, for exactly as long as operations are counted.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use crate::clock::now;

/// What is to be found out of a process while it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    arguments: Vec<OsString>,
}

impl Inspection {
    /// Where its CPU time goes: stacks, some 1,000 a second of CPU time, unwound by the tables that every build has.
    pub(super) fn samples(file: &Path) -> Self {
        let words = ["record", "-q", "-e", "cpu-clock", "-F", "997"];
        let words = words
            .into_iter()
            .chain(["--call-graph", "dwarf,16384", "-o"]);
        Self::new(words, file)
    }

    /// How often these events come about.
    pub(super) fn counts(events: &str, file: &Path) -> Self {
        Self::new(["stat", "-x", ",", "-e", events, "-o"], file)
    }

    fn new<'a>(words: impl IntoIterator<Item = &'a str>, file: &Path) -> Self {
        let mut arguments: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        arguments.push(file.into());
        Self { arguments }
    }

    /// Begins, and is at work when this returns.
    pub(crate) fn begin(&self, process: u32) -> anyhow::Result<Attached> {
        let folder = tempfile::tempdir()?;
        let [control, answers] = ["control", "answers"].map(|name| folder.path().join(name));
        for pipe in [&control, &answers] {
            mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        }
        let mut pipes = OsString::from("fifo:");
        pipes.push(&control);
        pipes.push(",");
        pipes.push(&answers);
        let perf = Command::new("perf")
            .args(&self.arguments)
            .args(["-D", "-1", "--control"])
            .arg(pipes)
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start perf")?;
        let mut attached = Attached {
            perf,
            control: open(control)?,
            answers: open(answers)?,
            _pipes: folder,
        };
        attached.say("enable")?;
        Ok(attached)
    }
}

/// Never waits for another end.
fn open(pipe: PathBuf) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits())?;
    options.read(true).write(true).custom_flags(nonblocking);
    Ok(options.open(pipe)?)
}

/// `perf` at work. Ended on drop.
#[derive(Debug)]
pub(crate) struct Attached {
    perf: Child,
    control: File,
    answers: File,
    _pipes: tempfile::TempDir,
}

impl Attached {
    /// Ends it, with everything written.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.say("disable")?;
        let id = Pid::from_child(&self.perf);
        kill_process(id, Signal::INT)?;
        self.perf.wait()?;
        Ok(())
    }

    /// Says a word, and waits until it is done.
    fn say(&mut self, word: &str) -> anyhow::Result<()> {
        writeln!(self.control, "{word}")?;
        let begun = now();
        let mut answer = [0; 16];
        loop {
            match self.answers.read(&mut answer) {
                Ok(read) if answer[..read].starts_with(b"ack") => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if self.perf.try_wait()?.is_some() {
                let mut said = String::new();
                if let Some(mut output) = self.perf.stderr.take() {
                    output.read_to_string(&mut said)?;
                }
                bail!("perf ended: {}; it may have to be run as root", said.trim());
            }
            ensure!(begun.elapsed() < PATIENCE, "perf does not answer");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // It has usually ended; there is nothing to do about either.
        let _ = self.perf.kill();
        let _ = self.perf.wait();
    }
}

/// Says how to come by `perf` where it is missing.
pub(super) fn has_perf() -> anyhow::Result<()> {
    let found = Command::new("perf").arg("--version").output();
    ensure!(
        found.is_ok_and(|told| told.status.success()),
        "perf is missing: install it (Debian: apt-get install linux-perf)"
    );
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(20);
