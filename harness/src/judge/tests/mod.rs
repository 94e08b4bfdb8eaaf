//! What the judge must say, rule by rule; and that it says what a judge would who keeps everything and
//! reads each rule word by word.

mod agreement;
mod naive;
mod rules;
mod scale;
mod told;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::observed::{Observed, What};
use super::verdict::CheckResult;
use super::{Judge, Judgement, Membership, ReplayContext};
use crate::scenario::ast::{Check, Condition, Document, Predicate, Rule, Target};
use crate::scenario::span::{Span, Spanned};

/// Something that happens in a test, at so many milliseconds.
#[derive(Clone, Debug)]
enum Happening {
    /// A fact about a device.
    Fact(u64, &'static str, What),
    /// A step starts.
    Step(u64, &'static str),
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn spanned(value: &str) -> Spanned<String> {
    Spanned {
        value: value.to_owned(),
        span: Span::default(),
    }
}

/// `rule` for each of the cohort `pumps` from the scenario's start.
fn check(rule: Rule) -> Check {
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

fn after(step: &str, check: Check) -> Check {
    Check {
        after: Some(spanned(step)),
        ..check
    }
}

fn path(path: &str, predicate: Predicate) -> Condition {
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

fn status(value: &str) -> Condition {
    path("reported.status", Predicate::Equals(value.into()))
}

fn eventually(condition: Condition, within: Option<u64>) -> Rule {
    Rule::Eventually {
        condition,
        within: within.map(ms),
    }
}

fn reported(version: u64, patch: Value) -> What {
    What::Reported { version, patch }
}

fn reports(status: &str) -> What {
    reported(2, serde_json::json!({ "status": status }))
}

fn connected() -> What {
    What::Connected {
        session_present: false,
    }
}

fn lost() -> What {
    What::Disconnected {
        reason: "lost".to_owned(),
    }
}

fn says(body: &str) -> What {
    What::Telemetry {
        body: body.to_owned(),
    }
}

fn pumps(ids: &[&str]) -> Membership {
    Membership {
        cohorts: vec![(
            "pumps".to_owned(),
            ids.iter().map(|id| Arc::from(*id)).collect(),
        )],
        ..Membership::default()
    }
}

fn play(judge: &mut Judge, happenings: &[Happening]) {
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
fn judge(checks: &[Check], ids: &[&str], happenings: &[Happening], end: u64) -> Judgement {
    let mut judge = Judge::new(checks, &pumps(ids));
    play(&mut judge, happenings);
    judge.finish(ms(end), &ReplayContext::default())
}

/// The only check's result.
fn result(check: Check, ids: &[&str], happenings: &[Happening], end: u64) -> CheckResult {
    judge(&[check], ids, happenings, end).checks.remove(0)
}
