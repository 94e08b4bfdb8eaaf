//! Verdicts for the tests of this room.

use std::collections::BTreeMap;

use crate::judge::verdict::{
    CheckResult, CohortSummary, Counterexample, Difference, FORMAT, Latency, Outcome, StepResult,
    TimeLineEntry, Verdict, WavePoint,
};

fn step(name: &str, line: u32, started_ms: u64, took_ms: u64) -> StepResult {
    StepResult {
        name: name.to_owned(),
        at: Some(format!("scenarios/reboot.yaml:{line}")),
        outcome: Outcome::Passed,
        started_ms,
        took_ms,
        problem: None,
    }
}

fn check(name: &str, line: u32, devices: u64) -> CheckResult {
    CheckResult {
        name: name.to_owned(),
        at: Some(format!("scenarios/reboot.yaml:{line}")),
        outcome: Outcome::Passed,
        devices,
        passed: devices,
        counterexample: None,
    }
}

fn latency(count: u64, [min, p50, p90, p99, max]: [f64; 5]) -> Latency {
    Latency {
        count,
        min_ms: min,
        p50_ms: p50,
        p90_ms: p90,
        p99_ms: p99,
        max_ms: max,
    }
}

/// The reboot of 1,000 devices: all come online within 2 s, go down in a wave, and come back.
fn wave() -> Vec<WavePoint> {
    let ramp =
        |at: u64, from: u64, to: u64| 1000 * at.clamp(from, to).saturating_sub(from) / (to - from);
    (0..=300)
        .map(|tenth| {
            let at_ms = tenth * 100;
            let down = ramp(at_ms, 2_500, 8_000);
            let back = ramp(at_ms, 7_500, 26_000);
            let online = ramp(at_ms, 0, 2_000) - (down - back);
            let mut devices = BTreeMap::from([
                ("offline".to_owned(), 1000 - online),
                ("online".to_owned(), online),
            ]);
            if down > back {
                devices.insert("rebooting".to_owned(), down - back);
            }
            if back > 0 {
                devices.insert("booted".to_owned(), back);
            }
            WavePoint { at_ms, devices }
        })
        .collect()
}

/// A run in which all is well.
pub(super) fn passed() -> Verdict {
    Verdict {
        format: FORMAT,
        scenario: "reboot wave".to_owned(),
        file: Some("scenarios/reboot.yaml".to_owned()),
        seed: 42,
        clock: "virtual",
        hub: "embedded".to_owned(),
        outcome: Outcome::Passed,
        took_ms: 30_000,
        devices: 1000,
        steps: vec![
            step("connect all", 12, 0, 2_004),
            step("invoke reboot on pumps", 14, 2_500, 5_512),
            step(
                "wait until booted on pumps, at most 1 min",
                18,
                8_012,
                17_988,
            ),
        ],
        checks: vec![
            check("99 % of pumps reported booted within 30 s", 24, 1000),
            check("none of pumps connected more than twice", 27, 1000),
        ],
        cohorts: vec![CohortSummary {
            name: "pumps".to_owned(),
            devices: 1000,
            connects: 2000,
            disconnects: 1000,
            methods_answered: 1000,
            methods_failed: 0,
            reports: 3000,
            messages: 0,
        }],
        phases: BTreeMap::from([
            (
                "connect".to_owned(),
                latency(2000, [0.4, 1.2, 2.6, 8.25, 40.0]),
            ),
            (
                "subscribe".to_owned(),
                latency(2000, [0.2, 0.5, 0.9, 3.0, 12.0]),
            ),
            (
                "method".to_owned(),
                latency(1000, [1.5, 12.0, 38.0, 120.0, 412.0]),
            ),
            (
                "offline".to_owned(),
                latency(1000, [4_000.0, 11_000.0, 16_500.0, 17_900.0, 18_020.0]),
            ),
        ]),
        wave: wave(),
        notes: Vec::new(),
    }
}

/// The same, but one device rebooted twice and a step was refused.
pub(super) fn failed() -> Verdict {
    let mut verdict = passed();
    verdict.outcome = Outcome::Failed;
    verdict.steps.push(StepResult {
        outcome: Outcome::Failed,
        problem: Some(
            "pump-0007 answered 404103 where 200 was expected\nthe device was not online"
                .to_owned(),
        ),
        ..step("invoke status on pumps", 20, 26_000, 40)
    });
    verdict.checks[1] = CheckResult {
        outcome: Outcome::Failed,
        passed: 999,
        counterexample: Some(counterexample()),
        ..check("none of pumps connected more than twice", 27, 1000)
    };
    verdict
        .notes
        .push("the generator was the bottleneck from 2.5 s to 3.1 s".to_owned());
    verdict
}

fn counterexample() -> Counterexample {
    let entry = |at_ms, seq, what: &str| TimeLineEntry {
        at_ms,
        seq,
        what: what.to_owned(),
    };
    Counterexample {
        device: "pump-0007".to_owned(),
        expected: "at most 2 connections".to_owned(),
        found: "3 connections".to_owned(),
        nearest_miss: Some("every other device connected twice".to_owned()),
        time_line: vec![
            entry(14, 31, "connected"),
            entry(2_511, 4_120, "method reboot invoked"),
            entry(2_514, 4_131, "reported version 2: status = \"rebooting\""),
            entry(2_520, 4_140, "disconnected (goodbye)"),
            entry(13_071, 9_002, "connected"),
            entry(13_075, 9_010, "disconnected (lost)"),
            entry(13_991, 9_417, "connected"),
        ],
        difference: vec![
            Difference {
                path: "reported.iothubDM.reboot.status".to_owned(),
                expected: "\"booted\"".to_owned(),
                found: Some("\"rebooting\"".to_owned()),
            },
            Difference {
                path: "reported.iothubDM.reboot.lastBoot".to_owned(),
                expected: "any".to_owned(),
                found: None,
            },
        ],
        replay: Some("hubnerite run scenarios/reboot.yaml --seed 42".to_owned()),
    }
}

/// The hub could not be reached.
pub(super) fn error() -> Verdict {
    Verdict {
        outcome: Outcome::Error,
        clock: "real",
        hub: "orders.example".to_owned(),
        took_ms: 10_020,
        devices: 1,
        steps: vec![
            StepResult {
                outcome: Outcome::Error,
                problem: Some("cannot reach orders.example:443: connection refused".to_owned()),
                ..step("connect all", 12, 0, 10_020)
            },
            StepResult {
                outcome: Outcome::Skipped,
                ..step("invoke reboot on pumps", 14, 10_020, 0)
            },
        ],
        checks: vec![CheckResult {
            outcome: Outcome::Skipped,
            devices: 0,
            passed: 0,
            ..check("99 % of pumps reported booted within 30 s", 24, 0)
        }],
        cohorts: Vec::new(),
        phases: BTreeMap::new(),
        wave: Vec::new(),
        ..passed()
    }
}

/// Ctrl-C in the second step.
pub(super) fn interrupted() -> Verdict {
    let mut verdict = passed();
    verdict.outcome = Outcome::Skipped;
    verdict.took_ms = 4_100;
    for step in &mut verdict.steps[1..] {
        step.outcome = Outcome::Skipped;
        step.took_ms = 0;
    }
    for check in &mut verdict.checks {
        check.outcome = Outcome::Skipped;
        (check.devices, check.passed) = (0, 0);
    }
    verdict.wave.truncate(42);
    verdict
}

/// The four ways a run can end.
pub(super) fn all() -> [(&'static str, Verdict); 4] {
    [
        ("passed", passed()),
        ("failed", failed()),
        ("error", error()),
        ("interrupted", interrupted()),
    ]
}

/// Names, problems and events that would break a careless writer.
pub(super) fn hostile() -> Verdict {
    const EVIL: &str =
        "</script></td>]]>&\"'<!-- \u{0}\u{1b}[2J\u{202e}\u{ffff}\r\n...\n# \\ not ok 1 - {{x}} 泵";
    let mut verdict = failed();
    verdict.scenario = EVIL.to_owned();
    verdict.file = Some(EVIL.to_owned());
    verdict.hub = EVIL.to_owned();
    verdict.notes = vec![EVIL.to_owned()];
    for step in &mut verdict.steps {
        step.name = EVIL.to_owned();
        step.at = Some(EVIL.to_owned());
        step.problem = Some(EVIL.to_owned());
    }
    for check in &mut verdict.checks {
        check.name = EVIL.to_owned();
        if let Some(example) = &mut check.counterexample {
            example.device = EVIL.to_owned();
            example.expected = EVIL.to_owned();
            example.found = EVIL.to_owned();
            example.nearest_miss = Some(EVIL.to_owned());
            example.replay = Some(EVIL.to_owned());
            example.time_line[0].what = EVIL.to_owned();
            example.difference[0].path = EVIL.to_owned();
            example.difference[0].found = Some(EVIL.to_owned());
        }
    }
    verdict.cohorts[0].name = EVIL.to_owned();
    verdict.phases.insert(
        EVIL.to_owned(),
        latency(1, [f64::MIN_POSITIVE, 0.0, 1e300, 0.0, 0.0]),
    );
    for point in &mut verdict.wave {
        point.devices.insert(EVIL.to_owned(), 1);
    }
    verdict
}

/// Nothing in it.
pub(super) fn empty() -> Verdict {
    Verdict {
        scenario: String::new(),
        file: None,
        took_ms: 0,
        devices: 0,
        steps: Vec::new(),
        checks: Vec::new(),
        cohorts: Vec::new(),
        phases: BTreeMap::new(),
        wave: Vec::new(),
        ..passed()
    }
}
