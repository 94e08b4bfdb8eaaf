//! What a fleet does, as it does it and at the end: a line that stays on a terminal, lines in a pipe,
//! objects for programs.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use device_sim::metrics::{Counts, Metrics, Phase, Summary};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::cli::say;
use crate::output::style::{BAD, FAINT, GOOD, LABEL, NOTE, STRONG, paint};
use crate::output::table;

/// Tells of a fleet on stdout.
#[derive(Debug)]
pub(super) struct Teller {
    json: bool,
    is_live: bool,
    started: Instant,
    told_at: Option<Instant>,
    /// For rates: what was counted when it was told last.
    before: (Instant, Counts),
}

impl Teller {
    pub(super) fn begin(json: bool) -> Self {
        let now = Instant::now();
        Self {
            json,
            is_live: !json && std::io::stdout().is_terminal(),
            started: now,
            told_at: None,
            before: (now, Counts::default()),
        }
    }

    /// How often there is something new to tell.
    pub(super) fn pace(&self) -> Duration {
        if self.is_live {
            Duration::from_millis(200)
        } else {
            Duration::from_secs(1)
        }
    }

    /// A heading; nothing for programs.
    pub(super) fn title(&self, text: &str) {
        if !self.json {
            say(paint(STRONG, text));
        }
    }

    /// So many of so many are done.
    pub(super) fn progress(&mut self, what: &str, done: usize, of: usize) {
        let is_last = done == of;
        if !self.is_due(is_last) {
            return;
        }
        if self.json {
            say(json!({"type": "progress", "what": what, "done": done, "of": of}));
        } else {
            self.show(&format!("{what}  {done} of {of}"), is_last);
        }
    }

    /// How the fleet is now.
    pub(super) fn status(&mut self, metrics: &Metrics) {
        if !self.is_due(false) {
            return;
        }
        let (now, counts) = (Instant::now(), metrics.counts);
        let (then, before) = std::mem::replace(&mut self.before, (now, counts));
        let seconds = now.duration_since(then).as_secs_f64().max(0.001);
        let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), seconds);
        let connects = rate(counts.onlines, before.onlines);
        let messages = rate(traffic(&counts), traffic(&before));
        let online = metrics.phase(Phase::Online);
        if self.json {
            let mut status = object(&counts);
            status.insert("type".into(), "status".into());
            status.insert("atMs".into(), milliseconds(self.started.elapsed()));
            status.insert("onlinePerSecond".into(), connects.into());
            status.insert("operationsPerSecond".into(), messages.into());
            say(Value::Object(status));
            return;
        }
        let mut line = format!(
            "{}  {} of {} online",
            paint(
                FAINT,
                format!("{:>6.1} s", self.started.elapsed().as_secs_f64())
            ),
            paint(GOOD, counts.online),
            counts.devices,
        );
        let _ = write!(line, "  {connects}/s connecting  {messages}/s operations");
        if online.count > 0 {
            let (p50, p99) = (latency(online.p50), latency(online.p99));
            let _ = write!(line, "  online in {p50} (p99 {p99})");
        }
        if counts.losses + counts.dial_failures > 0 {
            let lost = format!("  {} lost, {} refused", counts.losses, counts.dial_failures);
            line.push_str(&paint(BAD, lost));
        }
        self.show(&line, false);
    }

    /// The end of it.
    pub(super) fn summary(&self, metrics: &Metrics, ran: Duration) {
        if self.json {
            return say(summary_json(metrics, ran));
        }
        if self.is_live {
            self.write("\r\x1b[2K");
        }
        say(summary_text(metrics, ran).trim_end());
    }

    fn is_due(&mut self, is_last: bool) -> bool {
        let now = Instant::now();
        let is_due = self.is_live
            || is_last
            || self
                .told_at
                .is_none_or(|told| now.duration_since(told) >= LINES_EVERY);
        if is_due {
            self.told_at = Some(now);
        }
        is_due
    }

    /// Over the line before on a terminal, below it in a pipe.
    fn show(&self, line: &str, is_last: bool) {
        if self.is_live {
            let end = if is_last { "\n" } else { "" };
            self.write(&format!("\r\x1b[2K{line}{end}"));
        } else {
            say(line);
        }
    }

    fn write(&self, text: &str) {
        debug_assert!(self.is_live, "a pipe gets whole lines");
        let mut out = anstream::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

fn summary_text(metrics: &Metrics, ran: Duration) -> String {
    let counts = &metrics.counts;
    let mut text = format!(
        "\n{} {} devices, {} started, online {} times; {:.1} s\n\n",
        paint(LABEL, "fleet"),
        counts.devices,
        counts.started,
        counts.onlines,
        ran.as_secs_f64(),
    );
    let plain = |text: String| (text.clone(), text);
    let measured = |name: &str, summary: Summary| {
        let count = plain(summary.count.to_string());
        let figures = [
            summary.p50,
            summary.p90,
            summary.p99,
            summary.p999,
            summary.most,
        ];
        let figures = figures.map(|figure| plain(latency(figure)));
        [plain(name.to_owned()), count]
            .into_iter()
            .chain(figures)
            .collect()
    };
    let phases = Phase::ALL
        .into_iter()
        .map(|phase| (phase, metrics.phase(phase)));
    let rows: Vec<Vec<(String, String)>> = phases
        .filter(|(_, summary)| summary.count > 0)
        .map(|(phase, summary)| measured(phase.name(), summary))
        .collect();
    let heading = ["PHASE", "COUNT", "P50", "P90", "P99", "P99.9", "MAX"];
    text.push_str(&table(&heading, &rows));
    text.push('\n');
    for (name, count) in tallies(counts).into_iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "{} {count}", paint(LABEL, format!("{name:<22}")));
    }
    for (reason, count) in &metrics.losses {
        let _ = writeln!(text, "{} {count} × {reason}", paint(BAD, "lost"));
    }
    if let Some(note) = metrics.generator_bottleneck() {
        let _ = writeln!(text, "{} {note}", paint(NOTE, "note"));
    }
    text
}

fn summary_json(metrics: &Metrics, ran: Duration) -> Value {
    let mut summary = object(&metrics.counts);
    let phases = Phase::ALL
        .into_iter()
        .map(|phase| (phase, metrics.phase(phase)));
    let phases: Map<String, Value> = phases
        .filter(|(_, summary)| summary.count > 0)
        .map(|(phase, summary)| (phase.name().to_owned(), figures(summary)))
        .collect();
    summary.insert("type".into(), "summary".into());
    summary.insert("ranMs".into(), milliseconds(ran));
    summary.insert("phasesMs".into(), phases.into());
    summary.insert("generatorLagMs".into(), figures(metrics.lag()));
    summary.insert(
        "generatorNote".into(),
        metrics.generator_bottleneck().into(),
    );
    summary.insert("losses".into(), json!(metrics.losses));
    Value::Object(summary)
}

fn figures(summary: Summary) -> Value {
    json!({
        "count": summary.count,
        "p50": milliseconds(summary.p50),
        "p90": milliseconds(summary.p90),
        "p99": milliseconds(summary.p99),
        "p999": milliseconds(summary.p999),
        "max": milliseconds(summary.most),
    })
}

/// What is counted beside the connections, in words.
fn tallies(counts: &Counts) -> [(&'static str, u64); 11] {
    [
        ("method calls", counts.method_calls),
        ("answers", counts.answers),
        ("reports", counts.reports),
        ("reports stored", counts.reports_stored),
        ("twins read", counts.twins_read),
        ("twin requests refused", counts.twin_refusals),
        ("desired changes", counts.desired_changes),
        ("messages sent", counts.messages_sent),
        ("messages acknowledged", counts.messages_acknowledged),
        ("messages received", counts.messages_received),
        ("stopped as runaway", counts.stopped),
    ]
}

fn object(counts: &Counts) -> Map<String, Value> {
    let counted = json!({
        "devices": counts.devices,
        "started": counts.started,
        "online": counts.online,
        "dials": counts.dials,
        "dialFailures": counts.dial_failures,
        "connects": counts.connects,
        "onlines": counts.onlines,
        "lost": counts.losses,
        "methodCalls": counts.method_calls,
        "answers": counts.answers,
        "reports": counts.reports,
        "reportsStored": counts.reports_stored,
        "twinsRead": counts.twins_read,
        "twinRefusals": counts.twin_refusals,
        "desiredChanges": counts.desired_changes,
        "messagesSent": counts.messages_sent,
        "messagesAcknowledged": counts.messages_acknowledged,
        "messagesReceived": counts.messages_received,
        "bytesSent": counts.bytes_sent,
        "bytesReceived": counts.bytes_received,
    });
    match counted {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// What devices and hub said to each other once online.
fn traffic(counts: &Counts) -> u64 {
    counts.answers
        + counts.reports_stored
        + counts.twins_read
        + counts.desired_changes
        + counts.messages_acknowledged
        + counts.messages_received
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people, never negative"
)]
fn per_second(count: u64, seconds: f64) -> u64 {
    (count as f64 / seconds).round() as u64
}

/// To a hundredth.
fn milliseconds(duration: Duration) -> Value {
    let ms = (duration.as_secs_f64() * 100_000.0).round() / 100.0;
    json!(ms)
}

/// `0.85 ms`, `12.3 ms`, `1.20 s`
fn latency(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else if ms < 1000.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{:.2} s", ms / 1000.0)
    }
}

/// In a pipe.
const LINES_EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_read_well_at_any_size() {
        for (us, expected) in [
            (0, "0.00 ms"),
            (850, "0.85 ms"),
            (12_340, "12.3 ms"),
            (1_204_000, "1.20 s"),
        ] {
            assert_eq!(latency(Duration::from_micros(us)), expected);
        }
    }

    #[test]
    fn a_summary_names_counts_and_losses_and_leaves_out_what_did_not_happen() {
        let mut metrics = Metrics::default();
        metrics.counts.devices = 3;
        metrics.counts.started = 2;
        metrics.counts.onlines = 2;
        metrics.counts.reports = 7;
        metrics.losses.insert("the hub closed".to_owned(), 4);
        let text = summary_text(&metrics, Duration::from_millis(2500));
        let plain = anstream::adapter::strip_str(&text).to_string();
        insta::assert_snapshot!(plain, @"

        fleet 3 devices, 2 started, online 2 times; 2.5 s

        PHASE  COUNT  P50  P90  P99  P99.9  MAX

        reports                7
        lost 4 × the hub closed
        ");
        let told = summary_json(&metrics, Duration::from_millis(2500));
        assert_eq!(told["ranMs"], 2500.0);
        assert_eq!(told["losses"]["the hub closed"], 4);
        assert_eq!(told["phasesMs"], json!({}));
    }
}
