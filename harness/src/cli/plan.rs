//! `hubnerite plan`

use std::path::PathBuf;

use clap::Args;
use device_sim::behaviour::Program;
use hub_core::throttle::{METHOD_BLOCK_BYTES, Scale, Tier, blocks};
use serde_json::{Value, json};

use super::{CliError, say, say_json};
use crate::capacity::{Estimate, Load};
use crate::exit_code;
use crate::judge::verdict::Verdict;
use crate::output::table;
use crate::runner::{Plan, RunOptions, run_plan_blocking};
use crate::scenario::ast::{ClockKind, Scenario, Step, StepKind, Target};
use crate::scenario::{LoadOptions, load};

/// Work out which throttle binds for a fleet, on each tier, and for how long
///
/// What devices do is measured: a scenario is run in virtual time with a few of them and no throttle, and
/// what they did is counted for all. Without a scenario it is what the flags say. A minute's worth of
/// every rate goes at once, as the hub's traffic shaping allows; times are the least there can be.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite plan --devices 10000 --scenario scenarios/reboot.yaml
  hubnerite plan --devices 10000 --scenario scenarios/reboot.yaml --tier S1 --units 5
  hubnerite plan --devices 5000 --reports 24 --messages 288 --json")]
pub(super) struct PlanArgs {
    /// Devices of the fleet
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    devices: u32,
    /// Measure what a device does on this scenario
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Only this tier; default: all
    #[arg(long, value_name = "TIER")]
    tier: Option<Tier>,
    /// Units of the tier; default: 1
    #[arg(long, value_name = "NUMBER", requires = "tier")]
    units: Option<u16>,
    /// Connections of a device, the first included
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        conflicts_with = "scenario"
    )]
    connects: u32,
    /// Method calls on a device
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        conflicts_with = "scenario"
    )]
    methods: u32,
    /// Changes of a device's twin
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        conflicts_with = "scenario"
    )]
    reports: u32,
    /// Messages of a device
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        conflicts_with = "scenario"
    )]
    messages: u32,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: PlanArgs) -> Result<u8, CliError> {
    let scales = match (args.tier, args.units) {
        (None, _) => Tier::ALL.map(Scale::one).to_vec(),
        (Some(tier), units) => vec![
            Scale::new(tier, units.unwrap_or(1))
                .map_err(|error| CliError::usage(error.to_string()))?,
        ],
    };
    let load = match args.scenario.clone() {
        None => args.load(),
        Some(path) => {
            let devices = f64::from(args.devices);
            // A run in virtual time has a runtime of its own.
            let measured = tokio::task::spawn_blocking(move || measure(&path, devices)).await;
            measured.map_err(|error| CliError::could_not_run(error.to_string()))??
        }
    };
    let estimates: Vec<Estimate> = scales.into_iter().map(|scale| load.on(scale)).collect();
    if args.json {
        let estimates = serde_json::to_value(&estimates).unwrap_or(Value::Null);
        say_json(&json!({"devices": args.devices, "tiers": estimates}), true);
    } else {
        say(print(&args, &estimates).trim_end());
    }
    Ok(exit_code::OK)
}

impl PlanArgs {
    fn load(&self) -> Load {
        let devices = f64::from(self.devices);
        Load {
            registered: devices,
            connects: devices * f64::from(self.connects),
            methods: devices * f64::from(self.methods),
            twin_updates: devices * f64::from(self.reports),
            messages: devices * f64::from(self.messages),
            ..Load::default()
        }
    }
}

/// Runs the scenario with a few devices and counts.
fn measure(path: &std::path::Path, devices: f64) -> Result<Load, CliError> {
    let options = LoadOptions {
        behaviours: Program::built_in_names(),
        ..LoadOptions::default()
    };
    let wrong = |errors: crate::scenario::ScenarioErrors| CliError::usage(errors.to_string());
    let mut scenarios = load(path, options).map_err(wrong)?;
    let mut scenario = scenarios.swap_remove(0);
    scenario.clock = ClockKind::Virtual;
    scenario.hub.scale = None;
    let service = service_load(&scenario, devices);
    for cohort in &mut scenario.fleet {
        cohort.count = cohort.count.min(SAMPLE_DEVICES);
    }
    let plan = Plan::new(scenario).map_err(wrong)?;
    let verdict = run_plan_blocking(&plan, RunOptions::default());
    if verdict.devices == 0 {
        let why = verdict.notes.join("; ");
        return Err(CliError::could_not_run(format!(
            "the scenario has no devices to measure: {why}"
        )));
    }
    Ok(scaled(&verdict, devices, service))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a sample are small")]
fn scaled(verdict: &Verdict, devices: f64, service: Load) -> Load {
    let each = devices / verdict.devices as f64;
    let count = |phase: &str| {
        verdict
            .phases
            .get(phase)
            .map_or(0.0, |one| one.count as f64)
            * each
    };
    Load {
        registered: devices,
        connects: count("connect"),
        twin_updates: count("twinAck") + service.twin_updates,
        twin_reads: count("twinGet"),
        messages: count("messageAck"),
        ..service
    }
}

/// What the steps do by themselves, by the fleet's shares as the file has them.
fn service_load(scenario: &Scenario, devices: f64) -> Load {
    let mut load = Load::default();
    add_steps(scenario, &scenario.steps, devices, &mut load);
    load
}

fn add_steps(scenario: &Scenario, steps: &[Step], devices: f64, load: &mut Load) {
    for step in steps {
        match &step.kind {
            StepKind::Invoke(invoke) => {
                let payload = invoke
                    .payload
                    .as_ref()
                    .map_or(4, |one| one.to_string().len());
                let blocks = u32::try_from(blocks(payload, METHOD_BLOCK_BYTES)).unwrap_or(u32::MAX);
                load.methods += share(scenario, &invoke.on) * devices * f64::from(blocks);
            }
            StepKind::Patch { on, .. } => load.twin_updates += share(scenario, on) * devices,
            StepKind::Query { .. } => load.queries += (devices / QUERY_PAGE).ceil().max(1.0),
            StepKind::Parallel(steps) => add_steps(scenario, steps, devices, load),
            StepKind::Repeat { times, steps } => {
                for _ in 0..(*times).min(REPEATS_MAX) {
                    add_steps(scenario, steps, devices, load);
                }
            }
            _ => {}
        }
    }
}

/// Which part of the fleet a step is about.
fn share(scenario: &Scenario, target: &Target) -> f64 {
    let all: u32 = scenario.fleet.iter().map(|cohort| cohort.count).sum();
    let of = |name: &str| {
        let mut cohorts = scenario.fleet.iter().filter(|one| one.name.value == name);
        cohorts.next().map_or(0, |cohort| cohort.count)
    };
    let part = match target {
        Target::All => return 1.0,
        Target::Cohort(name) => f64::from(of(&name.value)),
        Target::Share { share, of: name } => share * f64::from(of(&name.value)),
        Target::Device(_) => 1.0,
    };
    part / f64::from(all.max(1))
}

fn print(args: &PlanArgs, estimates: &[Estimate]) -> String {
    let cell = |text: String| (text.clone(), text);
    let mut rows = Vec::new();
    for estimate in estimates {
        for phase in &estimate.phases {
            let binds = if estimate.binds == Some(phase.phase) {
                "binds"
            } else {
                ""
            };
            rows.push(vec![
                cell(format!("{} × {}", estimate.tier, estimate.units)),
                cell(phase.phase.to_owned()),
                cell(format!("{:.0}", phase.count)),
                cell(
                    phase
                        .per_minute
                        .map_or("-".to_owned(), |rate| rate.to_string()),
                ),
                cell(
                    phase
                        .seconds
                        .map_or("not in this tier".to_owned(), duration),
                ),
                cell(binds.to_owned()),
            ]);
        }
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = 100.0 * estimate.messages / estimate.messages_per_day as f64;
        rows.push(vec![
            cell(format!("{} × {}", estimate.tier, estimate.units)),
            cell("messages".to_owned()),
            cell(format!("{:.0}", estimate.messages)),
            cell(String::new()),
            cell(format!(
                "{share:.2} % of a day's {}",
                estimate.messages_per_day
            )),
        ]);
    }
    let source = if args.scenario.is_some() {
        "measured on a sample of devices in virtual time"
    } else {
        "as the flags say"
    };
    format!(
        "{}\n{} devices, what each does {source}.\n\
         Times are the least there can be: a minute's worth of each rate goes at once, the rest at the rate.\n\
         Messages are counted as one block each, methods as two.",
        table(
            &["TIER", "PHASE", "COUNT", "PER MINUTE", "AT LEAST", ""],
            &rows
        ),
        args.devices
    )
}

fn duration(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} min", (seconds / 60.0).ceil())
    }
}

/// Devices of each cohort that are measured.
const SAMPLE_DEVICES: u32 = 20;
/// Twins of a page of a query.
const QUERY_PAGE: f64 = 1000.0;
/// Rounds that are added up.
const REPEATS_MAX: u32 = 10_000;
