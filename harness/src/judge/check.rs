//! One check: its rule on each of its devices, their count, its deadlines and its counterexample.

use std::collections::VecDeque;
use std::time::Duration;

use super::condition::{Kinds, Moment, Test};
use super::counterexample::{Cause, Evidence, Failure};
use super::device::Device;
use super::membership::ReplayContext;
use super::monitor::{Change, Monitor, Phase, Rule};
use super::verdict::{CheckResult, Counterexample, Outcome};
use super::watched::Watched;
use super::words;
use super::{engine::CheckTally, replay};
use crate::scenario::ast;
use crate::scenario::span::Span;

/// Everything a check reads of the judge while it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) now: Duration,
    pub(super) devices: &'a [Device],
    pub(super) watched: &'a Watched,
}

/// One check.
#[derive(Debug)]
pub(super) struct Check {
    /// In words.
    name: String,
    /// As given by the file, what is expected in words.
    expected: String,
    span: Span,
    /// The step it counts from.
    after: Option<String>,
    rule: Rule,
    kinds: Kinds,
    is_momentary: bool,
    /// Devices that must pass.
    needed: u64,
    anchor: Option<Duration>,
    monitors: Vec<Monitor>,
    passed: u64,
    failed: u64,
    waiting: u64,
    /// Whether `within` is over.
    is_overdue: bool,
    /// When each `stays` that has begun will have lasted; in order, for all last equally long.
    lasting: VecDeque<(Duration, u32)>,
    /// Devices in the condition (`at-once`), and the most there were.
    together: u64,
    most_together: (u64, Duration),
    evidence: Evidence,
}

impl Check {
    /// A check of these devices, not anchored yet.
    pub(super) fn new(check: &ast::Check, devices: Vec<u32>, watched: &mut Watched) -> Self {
        let rule = Rule::new(&check.rule, watched);
        let expected = words::check(check);
        let conditions = match &check.rule {
            ast::Rule::InOrder { conditions, .. } => {
                conditions.iter().map(words::condition).collect()
            }
            ast::Rule::Eventually { .. }
            | ast::Rule::Never(_)
            | ast::Rule::Stays { .. }
            | ast::Rule::Times { .. }
            | ast::Rule::AtOnce { .. } => Vec::new(),
        };
        Self {
            name: check.name.clone().unwrap_or_else(|| expected.clone()),
            expected,
            span: check.span,
            after: check.after.as_ref().map(|step| step.value.clone()),
            kinds: rule.kinds(),
            is_momentary: rule.is_momentary(),
            needed: needed(check.share, devices.len()),
            rule,
            anchor: None,
            monitors: devices.into_iter().map(Monitor::new).collect(),
            passed: 0,
            failed: 0,
            waiting: 0,
            is_overdue: false,
            lasting: VecDeque::new(),
            together: 0,
            most_together: (0, Duration::ZERO),
            evidence: Evidence::new(conditions),
        }
    }

    /// Whether the start of this step anchors it; `None` is the scenario's start.
    pub(super) fn is_anchored_by(&self, step: Option<&str>) -> bool {
        self.anchor.is_none() && self.after.as_deref() == step
    }

    /// Whether its step has started.
    pub(super) fn is_anchored(&self) -> bool {
        self.anchor.is_some()
    }

    /// The devices it is about, by their place among its monitors.
    pub(super) fn devices(&self) -> impl Iterator<Item = u32> {
        self.monitors.iter().map(|monitor| monitor.device)
    }

    /// Which kinds of fact it speaks of.
    pub(super) fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// Counts from now on. Says which monitors are open afterwards.
    pub(super) fn start(&mut self, scene: Scene<'_>) -> Vec<u32> {
        self.anchor = Some(scene.now);
        let mut open = Vec::new();
        for place in 0..self.monitors.len() {
            let monitor = &mut self.monitors[place];
            let device = &scene.devices[monitor.device as usize];
            let holds = |test: &Test| test.holds(device, None);
            let change = monitor.start(&self.rule, scene.now, &holds);
            self.waiting += u64::from(monitor.is_waiting(&self.rule));
            // It did not wait before, so a decision must not be counted off.
            self.settle(place, change, false, device, scene);
            if self.is_open(place) {
                open.push(u32::try_from(place).expect("fewer than 2^32 devices"));
            }
        }
        open
    }

    /// Asks the monitor about a fact. Says whether it stays open.
    pub(super) fn ask(
        &mut self,
        place: u32,
        kinds: Kinds,
        device: &Device,
        moment: &Moment<'_>,
        scene: Scene<'_>,
    ) -> bool {
        let place = place as usize;
        if kinds.meets(self.kinds) && self.is_open(place) {
            self.ask_at(place, device, Some(moment), scene);
            // What spoke of the fact is over with it.
            if self.is_momentary && self.is_open(place) {
                self.ask_at(place, device, None, scene);
            }
        }
        self.is_open(place)
    }

    fn ask_at(
        &mut self,
        place: usize,
        device: &Device,
        moment: Option<&Moment<'_>>,
        scene: Scene<'_>,
    ) {
        let monitor = &mut self.monitors[place];
        let waited = monitor.is_waiting(&self.rule);
        let holds = |test: &Test| test.holds(device, moment);
        let change = monitor.ask(&self.rule, scene.now, &holds);
        let waits = monitor.is_waiting(&self.rule);
        self.waiting = self.waiting - u64::from(waited) + u64::from(waits);
        self.settle(place, change, true, device, scene);
    }

    fn is_open(&self, place: usize) -> bool {
        matches!(self.monitors[place].phase, Phase::Open | Phase::Late)
    }

    /// Draws the consequences of a change.
    fn settle(
        &mut self,
        place: usize,
        change: Change,
        is_told: bool,
        device: &Device,
        scene: Scene<'_>,
    ) {
        match change {
            Change::Nothing => {}
            Change::Passed => self.passed += 1,
            Change::Failed => {
                self.failed += 1;
                let cause = if is_told { Cause::Fact } else { Cause::Anchor };
                self.tell(place, cause, device, scene);
            }
            Change::CameLate => self.tell(place, Cause::CameLate, device, scene),
            Change::Begun => {
                let Rule::Stays { lasts, .. } = &self.rule else {
                    unreachable!("only `stays` begins");
                };
                let place = u32::try_from(place).expect("fewer than 2^32 devices");
                self.lasting
                    .push_back((scene.now.saturating_add(*lasts), place));
            }
            Change::Joined => self.joined(place, device, scene),
            Change::Left => self.together -= 1,
        }
    }

    fn joined(&mut self, place: usize, device: &Device, scene: Scene<'_>) {
        let Rule::AtOnce { at_most, .. } = &self.rule else {
            unreachable!("only `at-once` counts devices together");
        };
        let at_most = u64::from(*at_most);
        self.together += 1;
        let (most, _) = self.most_together;
        if self.together > most {
            self.most_together = (self.together, scene.now);
        }
        if self.together > at_most && most <= at_most {
            self.tell(place, Cause::OneTooMany(self.together), device, scene);
        }
    }

    fn tell(&mut self, place: usize, cause: Cause, device: &Device, scene: Scene<'_>) {
        let failure = Failure {
            rule: &self.rule,
            kinds: self.kinds,
            anchor: self.anchor.unwrap_or_default(),
            monitor: &self.monitors[place],
            device,
            now: scene.now,
            watched: scene.watched,
            cause,
        };
        self.evidence.offer(&failure);
    }

    /// The next instant at which something is decided without a fact: a `within` is over right
    /// *after* it, for what comes at that very instant comes in time.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        self.deadline()
            .into_iter()
            .chain(self.lasting.front().map(|(at, _)| *at))
            .min()
    }

    fn deadline(&self) -> Option<Duration> {
        if self.is_overdue {
            return None;
        }
        Some(self.anchor?.saturating_add(self.rule.within()?))
    }

    /// Decides what is over at this instant, before the facts of the instant.
    pub(super) fn advance(&mut self, scene: Scene<'_>) {
        while let Some((at, place)) = self.lasting.front().copied() {
            if at > scene.now {
                break;
            }
            self.lasting.pop_front();
            let monitor = &mut self.monitors[place as usize];
            if monitor.is_lasting() {
                monitor.phase = Phase::Passed;
                self.passed += 1;
                self.waiting -= 1;
            }
        }
        let Some(deadline) = self.deadline().filter(|deadline| *deadline < scene.now) else {
            return;
        };
        self.is_overdue = true;
        for place in 0..self.monitors.len() {
            if self.monitors[place].phase != Phase::Open {
                continue;
            }
            self.monitors[place].phase = Phase::Late;
            self.failed += 1;
            self.waiting -= 1;
            let device = &scene.devices[self.monitors[place].device as usize];
            let then = Scene {
                now: deadline,
                ..scene
            };
            self.tell(place, Cause::TooLate, device, then);
        }
    }

    /// Whether nothing must be waited for any more.
    pub(super) fn is_settled(&self) -> bool {
        if self.monitors.is_empty() {
            return true;
        }
        let devices = self.monitors.len() as u64;
        let hopeful = devices - self.failed;
        self.anchor.is_some()
            && (self.waiting == 0 || self.is_lost() || hopeful - self.waiting >= self.needed)
    }

    fn is_lost(&self) -> bool {
        match &self.rule {
            Rule::AtOnce { at_most, .. } => self.most_together.0 > u64::from(*at_most),
            _ => self.monitors.len() as u64 - self.failed < self.needed,
        }
    }

    /// The latest instant that a running deadline still needs.
    pub(super) fn undecided_until(&self) -> Option<Duration> {
        if self.is_settled() {
            return None;
        }
        // A millisecond later, since what comes at the very deadline comes in time; clocks of
        // runners count no finer.
        let overdue = self
            .deadline()
            .map(|at| at.saturating_add(Duration::from_millis(1)));
        let is_lasting =
            |(_, place): &&(Duration, u32)| self.monitors[*place as usize].is_lasting();
        let lasted = self.lasting.iter().rev().find(is_lasting);
        overdue.into_iter().chain(lasted.map(|(at, _)| *at)).max()
    }

    /// How it stands.
    pub(super) fn tally(&self) -> CheckTally {
        let devices = self.monitors.len() as u64;
        CheckTally {
            name: self.name.clone(),
            devices,
            passed: self.passed,
            failed: self.failed,
            pending: devices - self.passed - self.failed,
            started: self.anchor.is_some(),
            lost: self.is_lost(),
        }
    }

    /// The result: what has not come by now does not come.
    pub(super) fn finish(mut self, scene: Scene<'_>, context: &ReplayContext) -> CheckResult {
        let devices = self.monitors.len() as u64;
        let outcome = if devices == 0 {
            Outcome::Error
        } else if self.anchor.is_none() {
            Outcome::Skipped
        } else {
            self.decide_rest(scene);
            self.outcome()
        };
        let counterexample = (outcome == Outcome::Failed).then(|| self.counterexample(context));
        CheckResult {
            name: self.name,
            at: replay::place(self.span, &context.sources),
            outcome,
            devices,
            passed: self.passed,
            counterexample: counterexample.flatten(),
        }
    }

    fn decide_rest(&mut self, scene: Scene<'_>) {
        for place in 0..self.monitors.len() {
            if self.monitors[place].phase != Phase::Open {
                continue;
            }
            if self.monitors[place].end(&self.rule) == Change::Passed {
                self.passed += 1;
                continue;
            }
            self.failed += 1;
            let device = &scene.devices[self.monitors[place].device as usize];
            self.tell(place, Cause::End, device, scene);
        }
    }

    fn outcome(&mut self) -> Outcome {
        if self.is_lost() {
            // The devices break it together, none of them alone.
            if matches!(self.rule, Rule::AtOnce { .. }) {
                self.passed = 0;
            }
            return Outcome::Failed;
        }
        Outcome::Passed
    }

    fn counterexample(&mut self, context: &ReplayContext) -> Option<Counterexample> {
        let most = match &self.rule {
            Rule::AtOnce { .. } => Some(self.most_together),
            _ => None,
        };
        let evidence = std::mem::take(&mut self.evidence);
        evidence.counterexample(self.expected.clone(), most, context.command.clone())
    }
}

/// How many devices a share asks for.
fn needed(share: f64, devices: usize) -> u64 {
    // In millionths, so that 7 % of 100 is 7, whatever 0.07 × 100 is as a float.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1,000,000 before"
    )]
    let millionths = (share.clamp(0.0, 1.0) * 1e6).round() as u64;
    (devices as u64 * millionths).div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::needed;

    #[test]
    fn a_share_asks_for_whole_devices_rounded_up() {
        let cases = [
            (1.0, 3, 3),
            (0.99, 100, 99),
            (0.07, 100, 7),
            (0.5, 3, 2),
            (0.0, 3, 0),
        ];
        for (share, devices, expected) in cases {
            assert_eq!(needed(share, devices), expected, "{share} of {devices}");
        }
    }
}
