//! A child process, its facts and checks, never without a deadline.
//!
//! The programs on the SDKs print one JSON object a line: `{"fact": …, "value": …}` or `{"check": …,
//! "ok": …}`. Whatever goes wrong here panics with everything the program wrote.

use std::fmt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// How many lines of a program are kept; a program that writes more is out of hand.
const LINES_MAX: usize = 10_000;

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: Output,
    grown: watch::Receiver<usize>,
}

/// What a program wrote, complete.
#[derive(Debug)]
pub struct Report {
    name: String,
    status: ExitStatus,
    lines: Vec<String>,
}

/// The lines of both streams, in the order they came.
#[derive(Clone, Debug, Default)]
struct Output(Arc<Mutex<Vec<String>>>);

impl Program {
    /// Starts a program.
    pub fn start(name: impl Into<String>, mut command: Command) -> Self {
        let name = name.into();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let output = Output::default();
        let (sender, grown) = watch::channel(0);
        tokio::spawn(output.clone().collect(child.stdout.take(), sender.clone()));
        tokio::spawn(output.clone().collect(child.stderr.take(), sender));
        Self {
            name,
            child,
            output,
            grown,
        }
    }

    /// Waits until the program prints that fact.
    pub async fn fact(&mut self, name: &str, deadline: Duration) -> Value {
        let wait = async {
            loop {
                let found = facts_named(&self.output.lines(), name).into_iter().next();
                if let Some(value) = found {
                    return Some(value);
                }
                // Fails when both streams have ended: nothing more will come.
                self.grown.changed().await.ok()?;
            }
        };
        match timeout(deadline, wait).await {
            Ok(Some(value)) => value,
            Ok(None) => panic!(
                "{} ended without the fact {name:?}:\n{}",
                self.name, self.output
            ),
            Err(elapsed) => panic!(
                "{} has no fact {name:?}: {elapsed} ({deadline:?}):\n{}",
                self.name, self.output
            ),
        }
    }

    /// Waits for the program's end.
    pub async fn finish(mut self, deadline: Duration) -> Report {
        let end = async {
            // The pipes before the status, so that the last lines are there.
            while self.grown.changed().await.is_ok() {}
            self.child
                .wait()
                .await
                .expect("a child of ours can be waited for")
        };
        let Ok(status) = timeout(deadline, end).await else {
            panic!(
                "{} did not end in {deadline:?}:\n{}",
                self.name, self.output
            );
        };
        Report {
            name: self.name.clone(),
            status,
            lines: self.output.lines(),
        }
    }

    /// Ends the program and hands over what it wrote.
    pub async fn stop(mut self) -> Vec<String> {
        self.child
            .kill()
            .await
            .expect("a child of ours can be ended");
        self.output.lines()
    }
}

impl Report {
    /// The values of every fact of that name.
    pub fn facts(&self, name: &str) -> Vec<Value> {
        facts_named(&self.lines, name)
    }

    /// The program ended well and passed exactly these checks, in this order.
    pub fn assert_checks(&self, wanted: &[&str]) {
        let checks: Vec<Value> = self.lines.iter().filter_map(|line| check(line)).collect();
        let failed = checks.iter().filter(|check| check["ok"] != true);
        let failed: Vec<String> = failed
            .map(|check| {
                format!(
                    "- {}: {}",
                    check["check"],
                    check["why"].as_str().unwrap_or("?")
                )
            })
            .collect();
        let other: Vec<&str> = self
            .lines
            .iter()
            .filter(|line| check(line).is_none())
            .map(String::as_str)
            .collect();
        assert!(
            failed.is_empty(),
            "{} failed:\n{}\n\nWhat else it wrote:\n{}",
            self.name,
            failed.join("\n"),
            other.join("\n")
        );
        self.assert_success();
        let passed: Vec<&str> = checks
            .iter()
            .filter_map(|check| check["check"].as_str())
            .collect();
        assert_eq!(passed, wanted, "the checks of {}", self.name);
    }

    /// The program's exit code is 0.
    pub fn assert_success(&self) {
        assert!(
            self.status.success(),
            "{} ended with {}:\n{self}",
            self.name,
            self.status
        );
    }
}

impl Output {
    async fn collect(self, stream: Option<impl AsyncRead + Unpin>, grown: watch::Sender<usize>) {
        let Some(stream) = stream else { return };
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut kept = self.0.lock().expect("nothing panics with the lines locked");
            if kept.len() < LINES_MAX {
                kept.push(line);
            }
            grown.send_replace(kept.len());
        }
    }

    fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .expect("nothing panics with the lines locked")
            .clone()
    }
}

fn facts_named(lines: &[String], name: &str) -> Vec<Value> {
    let facts = lines
        .iter()
        .filter_map(|line| object(line))
        .filter(|line| line["fact"] == name);
    facts.map(|mut line| line["value"].take()).collect()
}

fn check(line: &str) -> Option<Value> {
    object(line).filter(|object| object["check"].is_string())
}

fn object(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(Value::is_object)
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}
