//! What the tests of the judge share: checks, facts and how they are played.

pub(super) use std::sync::Arc;
pub(super) use std::time::Duration;

pub(super) use serde_json::Value;

pub(super) use super::super::observed::{Observed, What};
pub(super) use super::super::verdict::CheckResult;
pub(super) use super::super::{Judge, Judgement, Membership, ReplayContext};
pub(super) use crate::scenario::ast::{Check, Condition, Document, Predicate, Rule, Target};
pub(super) use crate::scenario::span::{Span, Spanned};

/// Something that happens in a test, at so many milliseconds.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// A fact about a device.
    Fact(u64, &'static str, What),
    /// A step starts.
    Step(u64, &'static str),
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn spanned(value: &str) -> Spanned<String> {
    Spanned {
        value: value.to_owned(),
        span: Span::default(),
    }
}

/// `rule` for each of the cohort `pumps` from the scenario's start.
pub(super) fn check(rule: Rule) -> Check {
    Check {
        name: None,
        span: Span {
            source: 0,
            line: 14,
            column: 3,
        },
        on: Target::Cohort(spanned("pumps")),
        share: 1.0,
        after: None,
        rule,
    }
}

pub(super) fn after(step: &str, check: Check) -> Check {
    Check {
        after: Some(spanned(step)),
        ..check
    }
}

pub(super) fn path(path: &str, predicate: Predicate) -> Condition {
    let mut keys = path.split('.').map(str::to_owned);
    let document = match keys.next().as_deref() {
        Some("desired") => Document::Desired,
        Some("tags") => Document::Tags,
        _ => Document::Reported,
    };
    Condition::Path {
        document,
        path: keys.collect(),
        predicate,
    }
}

pub(super) fn status(value: &str) -> Condition {
    path("reported.status", Predicate::Equals(value.into()))
}

pub(super) fn eventually(condition: Condition, within: Option<u64>) -> Rule {
    Rule::Eventually {
        condition,
        within: within.map(ms),
    }
}

pub(super) fn reported(version: u64, patch: Value) -> What {
    What::Reported { version, patch }
}

pub(super) fn reports(status: &str) -> What {
    reported(2, serde_json::json!({ "status": status }))
}

pub(super) fn connected() -> What {
    What::Connected {
        session_present: false,
    }
}

pub(super) fn lost() -> What {
    What::Disconnected {
        reason: "lost".to_owned(),
    }
}

pub(super) fn says(body: &str) -> What {
    What::Telemetry {
        body: body.to_owned(),
    }
}

pub(super) fn pumps(ids: &[&str]) -> Membership {
    Membership {
        cohorts: vec![(
            "pumps".to_owned(),
            ids.iter().map(|id| Arc::from(*id)).collect(),
        )],
        ..Membership::default()
    }
}

pub(super) fn play(judge: &mut Judge, happenings: &[Happening]) {
    for (seq, happening) in happenings.iter().enumerate() {
        match happening {
            Happening::Fact(at, device, what) => judge.observe(&Observed {
                seq: seq as u64 + 1,
                at: ms(*at),
                device: Arc::from(*device),
                what: what.clone(),
            }),
            Happening::Step(at, name) => judge.step_started(name, ms(*at)),
        }
    }
}

/// Judges checks of these devices until `end`.
pub(super) fn judge(
    checks: &[Check],
    ids: &[&str],
    happenings: &[Happening],
    end: u64,
) -> Judgement {
    let mut judge = Judge::new(checks, &pumps(ids));
    play(&mut judge, happenings);
    judge.finish(ms(end), &ReplayContext::default())
}

/// The only check's result.
pub(super) fn result(
    check: Check,
    ids: &[&str],
    happenings: &[Happening],
    end: u64,
) -> CheckResult {
    judge(&[check], ids, happenings, end).checks.remove(0)
}
