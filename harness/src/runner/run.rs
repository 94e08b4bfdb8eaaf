//! A whole run: hub up, devices registered, steps, verdict, everything down again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use device_sim::driver::Clock;
use device_sim::fleet::{DevicePlan, Fleet, FleetPlan};
use device_sim::metrics::{Metrics, Phase, Summary};
use tokio::sync::{mpsc, watch};

use super::access::Environment;
use super::course::{Course, Finished};
use super::elsewhere::Elsewhere;
use super::event::{Observer, RunEvent, Silent};
use super::hub::{EmbeddedHub, Hub, Keys};
use super::plan::Plan;
use super::steps::{Background, Stage};
use super::words;
use crate::judge::ReplayContext;
use crate::judge::verdict::{CheckResult, FORMAT, Latency, Outcome, Verdict, whole_ms};
use crate::reliance;
use crate::scenario::ast::{ClockKind, Scenario};

/// How a scenario is run. [`RunOptions::default`] is right for a test.
pub struct RunOptions {
    /// The command that plays the run again, for counterexamples.
    pub replay: Option<String>,
    /// Where the certificate authority is kept, in real time; default: the user's data folder.
    pub ca_dir: Option<PathBuf>,
    /// The hub to judge; default: an embedded one.
    pub hub: Option<Elsewhere>,
    /// Turns true when the run shall end early; what there is by then is judged.
    pub interrupt: watch::Receiver<bool>,
    /// Watches.
    pub observer: Box<dyn Observer>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            replay: None,
            ca_dir: None,
            hub: None,
            // Without its sender, nobody interrupts.
            interrupt: watch::channel(false).1,
            observer: Box::new(Silent),
        }
    }
}

impl std::fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunOptions")
            .field("replay", &self.replay)
            .field("ca_dir", &self.ca_dir)
            .finish_non_exhaustive()
    }
}

/// Runs a scenario on a runtime of its own, in virtual time if it says so; for tests in Rust.
///
/// ```
/// use harness::judge::verdict::Outcome;
/// use harness::runner::{RunOptions, run_blocking};
/// use harness::scenario::{LoadOptions, parse};
///
/// let text = "
/// name: a wave of reboots
/// fleet:
///   pumps: {count: 20, behaviour: reboot}
/// steps:
///   - invoke: {on: pumps, method: reboot}
/// checks:
///   - on: pumps
///     within: 10s
///     eventually: {reported.iothubDM.reboot.status: booted}
/// ";
/// let scenarios = parse(text, "wave.yaml", LoadOptions::default()).unwrap();
/// for scenario in scenarios {
///     let verdict = run_blocking(scenario, RunOptions::default());
///     assert_eq!(verdict.outcome, Outcome::Passed);
/// }
/// ```
pub fn run_blocking(scenario: Scenario, options: RunOptions) -> Verdict {
    let mut unplanned = verdict_of(&scenario);
    match Plan::new(scenario) {
        Ok(plan) => run_plan_blocking(&plan, options),
        Err(errors) => {
            unplanned.outcome = Outcome::Error;
            unplanned.notes.push(errors.to_string());
            unplanned
        }
    }
}

/// [`run_blocking`] for a scenario that is planned already.
pub fn run_plan_blocking(plan: &Plan, options: RunOptions) -> Verdict {
    let runtime = match plan.scenario.clock {
        // One thread, one clock that jumps to the next timer whenever nobody has anything to do.
        ClockKind::Virtual => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build(),
        ClockKind::Real => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build(),
    };
    match runtime {
        Ok(runtime) => runtime.block_on(run(plan, options)),
        Err(error) => could_not_run(&plan.scenario, format!("cannot make a runtime: {error}")),
    }
}

/// Runs a planned scenario on the current runtime, which must be a paused one of a single thread if
/// virtual time is to jump.
pub async fn run(plan: &Plan, mut options: RunOptions) -> Verdict {
    let scenario = &plan.scenario;
    let hub = match bring_up(plan, &mut options).await {
        Ok(hub) => hub,
        Err(problem) => return could_not_run(scenario, problem),
    };
    match run_with(plan, &hub, &mut options).await {
        Ok((mut verdict, fleet)) => {
            // What follows is no part of the run: nobody judges the goodbyes.
            fleet.shutdown().await;
            verdict.notes.extend(hub.stop().await);
            observer_end(&mut options, &verdict);
            verdict
        }
        Err(problem) => {
            let left = hub.stop().await;
            let mut verdict = could_not_run(scenario, problem);
            verdict.notes.extend(left);
            verdict
        }
    }
}

async fn bring_up(plan: &Plan, options: &mut RunOptions) -> Result<Hub, String> {
    if let Some(hub) = options.hub.take() {
        return Ok(Hub::Elsewhere(Box::new(hub.join(plan).await?)));
    }
    let (scenario, ca_dir) = (&plan.scenario, options.ca_dir.take());
    let has_outsiders = plan.has_outsiders();
    let hub = EmbeddedHub::start(scenario.clock, &scenario.hub, ca_dir, has_outsiders).await;
    let hub = hub.map_err(|error| format!("the hub did not start: {error}"))?;
    Ok(Hub::Embedded(hub))
}

/// The fleet with the keys that its devices have at this hub.
fn fleet_of(plan: &Plan, hub: &Hub, keys: &Keys) -> FleetPlan {
    let mut fleet = plan.fleet.clone();
    let host = hub.host();
    let device = |id: &Arc<str>| DevicePlan {
        id: Arc::clone(id),
        key: keys.of(id),
        host: Arc::clone(&host),
    };
    let cohorts = fleet.cohorts.iter_mut().zip(plan.roster.cohorts());
    for ((cohort, members), spec) in cohorts.zip(&plan.scenario.fleet) {
        if !spec.is_external() {
            cohort.devices = members.devices.iter().map(device).collect();
        }
    }
    fleet
}

async fn run_with(
    plan: &Plan,
    hub: &Hub,
    options: &mut RunOptions,
) -> Result<(Verdict, Fleet), String> {
    let scenario = &plan.scenario;
    let endpoints = hub.endpoints();
    let endpoints = endpoints.map_err(|error| format!("the hub cannot be reached: {error}"))?;
    let keys = hub.register(&plan.roster)?;
    let environment = environment(plan, hub).await?;
    let background = Background::default();
    let clock = Clock::starting_at(hub.now());
    let fleet = Mutex::new(Fleet::new(fleet_of(plan, hub, &keys), endpoints, clock));
    let observer = options.observer.as_mut();
    observer.event(&RunEvent::Started {
        scenario: scenario.name.clone(),
        devices: plan.roster.len(),
        checks: scenario.checks.len(),
    });
    let mut finished = {
        let (tell, inbox) = mpsc::channel(INBOX_MESSAGES);
        let stage = Stage {
            plan,
            hub,
            keys: &keys,
            service: hub.service(),
            fleet: &fleet,
            inbox: tell,
            environment,
            background: &background,
        };
        let steps = pin!(stage.run());
        let course = Course::new(plan, hub, observer).await?;
        course.run(steps, inbox, options.interrupt.clone()).await
    };
    for (step, problem) in background.end().await {
        let result = &mut finished.steps[step];
        if result.outcome == Outcome::Passed {
            result.outcome = Outcome::Failed;
            result.problem = Some(problem);
        }
    }
    // A fleet whose order panicked can still be measured and sent home.
    let fleet = fleet.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut verdict = conclude(plan, finished, &fleet.metrics(), options.replay.take());
    if let Hub::Embedded(hub) = hub {
        verdict.notes.extend(reliance::lines([hub.handle()]));
    }
    verdict.hub = hub.name();
    Ok((verdict, fleet))
}

/// What commands of the scenario are started with, if there are any.
async fn environment(plan: &Plan, hub: &Hub) -> Result<Option<Environment>, String> {
    let Some(access) = hub.access().filter(|_| plan.has_outsiders()) else {
        return Ok(None);
    };
    let file = words::file(&plan.scenario).map(PathBuf::from);
    access.environment(file.as_deref()).await.map(Some)
}

fn observer_end(options: &mut RunOptions, verdict: &Verdict) {
    options.observer.event(&RunEvent::Ended {
        outcome: verdict.outcome,
    });
}

fn conclude(plan: &Plan, finished: Finished, metrics: &Metrics, replay: Option<String>) -> Verdict {
    let scenario = &plan.scenario;
    let context = ReplayContext {
        sources: scenario.sources.clone(),
        command: replay,
    };
    let judgement = finished.judge.finish(finished.at, &context);
    let mut verdict = verdict_of(scenario);
    verdict.took_ms = whole_ms(finished.at);
    verdict.devices = plan.roster.len() as u64;
    verdict.steps = finished.steps;
    verdict.checks = judgement.checks;
    verdict.cohorts = judgement.cohorts;
    verdict.wave = judgement.wave;
    verdict.phases = judgement.phases;
    for (name, latency) in phases(metrics) {
        verdict.phases.entry(name).or_insert(latency);
    }
    verdict.outcome = outcome(&verdict, finished.is_interrupted);
    if finished.is_interrupted {
        verdict
            .notes
            .push("interrupted: judged is what had happened by then".to_owned());
    }
    verdict.notes.extend(finished.note);
    if finished.missed > 0 {
        verdict.outcome = Outcome::Error;
        verdict.notes.push(format!(
            "{} events had left the hub's log before they could be judged",
            finished.missed
        ));
    }
    if let Some(trouble) = finished.trouble {
        verdict.outcome = Outcome::Error;
        verdict.notes.push(format!(
            "the hub's event log could not be read to its end: {trouble}"
        ));
    }
    // Who is late in virtual time is not this machine.
    if scenario.clock == ClockKind::Real {
        verdict.notes.extend(metrics.generator_bottleneck());
    }
    verdict
}

/// What could not be run outweighs what failed: the failure may be its consequence.
fn outcome(verdict: &Verdict, is_interrupted: bool) -> Outcome {
    let steps = verdict.steps.iter().map(|step| step.outcome);
    let checks = verdict
        .checks
        .iter()
        .map(|check: &CheckResult| check.outcome);
    let all: Vec<Outcome> = steps.chain(checks).collect();
    if is_interrupted || all.contains(&Outcome::Error) {
        Outcome::Error
    } else if all.contains(&Outcome::Failed) {
        Outcome::Failed
    } else {
        Outcome::Passed
    }
}

/// The phases that the fleet measured at its own end.
fn phases(metrics: &Metrics) -> BTreeMap<String, Latency> {
    let measured = Phase::ALL.map(|phase| (phase.name().to_owned(), metrics.phase(phase)));
    measured
        .into_iter()
        .filter(|(_, summary)| summary.count > 0)
        .map(|(name, summary)| (name, latency(&summary)))
        .collect()
}

fn latency(summary: &Summary) -> Latency {
    // To a microsecond: more digits are noise.
    let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    Latency {
        count: summary.count,
        min_ms: ms(summary.least),
        p50_ms: ms(summary.p50),
        p90_ms: ms(summary.p90),
        p99_ms: ms(summary.p99),
        max_ms: ms(summary.most),
    }
}

fn could_not_run(scenario: &Scenario, problem: String) -> Verdict {
    let mut verdict = verdict_of(scenario);
    verdict.outcome = Outcome::Error;
    verdict.notes.push(problem);
    verdict
}

/// A verdict that says nothing yet but what it is about.
fn verdict_of(scenario: &Scenario) -> Verdict {
    Verdict {
        format: FORMAT,
        scenario: scenario.name.clone(),
        file: words::file(scenario),
        seed: scenario.seed,
        clock: match scenario.clock {
            ClockKind::Virtual => "virtual",
            ClockKind::Real => "real",
        },
        hub: "embedded".to_owned(),
        outcome: Outcome::Passed,
        took_ms: 0,
        devices: 0,
        steps: Vec::new(),
        checks: Vec::new(),
        cohorts: Vec::new(),
        phases: BTreeMap::new(),
        wave: Vec::new(),
        notes: Vec::new(),
    }
}

/// Steps wait when the loop has so many messages to look at.
const INBOX_MESSAGES: usize = 1024;
