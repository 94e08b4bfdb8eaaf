//! A story of three parties told as it happens: one line a step, with its time, in the lane of the
//! party that acts.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::style::{BAD, FAINT, GOOD, LABEL, NOTE, STRONG, paint};

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Hub,
    Service,
    Device,
}

impl Lane {
    fn name(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Service => "service",
            Self::Device => "device",
        }
    }

    fn style(self) -> anstyle::Style {
        match self {
            Self::Hub => NOTE,
            Self::Service => LABEL,
            Self::Device => GOOD,
        }
    }
}

/// Tells a story to stdout.
#[derive(Debug)]
pub(crate) struct Narrative {
    json: bool,
    started: tokio::time::Instant,
    steps: u32,
}

impl Narrative {
    /// A story that begins now.
    pub(crate) fn begin(json: bool) -> Self {
        Self {
            json,
            started: tokio::time::Instant::now(),
            steps: 0,
        }
    }

    /// The time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// A heading; nothing in JSON.
    pub(crate) fn title(&self, text: &str) {
        if !self.json {
            say(&format!("{}\n", paint(STRONG, text)));
        }
    }

    /// A step: what happened, and how it went over the wire.
    pub(crate) fn step(&mut self, lane: Lane, what: &str, detail: &str) {
        self.steps += 1;
        let ms = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.json {
            let told = json!({
                "atMs": ms, "detail": detail, "lane": lane.name(), "step": self.steps, "what": what,
            });
            say(&told.to_string());
            return;
        }
        let clock = format!("{:>3}.{:03} s", ms / 1000, ms % 1000);
        let actor = paint(lane.style(), format!("{:<8}", lane.name()));
        say(&format!("{}  {actor} {what}", paint(FAINT, clock)));
        if !detail.is_empty() {
            say(&paint(FAINT, format!("{:>20}{detail}", "")));
        }
    }

    /// The last line.
    pub(crate) fn end(&self, passed: bool, summary: &str) {
        let ms = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.json {
            say(&json!({"atMs": ms, "passed": passed, "summary": summary}).to_string());
            return;
        }
        let verdict = if passed {
            paint(GOOD, "passed")
        } else {
            paint(BAD, "failed")
        };
        say(&format!("\n{verdict}  {summary}"));
    }
}

/// A reader that has closed the pipe wants no more; that is no failure of ours.
fn say(line: &str) {
    let mut out = anstream::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
