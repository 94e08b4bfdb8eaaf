//! One rule on one device: how far it has come.
//!
//! A monitor is asked at the anchor, at each fact of its device, and once more right after each fact:
//! conditions that speak of a fact are then over, those of state go on.

use std::time::Duration;

use super::condition::{Kinds, Test};
use super::watched::Watched;
use crate::scenario::ast;

/// A rule made ready to be asked.
#[derive(Debug)]
pub(super) enum Rule {
    Eventually {
        goal: Test,
        within: Option<Duration>,
    },
    Never(Test),
    InOrder {
        goals: Vec<Test>,
        within: Option<Duration>,
    },
    Stays {
        goal: Test,
        lasts: Duration,
    },
    Times {
        goal: Test,
        at_least: u32,
        at_most: Option<u32>,
    },
    AtOnce {
        goal: Test,
        at_most: u32,
    },
}

impl Rule {
    pub(super) fn new(rule: &ast::Rule, watched: &mut Watched) -> Self {
        let mut test = |condition| Test::new(condition, watched);
        match rule {
            ast::Rule::Eventually { condition, within } => Self::Eventually {
                goal: test(condition),
                within: *within,
            },
            ast::Rule::Never(condition) => Self::Never(test(condition)),
            ast::Rule::InOrder { conditions, within } => Self::InOrder {
                goals: conditions.iter().map(test).collect(),
                within: *within,
            },
            ast::Rule::Stays { condition, lasts } => Self::Stays {
                goal: test(condition),
                lasts: *lasts,
            },
            ast::Rule::Times {
                condition,
                at_least,
                at_most,
            } => Self::Times {
                goal: test(condition),
                at_least: *at_least,
                at_most: *at_most,
            },
            ast::Rule::AtOnce { condition, at_most } => Self::AtOnce {
                goal: test(condition),
                at_most: *at_most,
            },
        }
    }

    /// Its conditions.
    pub(super) fn tests(&self) -> &[Test] {
        match self {
            Self::InOrder { goals, .. } => goals,
            Self::Eventually { goal, .. }
            | Self::Never(goal)
            | Self::Stays { goal, .. }
            | Self::Times { goal, .. }
            | Self::AtOnce { goal, .. } => std::slice::from_ref(goal),
        }
    }

    /// Which kinds of fact can change anything.
    pub(super) fn kinds(&self) -> Kinds {
        let kinds = self.tests().iter().map(|test| test.kinds);
        kinds.fold(Kinds::NONE, Kinds::and)
    }

    /// Whether some condition speaks of a fact.
    pub(super) fn is_momentary(&self) -> bool {
        self.tests().iter().any(|test| test.is_momentary)
    }

    /// By when it must have come.
    pub(super) fn within(&self) -> Option<Duration> {
        match self {
            Self::Eventually { within, .. } | Self::InOrder { within, .. } => *within,
            Self::Never(_) | Self::Stays { .. } | Self::Times { .. } | Self::AtOnce { .. } => None,
        }
    }
}

/// Where a monitor stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its step has not started.
    #[default]
    Unanchored,
    /// Not decided.
    Open,
    /// Decided for good.
    Passed,
    /// Decided for good.
    Failed,
    /// Failed because it did not come in time; still asked, to tell how late it came.
    Late,
}

/// What a question changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// It has passed.
    Passed,
    /// It has failed.
    Failed,
    /// What should have come in time has come.
    CameLate,
    /// `stays` has become true.
    Begun,
    /// The device is among those in the condition.
    Joined,
    /// It no longer is.
    Left,
}

/// One rule on one device.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    /// The device's place.
    pub(super) device: u32,
    pub(super) phase: Phase,
    /// The condition's last answer (`stays`, `times`, `at-once`).
    value: bool,
    /// Conditions come to by now (`in-order`), or times it became true.
    pub(super) count: u32,
    /// When the last of those was; when `stays` began.
    pub(super) since: Duration,
}

impl Monitor {
    pub(super) fn new(device: u32) -> Self {
        Self {
            device,
            phase: Phase::Unanchored,
            value: false,
            count: 0,
            since: Duration::ZERO,
        }
    }

    /// Whether something must still come for it to pass.
    pub(super) fn is_waiting(&self, rule: &Rule) -> bool {
        self.phase == Phase::Open
            && match rule {
                Rule::Eventually { .. } | Rule::InOrder { .. } | Rule::Stays { .. } => true,
                Rule::Times { at_least, .. } => self.count < *at_least,
                Rule::Never(_) | Rule::AtOnce { .. } => false,
            }
    }

    /// Whether `stays` is true and has not lasted yet.
    pub(super) fn is_lasting(&self) -> bool {
        self.phase == Phase::Open && self.value
    }

    /// Whether the condition was true when last asked (`stays`, `times`, `at-once`).
    pub(super) fn is_true(&self) -> bool {
        self.value
    }

    /// Anchors it: what happened before does not count, the state as it is does.
    pub(super) fn start(
        &mut self,
        rule: &Rule,
        now: Duration,
        holds: &impl Fn(&Test) -> bool,
    ) -> Change {
        self.phase = Phase::Open;
        // How often it *becomes* true is counted, and here it already is.
        if let Rule::Times { goal, .. } = rule {
            self.value = holds(goal);
        }
        self.ask(rule, now, holds)
    }

    /// Asks the conditions as they are now.
    pub(super) fn ask(
        &mut self,
        rule: &Rule,
        now: Duration,
        holds: &impl Fn(&Test) -> bool,
    ) -> Change {
        match rule {
            Rule::Eventually { goal, .. } if holds(goal) => {
                self.since = now;
                self.come()
            }
            Rule::Never(goal) if holds(goal) => {
                self.since = now;
                self.decide(Phase::Failed, Change::Failed)
            }
            Rule::Eventually { .. } | Rule::Never(_) => Change::Nothing,
            Rule::InOrder { goals, .. } => self.ask_in_order(goals, now, holds),
            Rule::Stays { goal, lasts } => self.ask_stays(*lasts, now, holds(goal)),
            Rule::Times {
                goal,
                at_least,
                at_most,
            } => self.ask_times(*at_least, *at_most, now, holds(goal)),
            Rule::AtOnce { goal, .. } => {
                let before = std::mem::replace(&mut self.value, holds(goal));
                match (before, self.value) {
                    (false, true) => Change::Joined,
                    (true, false) => Change::Left,
                    (true, true) | (false, false) => Change::Nothing,
                }
            }
        }
    }

    fn ask_in_order(
        &mut self,
        goals: &[Test],
        now: Duration,
        holds: &impl Fn(&Test) -> bool,
    ) -> Change {
        while let Some(goal) = goals.get(self.count as usize) {
            if !holds(goal) {
                return Change::Nothing;
            }
            self.count += 1;
            self.since = now;
        }
        self.come()
    }

    fn ask_stays(&mut self, lasts: Duration, now: Duration, value: bool) -> Change {
        match (std::mem::replace(&mut self.value, value), value) {
            (false, true) => {
                self.since = now;
                if lasts.is_zero() {
                    return self.decide(Phase::Passed, Change::Passed);
                }
                Change::Begun
            }
            (true, false) => self.decide(Phase::Failed, Change::Failed),
            (true, true) | (false, false) => Change::Nothing,
        }
    }

    fn ask_times(
        &mut self,
        at_least: u32,
        at_most: Option<u32>,
        now: Duration,
        value: bool,
    ) -> Change {
        if !std::mem::replace(&mut self.value, value) && value {
            self.count = self.count.saturating_add(1);
            self.since = now;
        }
        match at_most {
            Some(at_most) if self.count > at_most => self.decide(Phase::Failed, Change::Failed),
            None if self.count >= at_least => self.decide(Phase::Passed, Change::Passed),
            Some(_) | None => Change::Nothing,
        }
    }

    /// What was waited for has come, in time or not.
    fn come(&mut self) -> Change {
        if self.phase == Phase::Late {
            return self.decide(Phase::Failed, Change::CameLate);
        }
        self.decide(Phase::Passed, Change::Passed)
    }

    fn decide(&mut self, phase: Phase, change: Change) -> Change {
        self.phase = phase;
        change
    }

    /// What the end of the run makes of an open one.
    pub(super) fn end(&mut self, rule: &Rule) -> Change {
        if self.is_waiting(rule) {
            return self.decide(Phase::Failed, Change::Failed);
        }
        self.decide(Phase::Passed, Change::Passed)
    }
}
