//! A scenario made ready to run: names resolved, bounds checked, behaviours read. Every mistake is found
//! here, before anything starts.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use device_sim::behaviour::Program;
use device_sim::device::Settings;
use device_sim::fleet::{Arrival, CohortPlan, FleetPlan, Transport};
use device_sim::netem::NetworkProfile;
use hub_core::HubError;
use hub_core::method::Timeouts;
use hub_core::query::{Condition, ConditionKind, Query};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::MethodName;

use super::roster::{Roster, Unknown};
use super::words;
use crate::judge::Membership;
use crate::scenario::ast::{
    self, ClockKind, Cohort, Invoke, InvokeExpectation, Scenario, Shell, Step, StepKind, Target,
};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::{ScenarioError, ScenarioErrors};

/// A scenario that can run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) scenario: Scenario,
    pub(super) roster: Roster,
    pub(super) fleet: FleetPlan,
    pub(super) membership: Membership,
}

impl Plan {
    /// Finds every mistake that the scenario's text alone does not show.
    pub fn new(scenario: Scenario) -> Result<Self, ScenarioErrors> {
        let mut problems = Problems::default();
        let roster = match Roster::new(&scenario.fleet, scenario.seed) {
            Ok(roster) => roster,
            Err((cohort, problem)) => {
                problems.add(scenario.fleet[cohort].name.span, problem);
                return Err(problems.of(&scenario));
            }
        };
        if roster.len() > DEVICES_MAX {
            let span = scenario.fleet[0].name.span;
            problems.add(
                span,
                format!(
                    "the fleet has {} devices, at most {DEVICES_MAX} are run",
                    roster.len()
                ),
            );
        }
        let fleet = plan_fleet(&scenario, &roster, &mut problems);
        let mut walk = Walk {
            clock: scenario.clock,
            roster: &roster,
            problems: &mut problems,
            anchors: BTreeSet::new(),
        };
        walk.steps(&scenario.steps, 0);
        let anchors = std::mem::take(&mut walk.anchors);
        let membership = plan_checks(&scenario, &roster, &anchors, &mut problems);
        if !problems.0.is_empty() {
            return Err(problems.of(&scenario));
        }
        Ok(Self {
            scenario,
            roster,
            fleet,
            membership,
        })
    }

    /// What its virtual devices speak.
    pub(crate) fn transports(&self) -> Vec<Transport> {
        let cohorts = self.fleet.cohorts.iter().zip(&self.scenario.fleet);
        let virtual_ones = cohorts.filter(|(_, spec)| !spec.is_external());
        virtual_ones.map(|(cohort, _)| cohort.transport).collect()
    }

    /// Whether programs that are not ours dial the hub, which then must be where they look for it.
    pub(super) fn has_outsiders(&self) -> bool {
        fn has_shell(steps: &[Step]) -> bool {
            let is_shell = |step: &Step| {
                matches!(step.kind, StepKind::Shell(_)) || has_shell(step.kind.inner())
            };
            steps.iter().any(is_shell)
        }
        self.scenario.fleet.iter().any(Cohort::is_external) || has_shell(&self.scenario.steps)
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }
}

#[derive(Debug, Default)]
struct Problems(Vec<ScenarioError>);

impl Problems {
    fn add(&mut self, span: Span, message: impl Into<String>) {
        self.0.push(ScenarioError {
            span,
            message: message.into(),
            help: None,
        });
    }

    fn add_with_help(&mut self, span: Span, message: impl Into<String>, help: String) {
        self.add(span, message);
        if let Some(last) = self.0.last_mut() {
            last.help = Some(help);
        }
    }

    fn target(&mut self, roster: &Roster, target: &Target) {
        match roster.choose(target) {
            Ok(_) => {}
            Err(Unknown::Cohort(name)) => {
                let known: Vec<_> = roster.cohorts().iter().map(|one| &*one.name).collect();
                let help = format!("the fleet has {}", list(&known));
                self.add_with_help(
                    name.span,
                    format!("there is no cohort `{}`", name.value),
                    help,
                );
            }
            Err(Unknown::Device(name)) => {
                self.add(
                    name.span,
                    format!("there is no device `{}` in the fleet", name.value),
                );
            }
        }
    }

    /// What is done to devices and not to identities is done to one of two that share an id: to which is
    /// not said by a device's name, nor by a share.
    fn double(&mut self, roster: &Roster, target: &Target, span: Span) {
        if !matches!(target, Target::Device(_) | Target::Share { .. }) {
            return;
        }
        let chosen = roster.choose(target).map(|chosen| chosen.devices);
        let chosen = chosen.unwrap_or_default();
        if let Some([id, one, other]) = roster.doubled(&chosen) {
            let problem = format!("`{id}` is a device of {one} and one of {other}");
            self.add_with_help(span, problem, format!("name the cohort: {one} or {other}"));
        }
    }

    fn of(mut self, scenario: &Scenario) -> ScenarioErrors {
        self.0.sort_by_key(|problem| problem.span);
        ScenarioErrors {
            sources: scenario.sources.clone(),
            errors: self.0,
        }
    }
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "no cohorts".to_owned(),
        names => names.join(", "),
    }
}

fn plan_fleet(scenario: &Scenario, roster: &Roster, problems: &mut Problems) -> FleetPlan {
    let mut cohorts = Vec::new();
    for (cohort, members) in scenario.fleet.iter().zip(roster.cohorts()) {
        if cohort.is_external() {
            cohorts.push(plan_external(scenario.clock, cohort, problems));
            continue;
        }
        let transport = match plan_transport(scenario.clock, cohort) {
            Ok(transport) => transport,
            Err(problem) => {
                problems.add(cohort.name.span, problem);
                continue;
            }
        };
        let program = match load_behaviour(scenario, cohort) {
            Ok(program) => program,
            Err(problem) => {
                problems.add(cohort.behaviour.span, problem);
                continue;
            }
        };
        cohorts.push(CohortPlan {
            name: Arc::clone(&members.name),
            // Come with their keys, which the hub has.
            devices: Vec::new(),
            settings: Settings {
                program,
                token_life: cohort.token_life,
                ..Settings::default()
            },
            arrival: plan_arrival(cohort.arrive),
            network: NetworkProfile {
                delay_least: cohort.network.delay_least,
                delay_most: cohort.network.delay_most,
                cuts_per_minute: cohort.network.cuts_per_minute,
            },
            transport,
            autostart: cohort.autostart,
        });
    }
    FleetPlan {
        seed: scenario.seed,
        cohorts,
    }
}

/// A cohort without devices, so that those after it keep their places.
fn plan_external(clock: ClockKind, cohort: &Cohort, problems: &mut Problems) -> CohortPlan {
    if clock == ClockKind::Virtual {
        let problem = "external devices keep real time, this run virtual time";
        problems.add(cohort.behaviour.span, problem);
    }
    CohortPlan {
        name: cohort.name.value.as_str().into(),
        devices: Vec::new(),
        settings: Settings::default(),
        arrival: Arrival::Burst,
        network: NetworkProfile::default(),
        transport: Transport::Mqtts,
        autostart: false,
    }
}

fn plan_arrival(arrival: ast::Arrival) -> Arrival {
    match arrival {
        ast::Arrival::Burst => Arrival::Burst,
        ast::Arrival::Rate(rate) => Arrival::Rate(rate),
        ast::Arrival::Over(time) => Arrival::Over(time),
    }
}

fn plan_transport(clock: ClockKind, cohort: &Cohort) -> Result<Transport, String> {
    Ok(match (clock, cohort.transport) {
        (ClockKind::Virtual, ast::Transport::Auto | ast::Transport::Memory) => Transport::Memory,
        (ClockKind::Virtual, other) => {
            return Err(format!(
                "cohort `{}`: {} needs sockets, which keep real time; add `clock: real`, or leave \
                 `transport` out",
                cohort.name.value,
                transport_name(other)
            ));
        }
        (ClockKind::Real, ast::Transport::Auto | ast::Transport::Mqtts) => Transport::Mqtts,
        (ClockKind::Real, ast::Transport::Mqtt) => Transport::Mqtt,
        (ClockKind::Real, ast::Transport::Wss) => Transport::Wss,
        (ClockKind::Real, ast::Transport::Memory) => {
            return Err(format!(
                "cohort `{}`: `transport: memory` is for `clock: virtual`",
                cohort.name.value
            ));
        }
    })
}

fn transport_name(transport: ast::Transport) -> &'static str {
    match transport {
        ast::Transport::Auto => "`transport: auto`",
        ast::Transport::Memory => "`transport: memory`",
        ast::Transport::Mqtt => "`transport: mqtt`",
        ast::Transport::Mqtts => "`transport: mqtts`",
        ast::Transport::Wss => "`transport: wss`",
    }
}

fn load_behaviour(scenario: &Scenario, cohort: &Cohort) -> Result<Arc<Program>, String> {
    let name = &cohort.behaviour;
    let program = if let Some(program) = Program::built_in(&name.value) {
        program
    } else {
        Arc::new(read_behaviour(scenario, name)?)
    };
    if cohort.with.is_empty() {
        return Ok(program);
    }
    program
        .with(&cohort.with)
        .map_err(|error| with_help(&error.message, error.help.as_deref()))
}

/// A behaviour of one's own, from a file beside the scenario.
fn read_behaviour(scenario: &Scenario, name: &Spanned<String>) -> Result<Program, String> {
    let source = scenario.sources.get(usize::from(name.span.source));
    let folder = source.and_then(|source| Path::new(&*source.path).parent());
    let path = folder.unwrap_or(Path::new("")).join(&name.value);
    let text = read_bounded(&path).map_err(|problem| {
        let built_in = Program::built_in_names().join(", ");
        format!(
            "no built-in behaviour and no file is called `{}` ({problem}); built in are {built_in}",
            name.value
        )
    })?;
    Program::parse(&text, &path.display().to_string())
        .map_err(|error| with_help(&error.to_string(), error.help.as_deref()))
}

fn with_help(message: &str, help: Option<&str>) -> String {
    match help {
        Some(help) => format!("{message}; {help}"),
        None => message.to_owned(),
    }
}

fn read_bounded(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if size > BEHAVIOUR_BYTES_MAX {
        return Err(format!(
            "it has {size} bytes, at most {BEHAVIOUR_BYTES_MAX} are read"
        ));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Goes through the steps and what is inside them.
struct Walk<'a> {
    clock: ClockKind,
    roster: &'a Roster,
    problems: &'a mut Problems,
    /// Every name a check may count from.
    anchors: BTreeSet<String>,
}

impl Walk<'_> {
    fn steps(&mut self, steps: &[Step], depth: u32) {
        for step in steps {
            let anchor = words::anchor(step);
            if !self.anchors.insert(anchor)
                && let Some(name) = &step.name
            {
                let problem = format!("another step is called `{}` already", name.value);
                self.problems.add(name.span, problem);
            }
            if depth > DEPTH_MAX {
                self.problems.add(
                    step.span,
                    format!("steps are nested more than {DEPTH_MAX} deep"),
                );
                continue;
            }
            self.step(step, depth);
        }
    }

    fn step(&mut self, step: &Step, depth: u32) {
        match &step.kind {
            StepKind::Connect(on) | StepKind::Disconnect(on) | StepKind::Fault { on, .. } => {
                self.problems.target(self.roster, on);
                self.problems.double(self.roster, on, step.span);
            }
            StepKind::Patch { on, .. }
            | StepKind::Send { to: on, .. }
            | StepKind::Identity { on, .. }
            | StepKind::WaitUntil { on, .. } => self.problems.target(self.roster, on),
            StepKind::Invoke(invoke) => self.invoke(invoke),
            StepKind::Query { text, .. } => {
                if let Err(error) = Query::parse(&text.value) {
                    let error = HubError::from(error);
                    self.problems.add(text.span, error.to_string());
                }
            }
            StepKind::Job(job) => {
                if let Err(error) = Condition::parse(&job.condition.value, ConditionKind::Job) {
                    let error = HubError::from(error);
                    self.problems.add(job.condition.span, error.to_string());
                }
            }
            StepKind::CutAllLinks
            | StepKind::Outage { .. }
            | StepKind::Throttle(_)
            | StepKind::Wait(_) => {}
            StepKind::Parallel(steps) | StepKind::Repeat { steps, .. } => {
                self.steps(steps, depth + 1);
            }
            StepKind::Shell(shell) => self.shell(shell),
            StepKind::NotBuilt(name) => {
                let problem = format!("`{}` is not built yet", name.value);
                self.problems.add(name.span, problem);
            }
        }
    }

    fn shell(&mut self, shell: &Shell) {
        let span = shell.command.span;
        if self.clock == ClockKind::Virtual {
            let problem = "a shell command takes real time, this run virtual time";
            self.problems.add(span, problem);
        }
        let Some(devices) = &shell.devices else {
            return;
        };
        self.problems.target(self.roster, devices);
        let count = self
            .roster
            .choose(devices)
            .map_or(0, |one| one.devices.len());
        if count > PROCESSES_MAX {
            let problem = format!("{count} processes at once, at most {PROCESSES_MAX} are started");
            self.problems.add(span, problem);
        }
    }

    fn invoke(&mut self, invoke: &Invoke) {
        self.problems.target(self.roster, &invoke.on);
        let span = invoke.method.span;
        if let Err(error) = MethodName::parse(&invoke.method.value) {
            self.problems.add(span, error.to_string());
        }
        if let Err(error) = timeouts(invoke) {
            self.problems.add(span, error);
        }
        if invoke
            .rate
            .is_some_and(|rate| !(rate > 0.0 && rate.is_finite()))
            || invoke.in_flight == 0
        {
            self.problems
                .add(span, "`rate` and `in-flight` must be above zero");
        }
        if let InvokeExpectation::Error(name) = &invoke.expect
            && !ErrorCode::ALL.iter().any(|code| code.name() == name.value)
        {
            let nearest = ErrorCode::ALL
                .iter()
                .map(|code| code.name())
                .min_by_key(|code| strsim::damerau_levenshtein(code, &name.value));
            self.problems.add_with_help(
                name.span,
                format!("the hub has no error `{}`", name.value),
                format!("did you mean `{}`?", nearest.unwrap_or_default()),
            );
        }
    }
}

/// A call's time-outs as the hub takes them: whole seconds within its bounds.
pub(super) fn timeouts(invoke: &Invoke) -> Result<Timeouts, String> {
    let seconds = |time: Duration| {
        let whole = i64::try_from(time.as_secs())
            .ok()
            .filter(|_| time.subsec_nanos() == 0);
        whole.ok_or_else(|| format!("{time:?}: the hub takes whole seconds"))
    };
    let (response, connect) = (
        seconds(invoke.response_timeout)?,
        seconds(invoke.connect_timeout)?,
    );
    Timeouts::checked(Some(response), Some(connect)).map_err(|error| error.to_string())
}

fn plan_checks(
    scenario: &Scenario,
    roster: &Roster,
    anchors: &BTreeSet<String>,
    problems: &mut Problems,
) -> Membership {
    let mut membership = members(roster);
    for (index, check) in scenario.checks.iter().enumerate() {
        problems.target(roster, &check.on);
        if let (Target::Share { .. }, Ok(chosen)) = (&check.on, roster.choose(&check.on)) {
            membership.drawn.insert(index, chosen.devices);
        }
        if let Some(after) = &check.after
            && !anchors.contains(&after.value)
        {
            let known: Vec<_> = anchors.iter().map(String::as_str).collect();
            let help = format!("the steps are called {}", known.join(", "));
            let problem = format!("there is no step `{}`", after.value);
            problems.add_with_help(after.span, problem, help);
        }
    }
    membership
}

/// The cohorts, as a judge wants them.
pub(super) fn members(roster: &Roster) -> Membership {
    let cohorts = roster.cohorts().iter();
    Membership {
        cohorts: cohorts
            .map(|cohort| (cohort.name.to_string(), cohort.devices.clone()))
            .collect(),
        ..Membership::default()
    }
}

/// The name that an embedded hub answers to.
pub(super) const HOST: &str = "localhost";
/// As many identities as a hub has.
const DEVICES_MAX: usize = 1_000_000;
const DEPTH_MAX: u32 = 8;
/// Started by one `shell` step.
const PROCESSES_MAX: usize = 64;
const BEHAVIOUR_BYTES_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::test_scenario::{booted, cohort, invoke, scenario, shell, spanned, step};

    fn problems(scenario: Scenario) -> Vec<String> {
        let errors = Plan::new(scenario).unwrap_err().errors;
        errors.into_iter().map(|error| error.message).collect()
    }

    #[test]
    fn a_scenario_without_mistakes_is_a_plan() {
        let steps = vec![step(StepKind::Invoke(invoke(Target::All, "reboot")))];
        let checks = vec![booted(Duration::from_secs(10))];
        let plan = Plan::new(scenario(vec![cohort("pumps", 3)], steps, checks)).unwrap();
        assert_eq!(plan.roster.len(), 3);
        assert_eq!(plan.fleet.cohorts[0].transport, Transport::Memory);
        assert_eq!(plan.membership.cohorts[0].1.len(), 3);
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let mut call = invoke(Target::Cohort(spanned("pump")), "re/boot");
        call.response_timeout = Duration::from_millis(1500);
        call.expect = InvokeExpectation::Error(spanned("DeviceNotOnlin"));
        let mut check = booted(Duration::from_secs(1));
        check.after = Some(spanned("nowhere"));
        let mut bad = cohort("pumps", 1);
        bad.behaviour = spanned("no-such-behaviour");
        let steps = vec![
            step(StepKind::Invoke(call)),
            step(StepKind::NotBuilt(spanned("upload"))),
        ];
        let found = problems(scenario(vec![bad], steps, vec![check]));
        for part in [
            "no built-in behaviour and no file is called `no-such-behaviour`",
            "there is no cohort `pump`",
            "method name contains '/'",
            "1.5s: the hub takes whole seconds",
            "the hub has no error `DeviceNotOnlin`",
            "`upload` is not built yet",
            "there is no step `nowhere`",
        ] {
            assert!(
                found.iter().any(|problem| problem.contains(part)),
                "{part}: {found:?}"
            );
        }
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn what_needs_real_time_is_refused_in_virtual_time() {
        let mut wss = cohort("pumps", 1);
        wss.transport = ast::Transport::Wss;
        let mut external = cohort("others", 1);
        external.behaviour = spanned("external");
        let shell = step(StepKind::Shell(shell("true")));
        let found = problems(scenario(vec![wss, external], vec![shell], Vec::new()));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found.iter().all(|problem| problem.contains("real time")),
            "{found:?}"
        );
    }
}
