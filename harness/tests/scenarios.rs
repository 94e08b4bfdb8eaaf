//! Every file of `scenarios/` does what it says: in virtual time, with the same verdict on every machine.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that fails is a failed test"
)]

use std::path::{Path, PathBuf};
use std::thread;

use device_sim::behaviour::Program;
use harness::judge::verdict::{Outcome, Verdict};
use harness::report::{ReportKind, render};
use harness::runner::{RunOptions, run_blocking};
use harness::scenario::ast::{ClockKind, Cohort, Scenario, Step, StepKind};
use harness::scenario::{LoadOptions, load};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// The scenario files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

fn scenarios(file: &Path) -> Vec<Scenario> {
    let options = LoadOptions {
        behaviours: Program::built_in_names(),
        ..LoadOptions::default()
    };
    let mut scenarios = load(file, options).unwrap_or_else(|errors| panic!("{errors}"));
    for scenario in &mut scenarios {
        scenario.clock = ClockKind::Virtual;
    }
    scenarios
}

fn verdicts(file: &Path) -> Vec<Verdict> {
    let run = |scenario| run_blocking(scenario, RunOptions::default());
    scenarios(file).into_iter().map(run).collect()
}

/// What a reader of the file expects to find, without figures that a better hub may change.
fn summary(verdict: &Verdict) -> Value {
    let steps = verdict.steps.iter().map(|step| {
        json!({
            "name": step.name, "outcome": step.outcome, "startedMs": step.started_ms,
            "tookMs": step.took_ms, "problem": step.problem,
        })
    });
    let checks = verdict.checks.iter().map(|check| {
        json!({
            "name": check.name, "outcome": check.outcome, "passed": check.passed,
            "devices": check.devices,
        })
    });
    json!({
        "scenario": verdict.scenario,
        "outcome": verdict.outcome,
        "tookMs": verdict.took_ms,
        "devices": verdict.devices,
        "steps": steps.collect::<Vec<_>>(),
        "checks": checks.collect::<Vec<_>>(),
        "notes": verdict.notes,
    })
}

/// One line a step and check, so that a change is read at a glance.
fn lines(verdict: &Verdict) -> String {
    let summary = summary(verdict);
    let mut text = format!(
        "{} {} tookMs={} devices={}\n",
        summary["scenario"], summary["outcome"], summary["tookMs"], summary["devices"]
    );
    for part in ["steps", "checks", "notes"] {
        for line in summary[part].as_array().unwrap() {
            text += part;
            text += " ";
            text += &line.to_string();
            text += "\n";
        }
    }
    text
}

/// Whether programs of others take part, which keep real time.
fn has_outsiders(file: &Path) -> bool {
    let options = LoadOptions::default();
    let scenarios = load(file, options).unwrap_or_else(|errors| panic!("{errors}"));
    scenarios.iter().any(|scenario| {
        let is_shell = |step: &Step| matches!(step.kind, StepKind::Shell(_));
        scenario.fleet.iter().any(Cohort::is_external) || scenario.steps.iter().any(is_shell)
    })
}

#[test]
fn every_scenario_passes_with_the_verdict_on_record() {
    // Each on a thread of its own: two cores halve the time, and nothing is shared.
    let running: Vec<_> = files(&folder())
        .into_iter()
        .filter(|file| !has_outsiders(file))
        .map(|file| (file.clone(), thread::spawn(move || verdicts(&file))))
        .collect();
    for (file, running) in running {
        let verdicts = running.join().unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        for verdict in &verdicts {
            let human = render(ReportKind::Human, &verdicts);
            assert_eq!(verdict.outcome, Outcome::Passed, "{name}: {human}");
        }
        let record: String = verdicts.iter().map(lines).collect();
        insta::assert_snapshot!(name, record);
    }
}

#[test]
fn a_scenario_that_must_fail_fails_with_the_report_on_record() {
    for file in files(&folder().join("must-fail")) {
        let verdicts = verdicts(&file);
        assert!(verdicts.iter().all(|one| one.outcome == Outcome::Failed));
        let report = render(ReportKind::Human, &verdicts);
        let report = anstream::adapter::strip_str(&report).to_string();
        let path = file
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .display()
            .to_string();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        insta::assert_snapshot!(
            format!("must-fail-{name}"),
            report.replace(&path, "scenarios")
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_reports_byte_for_byte() {
    for name in ["wave.yaml", "flaky.yaml", "network-storm.yaml"] {
        let file = folder().join(name);
        let (first, second) = (verdicts(&file), verdicts(&file));
        for kind in [ReportKind::Json, ReportKind::Html, ReportKind::Junit] {
            assert!(
                render(kind, &first) == render(kind, &second),
                "{name}: {kind}"
            );
        }
    }
}

#[test]
fn another_seed_gives_another_run() {
    let run = |seed: u64| {
        let mut scenario = scenarios(&folder().join("flaky.yaml")).remove(0);
        scenario.seed = seed;
        let mut verdict = run_blocking(scenario, RunOptions::default());
        verdict.seed = 0;
        render(ReportKind::Json, &[verdict])
    };
    assert!(run(1) != run(2));
}
