//! Whole runs of scenarios built by hand.

use std::time::Duration;

use super::test_scenario::{booted, cohort, invoke, named, scenario, spanned, status, step};
use super::{RunOptions, run_blocking};
use crate::judge::verdict::{Outcome, Verdict};
use crate::scenario::ast::{InvokeExpectation, Scenario, StepKind, Target};

fn run(scenario: Scenario) -> Verdict {
    run_blocking(scenario, RunOptions::default())
}

fn reboot_all() -> StepKind {
    StepKind::Invoke(invoke(Target::All, "reboot"))
}

#[test]
fn a_fleet_that_reboots_passes() {
    let verdict = run(scenario(
        vec![cohort("pumps", 20)],
        vec![step(reboot_all())],
        vec![booted(Duration::from_secs(10))],
    ));
    assert_eq!(verdict.outcome, Outcome::Passed, "{verdict:#?}");
    assert_eq!(verdict.checks[0].passed, 20);
    assert!(verdict.took_ms > 0 && verdict.took_ms < 10_000);
    assert!(
        verdict.phases.contains_key("connect"),
        "{:?}",
        verdict.phases
    );
}

#[test]
fn the_same_seed_gives_the_same_verdict_and_another_seed_another() {
    let verdict = |seed: u64| {
        let mut scenario = scenario(
            vec![cohort("pumps", 50)],
            vec![step(reboot_all())],
            vec![booted(Duration::from_secs(10))],
        );
        scenario.seed = seed;
        serde_json::to_string(&run(scenario)).unwrap()
    };
    assert_eq!(verdict(1), verdict(1));
    assert_ne!(verdict(1), verdict(2));
}

#[test]
fn a_call_that_does_not_end_as_expected_fails_its_step_and_the_rest_still_runs() {
    let mut call = invoke(Target::All, "reboot");
    call.expect = InvokeExpectation::Error(spanned("DeviceNotOnline"));
    let verdict = run(scenario(
        vec![cohort("pumps", 2)],
        vec![
            step(StepKind::Invoke(call)),
            step(StepKind::Wait(Duration::from_secs(5))),
        ],
        Vec::new(),
    ));
    let outcomes: Vec<Outcome> = verdict.steps.iter().map(|step| step.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Passed, Outcome::Failed, Outcome::Passed]
    );
    let problem = verdict.steps[1].problem.as_deref().unwrap();
    assert!(
        problem.starts_with("2 of 2 calls did not end as expected"),
        "{problem}"
    );
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(verdict.steps[2].took_ms, 5000);
}

#[test]
fn a_device_that_is_not_started_is_not_online() {
    let mut asleep = cohort("pumps", 1);
    asleep.autostart = false;
    let mut call = invoke(Target::All, "reboot");
    call.expect = InvokeExpectation::Error(spanned("DeviceNotOnline"));
    let verdict = run(scenario(
        vec![asleep],
        vec![
            step(StepKind::Invoke(call)),
            step(StepKind::Connect(Target::All)),
            step(reboot_all()),
        ],
        Vec::new(),
    ));
    assert_eq!(verdict.outcome, Outcome::Passed, "{:#?}", verdict.steps);
}

#[test]
fn a_wait_knows_what_was_before_it_and_fails_when_its_time_is_over() {
    let until = |name: &str, value: &str| {
        named(
            name,
            StepKind::WaitUntil {
                on: Target::All,
                condition: status(value),
                at_most: Duration::from_secs(20),
            },
        )
    };
    let verdict = run(scenario(
        vec![cohort("pumps", 3)],
        vec![
            step(reboot_all()),
            until("first", "booted"),
            until("again", "booted"),
            until("never", "molten"),
        ],
        Vec::new(),
    ));
    let results: Vec<_> = verdict.steps[2..]
        .iter()
        .map(|step| (step.outcome, step.problem.as_deref()))
        .collect();
    assert_eq!(
        results,
        [
            (Outcome::Passed, None),
            (Outcome::Passed, None),
            (
                Outcome::Failed,
                Some("3 of 3 devices did not get there within 20s")
            ),
        ]
    );
    assert_eq!(verdict.steps[3].took_ms, 0);
}

#[test]
fn an_interrupted_run_still_judges_what_happened() {
    let (ask, interrupt) = tokio::sync::watch::channel(true);
    let verdict = run_blocking(
        scenario(
            vec![cohort("pumps", 2)],
            vec![step(StepKind::Wait(Duration::from_mins(1)))],
            vec![booted(Duration::from_secs(10))],
        ),
        RunOptions {
            interrupt,
            ..RunOptions::default()
        },
    );
    drop(ask);
    assert_eq!(verdict.outcome, Outcome::Error);
    assert_eq!(verdict.checks.len(), 1);
    assert!(verdict.notes[0].contains("interrupted"));
}

#[test]
fn mistakes_are_told_and_nothing_runs() {
    let target = Target::Cohort(spanned("nobody"));
    let verdict = run(scenario(
        vec![cohort("pumps", 1)],
        vec![step(StepKind::Connect(target))],
        Vec::new(),
    ));
    assert_eq!(verdict.outcome, Outcome::Error);
    assert!(
        verdict.notes[0].contains("there is no cohort `nobody`"),
        "{:?}",
        verdict.notes
    );
}
