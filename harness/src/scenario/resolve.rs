//! What can only be judged of a whole scenario: that names name something, that nothing is there twice,
//! that the parts do not contradict each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::ast::{
    Check, ClockKind, Cohort, Invoke, Scenario, Shell, Step, StepKind, Target, Transport,
};
use super::fields::Mistakes;
use super::ids::IdPattern;
use super::load::LoadOptions;
use super::node::quote;
use super::read::{DEVICES_MAX, Read};
use super::span::{Span, Spanned};

/// Adds the mistakes of `scenario` to `mistakes`.
pub(super) fn resolve(read: &Read, options: LoadOptions<'_>, mistakes: &mut Mistakes) {
    let scenario = &read.scenario;
    let nothing_wrong = mistakes.all.is_empty();
    if scenario.fleet.is_empty() && nothing_wrong {
        let help = "for example `fleet: {pumps: {count: 10, behaviour: reboot}}`";
        mistakes.add_with_help(START, "the scenario has no fleet", help);
        return;
    }
    if scenario.steps.is_empty() && scenario.checks.is_empty() && nothing_wrong {
        let message = "nothing is done and nothing is checked";
        mistakes.add_with_help(START, message, "add `steps:` or `checks:`");
    }
    if scenario.fleet.len() > COHORTS_MAX {
        let message = format!(
            "the fleet has {} cohorts, more than {COHORTS_MAX}",
            scenario.fleet.len()
        );
        mistakes.add(START, message);
        return;
    }
    fleet(scenario, options, mistakes);
    let mut steps = Names::default();
    for step in &scenario.steps {
        collect_step(step, &mut steps, mistakes);
    }
    rounds(&scenario.steps, 1, mistakes);
    let resolver = Resolver {
        scenario,
        fleet_is_whole: read.fleet_is_whole && !scenario.fleet.is_empty(),
        patterns: patterns(scenario),
    };
    for step in &scenario.steps {
        resolver.step(step, mistakes);
    }
    let mut checks = Names::default();
    for check in &scenario.checks {
        resolver.target(&check.on, mistakes);
        if read.steps_are_whole {
            anchor(check, &steps, mistakes);
        }
        if let Some(name) = &check.name {
            let span = check.span;
            checks.add(name, span, "check", mistakes);
        }
    }
}

/// Names that were given, and where.
#[derive(Default)]
struct Names {
    given: BTreeMap<String, Span>,
    /// Names that steps have by their place.
    by_place: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, name: &str, span: Span, what: &str, mistakes: &mut Mistakes) {
        if let Some(first) = self.given.get(name) {
            let line = first.line;
            let message = format!("another {what} is named {} on line {line}", quote(name));
            mistakes.add(span, message);
        } else {
            self.given.insert(name.to_owned(), span);
        }
    }
}

fn fleet(scenario: &Scenario, options: LoadOptions<'_>, mistakes: &mut Mistakes) {
    let mut names = Names::default();
    let mut devices = 0_u64;
    for cohort in &scenario.fleet {
        let name = &cohort.name;
        names.add(&name.value, name.span, "cohort", mistakes);
        behaviour(scenario, cohort, options, mistakes);
        if cohort.is_external() && scenario.clock == ClockKind::Virtual {
            let message = "devices of others keep real time, and the clock is virtual";
            mistakes.add_with_help(cohort.behaviour.span, message, "say `clock: real`");
        }
        let sockets = matches!(
            cohort.transport,
            Transport::Mqtt | Transport::Mqtts | Transport::Wss
        );
        if sockets && scenario.clock == ClockKind::Virtual {
            let message = format!(
                "{} uses a socket, which has no virtual time",
                quote(&name.value)
            );
            let help = "say `clock: real`, or leave `transport` out";
            mistakes.add_with_help(name.span, message, help);
        }
        let before = devices;
        devices += u64::from(cohort.count);
        if before <= u64::from(DEVICES_MAX) && devices > u64::from(DEVICES_MAX) {
            let message = format!(
                "with this cohort the fleet has {devices} devices, more than {DEVICES_MAX}"
            );
            mistakes.add(name.span, message);
        }
    }
    if devices <= u64::from(DEVICES_MAX) {
        doubled_ids(scenario, mistakes);
    }
}

fn behaviour(
    scenario: &Scenario,
    cohort: &Cohort,
    options: LoadOptions<'_>,
    mistakes: &mut Mistakes,
) {
    let Spanned { value, span } = &cohort.behaviour;
    if cohort.is_external() {
        return;
    }
    if let Some(file) = scenario.behaviour_file(cohort) {
        if !Path::new(&file).is_file() {
            let message = format!(
                "there is no behaviour file {}",
                quote(&file.to_string_lossy())
            );
            mistakes.add(*span, message);
        }
    } else if !options.behaviours.is_empty() && !options.behaviours.contains(&value.as_str()) {
        let message = format!("there is no behaviour {}", quote(value));
        let known = options.behaviours.iter().copied();
        let known = known.chain(["external"]);
        mistakes.unknown(*span, message, value, known, "built in are");
    }
}

fn patterns(scenario: &Scenario) -> Vec<(IdPattern, &Cohort)> {
    let cohorts = scenario.fleet.iter();
    cohorts
        .filter_map(|cohort| Some((IdPattern::parse(&cohort.id).ok()?, cohort)))
        .collect()
}

/// A device and its copy, which take each other's connection over: one id, written out twice.
fn is_copy(one: &IdPattern, other: &IdPattern) -> bool {
    !one.is_numbered() && one == other
}

/// Only ids of cohorts whose patterns resemble each other are written out.
fn doubled_ids(scenario: &Scenario, mistakes: &mut Mistakes) {
    let patterns = patterns(scenario);
    let resembles = |index: usize| {
        let (pattern, _) = &patterns[index];
        let others = patterns.iter().enumerate();
        let mut others = others.filter(|(other, _)| *other != index);
        others.any(|(_, (other, _))| pattern.may_meet(other) && !is_copy(pattern, other))
    };
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for (index, (pattern, cohort)) in patterns.iter().enumerate() {
        if !resembles(index) {
            continue;
        }
        for number in 1..=cohort.count {
            let id = pattern.id(number);
            if let Some(owner) = owners.get(&id) {
                // Two cohorts of one name were noted already.
                if *owner != cohort.name.value {
                    let (id, owner) = (quote(&id), quote(owner));
                    let message = format!("the device {id} belongs to {owner} already");
                    mistakes.add(cohort.name.span, message);
                }
                break;
            }
            owners.insert(id, &cohort.name.value);
        }
    }
}

fn collect_step(step: &Step, names: &mut Names, mistakes: &mut Mistakes) {
    match &step.name {
        Some(name) => names.add(&name.value, name.span, "step", mistakes),
        None => _ = names.by_place.insert(step.label()),
    }
    for inner in step.kind.inner() {
        collect_step(inner, names, mistakes);
    }
}

/// Repeats inside repeats multiply.
fn rounds(steps: &[Step], outer: u64, mistakes: &mut Mistakes) {
    for step in steps {
        let mut all = outer;
        if let StepKind::Repeat { times, .. } = &step.kind {
            all = outer.saturating_mul(u64::from(*times));
            if all > ROUNDS_MAX {
                let message = format!(
                    "with the repeats around it this makes {all} rounds, more than {ROUNDS_MAX}"
                );
                mistakes.add(step.span, message);
                continue;
            }
        }
        rounds(step.kind.inner(), all, mistakes);
    }
}

fn anchor(check: &Check, steps: &Names, mistakes: &mut Mistakes) {
    let Some(after) = &check.after else { return };
    if steps.given.contains_key(&after.value) || steps.by_place.contains(&after.value) {
        return;
    }
    let known = steps.given.keys().map(String::as_str);
    let message = format!("no step is named {}", quote(&after.value));
    mistakes.unknown(after.span, message, &after.value, known, "there are");
}

struct Resolver<'a> {
    scenario: &'a Scenario,
    /// If not, a name that is not there may be one that could not be read.
    fleet_is_whole: bool,
    patterns: Vec<(IdPattern, &'a Cohort)>,
}

impl Resolver<'_> {
    fn step(&self, step: &Step, mistakes: &mut Mistakes) {
        match &step.kind {
            StepKind::Connect(on) | StepKind::Disconnect(on) | StepKind::Fault { on, .. } => {
                self.target(on, mistakes);
                self.ours(step, on, mistakes);
            }
            StepKind::Invoke(Invoke { on, .. })
            | StepKind::Patch { on, .. }
            | StepKind::Send { to: on, .. }
            | StepKind::Identity { on, .. }
            | StepKind::WaitUntil { on, .. } => self.target(on, mistakes),
            StepKind::Shell(shell) => self.shell(shell, mistakes),
            StepKind::NotBuilt(kind) => {
                let message = format!("steps of the kind {} are not built yet", quote(&kind.value));
                mistakes.add(kind.span, message);
            }
            StepKind::Parallel(_)
            | StepKind::Repeat { .. }
            | StepKind::Job(_)
            | StepKind::Query { .. }
            | StepKind::CutAllLinks
            | StepKind::Outage { .. }
            | StepKind::Throttle(_)
            | StepKind::Wait(_) => {}
        }
        for inner in step.kind.inner() {
            self.step(inner, mistakes);
        }
    }

    fn shell(&self, shell: &Shell, mistakes: &mut Mistakes) {
        let span = shell.command.span;
        if self.scenario.clock == ClockKind::Virtual {
            let message = "a shell command needs real time, and the clock is virtual";
            mistakes.add_with_help(span, message, "say `clock: real`");
        }
        if let Some(devices) = &shell.devices {
            self.target(devices, mistakes);
        }
    }

    /// Only virtual devices can be told to come, to go or to have trouble.
    fn ours(&self, step: &Step, on: &Target, mistakes: &mut Mistakes) {
        let means = |cohort: &Cohort| match on {
            Target::All => true,
            Target::Cohort(name) | Target::Share { of: name, .. } => {
                name.value == cohort.name.value
            }
            Target::Device(id) => IdPattern::parse(&cohort.id)
                .is_ok_and(|pattern| pattern.number(&id.value).is_some()),
        };
        let externals = self.scenario.fleet.iter().filter(|one| one.is_external());
        let Some(cohort) = externals.into_iter().find(|cohort| means(cohort)) else {
            return;
        };
        let name = quote(&cohort.name.value);
        let kind = step.kind.key();
        let message = format!("`{kind}` cannot reach the devices of {name}, which are external");
        let help = "name a virtual cohort; wait for others with `wait-until: {connected: true}`";
        mistakes.add_with_help(step.span, message, help);
    }

    fn target(&self, target: &Target, mistakes: &mut Mistakes) {
        match target {
            _ if !self.fleet_is_whole => {}
            Target::All => {}
            Target::Cohort(cohort) | Target::Share { of: cohort, .. } => {
                self.cohort(cohort, mistakes);
            }
            Target::Device(device) => self.device(device, mistakes),
        }
    }

    fn cohort(&self, name: &Spanned<String>, mistakes: &mut Mistakes) {
        let known = || {
            self.scenario
                .fleet
                .iter()
                .map(|cohort| cohort.name.value.as_str())
        };
        if known().any(|cohort| cohort == name.value) {
            return;
        }
        let message = format!("there is no cohort {}", quote(&name.value));
        if self.has_device(&name.value) {
            let help = format!("for one device write `{{device: {}}}`", name.value);
            mistakes.add_with_help(name.span, message, help);
            return;
        }
        mistakes.unknown(name.span, message, &name.value, known(), "there are");
    }

    fn has_device(&self, id: &str) -> bool {
        self.patterns.iter().any(|(pattern, cohort)| {
            pattern
                .number(id)
                .is_some_and(|number| number <= cohort.count)
        })
    }

    fn device(&self, id: &Spanned<String>, mistakes: &mut Mistakes) {
        if self.has_device(&id.value) {
            return;
        }
        let ranges: Vec<_> = self
            .patterns
            .iter()
            .take(SHOWN_MAX)
            .map(|(pattern, cohort)| match cohort.count {
                1 => pattern.id(1),
                count => format!("{} to {}", pattern.id(1), pattern.id(count)),
            })
            .collect();
        let message = format!("the fleet has no device {}", quote(&id.value));
        mistakes.add_with_help(id.span, message, format!("it has {}", ranges.join(", ")));
    }
}

/// Of a fleet.
const COHORTS_MAX: usize = 1000;
/// Rounds of repeats within repeats.
const ROUNDS_MAX: u64 = 1_000_000;
/// Cohorts of which a message shows the ids.
const SHOWN_MAX: usize = 5;
/// Where a mistake of the whole file is shown: at the file.
const START: Span = Span {
    source: 0,
    line: 0,
    column: 0,
};
