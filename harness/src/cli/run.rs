//! `hubnerite run`

use std::path::{Path, PathBuf};

use clap::Args;
use device_sim::behaviour::Program;
use tokio::sync::watch;

use super::signals::Signals;
use super::{CliError, say};
use crate::admin_client::DEFAULT_URL;
use crate::device_side::Reach;
use crate::exit_code;
use crate::judge::verdict::{Outcome, Verdict};
use crate::live;
use crate::output::style::{BAD, paint};
use crate::report::baseline::{Baseline, Gate, GateOutcome};
use crate::report::{self, Destination, ReportKind, ReportRequest};
use crate::runner::{Elsewhere, Plan, RunOptions, run_plan_blocking};
use crate::scenario::ast::{ClockKind, Scenario};
use crate::scenario::{LoadOptions, ScenarioErrors, load};
use crate::secret::Secret;
use crate::settings::default_ca_dir;
use crate::target::{AdminTarget, HubName, HubTarget};

/// Run scenarios: a hub, a fleet, and a judge
///
/// Each file describes devices, what is done to them, and what must hold. Hub and devices run in this
/// process; unless the file says `clock: real`, in virtual time, where nothing waits and the same seed
/// gives the same report byte for byte. Every mistake in every file is shown before anything starts.
/// What the files can say is in scenarios/README.md.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite run scenarios/reboot.yaml
  hubnerite run scenarios/reboot.yaml --seed 7 --report html=reboot.html --report junit=out.xml
  hubnerite run scenarios/*.yaml --fail-fast
  hubnerite run wave.yaml --clock real --hub \"$IOTHUB_CONNECTION_STRING\"
  hubnerite run nightly.yaml --baseline yesterday.json --fail-on 'p99.method > +20%'

Exit codes:
  0  all passed      1  a step or check failed, or a --fail-on is true
  2  a mistake in a file or in the arguments; nothing was run
  3  could not run   130, 143  interrupted; what had happened was judged and reported")]
pub(super) struct RunArgs {
    /// Scenario files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Give a variable of the files another value (repeatable)
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// Everything random comes from NUMBER; default: the files' own
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Keep this time, whatever the files say
    #[arg(long, value_name = "CLOCK")]
    clock: Option<Clock>,
    /// Run only scenarios with this tag (repeatable: with any of them)
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Write a report: human, junit, json, tap or html; FILE may be - (repeatable)
    #[arg(long = "report", value_name = "KIND=FILE")]
    reports: Vec<ReportRequest>,
    /// The JSON report on stdout, and nothing else
    #[arg(long)]
    json: bool,
    /// Stop after the first scenario that does not pass
    #[arg(long)]
    fail_fast: bool,
    /// Look for mistakes in the files, run nothing
    #[arg(long)]
    check: bool,
    /// Compare with a report written by --report json=FILE
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Fail if this is so, as in 'p99.method > +20%' (repeatable)
    #[arg(long = "fail-on", value_name = "EXPRESSION")]
    gates: Vec<Gate>,
    /// Keep the certificate authority in DIR (real time only); default: the user's data folder
    #[arg(long, value_name = "DIR", env = "HUBNERITE_CA", hide_env_values = true)]
    ca: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: ElsewhereArgs,
}

/// A hub of another process.
#[derive(Args, Debug)]
struct ElsewhereArgs {
    /// Judge the running hub of this connection string, in real time: a Hubnerite by its event log, an IoT
    /// Hub by polling its twins; devices are made and removed
    #[arg(long, value_name = "CONNECTION_STRING")]
    hub: Option<Secret>,
    /// Find that hub's event log by its admin API; default: beside its address
    #[arg(
        long = "admin",
        value_name = "URL",
        env = "HUBNERITE_ADMIN_URL",
        hide_env_values = true,
        default_value = DEFAULT_URL
    )]
    admin: String,
    /// Dial this port of that hub instead of 443; default: the one that a Hubnerite tells
    #[arg(long, value_name = "PORT", requires = "hub")]
    https_port: Option<u16>,
    /// Leave the devices registered that were made in the hub of --hub
    #[arg(long, requires = "hub")]
    keep_devices: bool,
}

/// As on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Clock {
    /// The wall's; devices speak MQTT over TLS
    Real,
    /// Jumps to the next thing to do; everything is in memory
    Virtual,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) async fn run(args: RunArgs) -> Result<u8, CliError> {
    if args.baseline.is_none() && args.gates.iter().any(Gate::needs_baseline) {
        let problem = "a --fail-on compares with a previous run";
        return Err(
            CliError::usage(problem).with_remedy("name its JSON report with --baseline FILE")
        );
    }
    let baseline = args.baseline.as_deref().map(Baseline::load).transpose();
    let baseline = baseline.map_err(|error| CliError::usage(error.to_string()))?;
    let plans = load_all(&args)?;
    if args.check {
        let plural = if plans.len() == 1 { "" } else { "s" };
        say(format_args!(
            "{} scenario{plural}, no mistakes",
            plans.len()
        ));
        return Ok(exit_code::OK);
    }
    let mut signals = Signals::listen()
        .map_err(|error| CliError::could_not_run(format!("cannot listen for signals: {error}")))?;
    let hub = elsewhere(&args, &plans).await?;
    let (verdicts, interrupted_by) = run_all(&args, hub.as_ref(), plans, &mut signals).await?;
    let reported = tell(&args, &verdicts);
    let gates_hold = judge_gates(&args, &verdicts, baseline.as_ref());
    if let Some(code) = interrupted_by {
        return Ok(code);
    }
    reported?;
    Ok(worst(&verdicts).max(gates_hold))
}

/// Every scenario of every file, ready to run; or every mistake.
fn load_all(args: &RunArgs) -> Result<Vec<(PathBuf, Plan)>, CliError> {
    let options = LoadOptions {
        variables: &args.variables,
        behaviours: Program::built_in_names(),
    };
    let (mut plans, mut mistakes) = (Vec::new(), Vec::<ScenarioErrors>::new());
    for file in &args.files {
        let scenarios = match load(file, options) {
            Ok(scenarios) => scenarios,
            Err(errors) => {
                mistakes.push(errors);
                continue;
            }
        };
        for mut scenario in scenarios {
            args.adjust(&mut scenario);
            match args.holds(&scenario).and_then(|()| Plan::new(scenario)) {
                Ok(plan) => plans.push((file.clone(), plan)),
                Err(errors) => mistakes.push(errors),
            }
        }
    }
    refuse(mistakes)?;
    plans.retain(|(_, plan)| args.is_wanted(plan.scenario()));
    if plans.is_empty() {
        return Err(CliError::usage(format!(
            "no scenario has the tag {}",
            args.tags.join(" or ")
        )));
    }
    Ok(plans)
}

/// Shows every mistake, if there are any.
fn refuse(mut mistakes: Vec<ScenarioErrors>) -> Result<(), CliError> {
    if mistakes.is_empty() {
        return Ok(());
    }
    let count: usize = mistakes.iter().map(|errors| errors.errors.len()).sum();
    // Rows of a table share their mistakes.
    mistakes.dedup();
    let shown: Vec<String> = mistakes.iter().map(ScenarioErrors::render).collect();
    let plural = if count == 1 { "" } else { "s" };
    say_on_stderr(shown.join("\n").trim_end());
    Err(CliError::usage(format!(
        "{count} mistake{plural}; nothing was run"
    )))
}

impl RunArgs {
    fn adjust(&self, scenario: &mut Scenario) {
        if let Some(seed) = self.seed {
            scenario.seed = seed;
        }
        match self.clock {
            Some(Clock::Real) => scenario.clock = ClockKind::Real,
            Some(Clock::Virtual) => scenario.clock = ClockKind::Virtual,
            None => {}
        }
    }

    /// Whether nothing in it needs a hub of its own where it has none.
    fn holds(&self, scenario: &Scenario) -> Result<(), ScenarioErrors> {
        match &self.elsewhere.hub {
            Some(_) => Elsewhere::refuse(scenario),
            None => Ok(()),
        }
    }

    fn is_wanted(&self, scenario: &Scenario) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|tag| scenario.tags.contains(tag))
    }

    /// The command that plays a run again.
    fn replay(&self, file: &Path, seed: u64) -> String {
        let mut command = format!(
            "hubnerite run {} --seed {seed}",
            quoted(&file.display().to_string())
        );
        for (name, value) in &self.variables {
            command += " --var ";
            command += &quoted(&format!("{name}={value}"));
        }
        command
    }

    /// Whether a report takes stdout for itself.
    fn stdout_is_taken(&self) -> bool {
        let to_stdout = |report: &ReportRequest| report.destination == Destination::Stdout;
        self.json || self.reports.iter().any(to_stdout)
    }
}

/// For a shell, if it needs that.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/=:+,@%".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The hub of --hub: a Hubnerite that runs, whose event log is judged, or any hub, whose twins are.
async fn elsewhere(
    args: &RunArgs,
    plans: &[(PathBuf, Plan)],
) -> Result<Option<Elsewhere>, CliError> {
    let Some(hub) = &args.elsewhere.hub else {
        return Ok(None);
    };
    let target = HubTarget {
        hub: Some(hub.clone()),
        https_port: args.elsewhere.https_port,
        ca: args.ca.clone(),
        name: HubName::default(),
        admin: AdminTarget {
            url: args.elsewhere.admin.clone(),
        },
    };
    let reached = target.reach().await?;
    let host = reached.credential.host_name.clone();
    if reached.told.is_null() {
        let refused = plans
            .iter()
            .filter_map(|(_, plan)| Elsewhere::refuse_polled(plan.scenario()).err());
        refuse(refused.collect())?;
    }
    let reach = Reach::find(&target, Some(&reached), None).await?;
    let mut transports: Vec<_> = plans
        .iter()
        .flat_map(|(_, plan)| plan.transports())
        .collect();
    transports.sort_unstable_by_key(|transport| *transport as u8);
    transports.dedup();
    Ok(Some(Elsewhere {
        endpoints: reach.all_endpoints(&transports).await?,
        admin: (!reached.told.is_null()).then(|| target.admin_at(&host)),
        reached,
        keep_devices: args.elsewhere.keep_devices,
    }))
}

/// One scenario after the other; and the exit code of the signal that ended it early.
async fn run_all(
    args: &RunArgs,
    hub: Option<&Elsewhere>,
    plans: Vec<(PathBuf, Plan)>,
    signals: &mut Signals,
) -> Result<(Vec<Verdict>, Option<u8>), CliError> {
    let mut verdicts = Vec::new();
    for (file, plan) in plans {
        let (ask, interrupt) = watch::channel(false);
        let options = RunOptions {
            replay: Some(args.replay(&file, plan.scenario().seed)),
            ca_dir: match &args.ca {
                Some(dir) => Some(dir.clone()),
                None => default_ca_dir().ok(),
            },
            hub: hub.cloned(),
            interrupt,
            observer: live::observer(args.json),
        };
        // A runtime of its own, so that its clock may jump while this one tells signals.
        let mut running = tokio::task::spawn_blocking(move || run_plan_blocking(&plan, options));
        let mut interrupted_by = None;
        let verdict = loop {
            tokio::select! {
                verdict = &mut running => break verdict,
                ending = signals.next() => {
                    if interrupted_by.is_some() {
                        // The second signal does not wait for order.
                        return Ok((verdicts, Some(ending.exit_code())));
                    }
                    interrupted_by = Some(ending.exit_code());
                    ask.send_replace(true);
                }
            }
        };
        let verdict = verdict
            .map_err(|error| CliError::could_not_run(format!("the run broke off: {error}")))?;
        let passed = verdict.outcome == Outcome::Passed;
        verdicts.push(verdict);
        if interrupted_by.is_some() || (args.fail_fast && !passed) {
            return Ok((verdicts, interrupted_by));
        }
    }
    Ok((verdicts, None))
}

/// Prints and writes the reports.
fn tell(args: &RunArgs, verdicts: &[Verdict]) -> Result<(), CliError> {
    if args.json {
        say(report::render(ReportKind::Json, verdicts).trim_end());
    } else if !args.stdout_is_taken() {
        say(report::render(ReportKind::Human, verdicts).trim_end());
    }
    let written = report::write(&args.reports, verdicts);
    let failed: Vec<_> = written.err().unwrap_or_default();
    let is_written = |report: &&ReportRequest| {
        let is_it = |error: &report::ReportError| {
            error.kind == report.kind && error.destination == report.destination
        };
        report.destination != Destination::Stdout && !failed.iter().any(is_it)
    };
    for report in args.reports.iter().filter(is_written) {
        say_on_stderr(&format!("{} report in {}", report.kind, report.destination));
    }
    if failed.is_empty() {
        return Ok(());
    }
    let problems: Vec<String> = failed.iter().map(ToString::to_string).collect();
    Err(CliError::could_not_run(problems.join("; ")))
}

/// Says which gates are broken; the exit code that follows.
fn judge_gates(args: &RunArgs, verdicts: &[Verdict], baseline: Option<&Baseline>) -> u8 {
    let mut code = exit_code::OK;
    for gate in &args.gates {
        for result in gate.evaluate(verdicts, baseline) {
            code = code.max(match result.outcome {
                GateOutcome::Held => continue,
                GateOutcome::Broken => exit_code::FAILED,
                GateOutcome::NotJudged => exit_code::COULD_NOT_RUN,
            });
            say_on_stderr(&format!(
                "{} --fail-on '{}': {}: {}",
                paint(BAD, "gate:"),
                result.gate,
                result.scenario,
                result.words
            ));
        }
    }
    code
}

fn worst(verdicts: &[Verdict]) -> u8 {
    let codes = verdicts.iter().map(|verdict| match verdict.outcome {
        Outcome::Passed => exit_code::OK,
        Outcome::Failed => exit_code::FAILED,
        Outcome::Error | Outcome::Skipped => exit_code::COULD_NOT_RUN,
    });
    codes.max().unwrap_or(exit_code::OK)
}

fn say_on_stderr(text: &str) {
    use std::io::Write;
    // Nobody listens; there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_can_be_pasted_into_a_shell() {
        for (text, expected) in [
            ("scenarios/reboot.yaml", "scenarios/reboot.yaml"),
            ("my file.yaml", "'my file.yaml'"),
            ("it's", r"'it'\''s'"),
            ("a;b", "'a;b'"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn a_variable_has_a_name_and_a_value() {
        assert_eq!(variable("n=1=2"), Ok(("n".to_owned(), "1=2".to_owned())));
        assert!(variable("n").is_err());
    }
}
