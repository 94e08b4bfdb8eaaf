//! Checks, conditions and durations in plain English.

use std::time::Duration;

use serde_json::Value;

use super::predicate;
use crate::scenario::ast::{Check, Condition, Document, Predicate, Rule, Target};

/// Text of others in a sentence is cut at so many characters.
const BRIEF: usize = 200;

/// A check in words: `each of pumps eventually has reported.status = "booted" within 30 s of invoke@12`.
pub(super) fn check(check: &Check) -> String {
    let whom = whom(check);
    // "at least 99 % of pumps have", "each of pumps has".
    let many = check.share < 1.0;
    let is = |condition| predicate_of(condition, many);
    let words = match &check.rule {
        Rule::Eventually { condition, .. } => format!("{whom} eventually {}", is(condition)),
        Rule::Never(condition) => format!("{whom} never {}", is(condition)),
        Rule::InOrder { conditions, .. } => {
            let conditions: Vec<String> = conditions.iter().map(is).collect();
            format!("{whom} in this order {}", conditions.join(", then "))
        }
        Rule::Stays { condition, lasts } => {
            format!(
                "{whom} {} and stays so for {}",
                is(condition),
                duration(*lasts)
            )
        }
        Rule::Times {
            condition,
            at_least,
            at_most,
        } => format!(
            "{whom} {} {}",
            is(condition),
            times_wanted(*at_least, *at_most)
        ),
        Rule::AtOnce { condition, at_most } => {
            let whom = set_of(&check.on);
            let is = predicate_of(condition, true);
            format!("at most {at_most} of {whom} {is} at once")
        }
    };
    let within = within(&check.rule);
    let after = check.after.as_ref().map(|step| step.value.as_str());
    match (within, after) {
        (Some(within), Some(step)) => format!("{words} within {} of {step}", duration(within)),
        (Some(within), None) => format!("{words} within {}", duration(within)),
        (None, Some(step)) => format!("{words} after {step}"),
        (None, None) => words,
    }
}

fn within(rule: &Rule) -> Option<Duration> {
    match rule {
        Rule::Eventually { within, .. } | Rule::InOrder { within, .. } => *within,
        Rule::Never(_) | Rule::Stays { .. } | Rule::Times { .. } | Rule::AtOnce { .. } => None,
    }
}

fn whom(check: &Check) -> String {
    if let Target::Device(device) = &check.on {
        return device.value.clone();
    }
    if check.on == Target::All && check.share >= 1.0 {
        return "each device".to_owned();
    }
    let set = set_of(&check.on);
    if check.share < 1.0 {
        return format!("at least {} of {set}", share(check.share));
    }
    format!("each of {set}")
}

fn set_of(target: &Target) -> String {
    match target {
        Target::Cohort(cohort) => cohort.value.clone(),
        Target::Device(device) => device.value.clone(),
        Target::Share { share: part, of } => format!("{} drawn from {}", share(*part), of.value),
        Target::All => "all devices".to_owned(),
    }
}

/// `99.5 %`
pub(super) fn share(share: f64) -> String {
    // A share is written in percent with a few digits; its product with 100 has float noise.
    let percent = (share * 1e8).round() / 1e6;
    format!("{percent} %")
}

fn times_wanted(at_least: u32, at_most: Option<u32>) -> String {
    match (at_least, at_most) {
        (least, None) => format!("at least {}", times(least)),
        (0, Some(most)) => format!("at most {}", times(most)),
        (least, Some(most)) if least == most => format!("exactly {}", times(most)),
        (least, Some(most)) => format!("at least {} and at most {}", times(least), times(most)),
    }
}

/// `once`, `3 times`
pub(super) fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

/// A condition of one device: `has reported.status = "booted"`.
pub(super) fn condition(condition: &Condition) -> String {
    predicate_of(condition, false)
}

/// A condition as the predicate of a sentence about one or `many`.
fn predicate_of(condition: &Condition, many: bool) -> String {
    let (has, is) = if many { ("have", "are") } else { ("has", "is") };
    let s = if many { "" } else { "s" };
    match condition {
        Condition::Path {
            document,
            path,
            predicate,
        } => format!(
            "{has} {}",
            value_in_words(&self::path(*document, path), predicate)
        ),
        Condition::Connected(true) => format!("{is} connected"),
        Condition::Connected(false) => format!("{is} not connected"),
        Condition::MethodAnswered { name, status } => {
            let name = name
                .as_ref()
                .map_or("a method".to_owned(), |name| format!("method {name}"));
            let with = status.map_or(String::new(), |status| format!(" with {status}"));
            format!("answer{s} {name}{with}")
        }
        Condition::MethodFailed(code) => {
            let with = code
                .as_ref()
                .map_or(String::new(), |code| format!(" with {code}"));
            format!("{has} a method call fail{with}")
        }
        Condition::Message { body: None } => format!("send{s} a message"),
        Condition::Message { body: Some(body) } => {
            format!("send{s} a message with {}", value_in_words("body", body))
        }
        Condition::C2dSettled(outcome) => format!("{has} a cloud-to-device message {outcome}"),
        Condition::DisconnectedBy(reason) => format!("{is} disconnected by {reason}"),
        Condition::All(all) => joined(all, " and ", many),
        Condition::Any(any) => joined(any, " or ", many),
        Condition::Not(not) => match &**not {
            Condition::Connected(connected) => {
                predicate_of(&Condition::Connected(!connected), many)
            }
            Condition::Not(again) => predicate_of(again, many),
            other => format!("not ({})", predicate_of(other, many)),
        },
    }
}

fn joined(conditions: &[Condition], with: &str, many: bool) -> String {
    let word = |one: &Condition| match one {
        Condition::All(_) | Condition::Any(_) => format!("({})", predicate_of(one, many)),
        one => predicate_of(one, many),
    };
    let words: Vec<String> = conditions.iter().map(word).collect();
    words.join(with)
}

/// `reported.status = "booted"`
/// `stdout contains "ready"`
pub(crate) fn value_in_words(of: &str, predicate: &Predicate) -> String {
    match predicate {
        Predicate::Equals(Value::Null) | Predicate::Exists(false) => format!("no {of}"),
        Predicate::Differs(Value::Null) | Predicate::Exists(true) => format!("some {of}"),
        Predicate::Equals(value) => format!("{of} = {}", json(value)),
        Predicate::Differs(value) => format!("{of} other than {}", json(value)),
        Predicate::AtLeast(least) => format!("{of} ≥ {least}"),
        Predicate::AtMost(most) => format!("{of} ≤ {most}"),
        Predicate::Contains(_) | Predicate::Matches(_) => {
            format!("{of} that {}", predicate::expectation(predicate))
        }
    }
}

/// `reported.iothubDM.reboot.status`
pub(super) fn path(document: Document, keys: &[String]) -> String {
    let document = match document {
        Document::Reported => "reported",
        Document::Desired => "desired",
        Document::Tags => "tags",
    };
    let mut words = document.to_owned();
    for key in keys {
        words.push('.');
        words += key;
    }
    words
}

/// JSON text, cut if it is long.
pub(super) fn json(value: &Value) -> String {
    brief(&value.to_string())
}

/// Text, cut if it is long.
pub(super) fn brief(text: &str) -> String {
    match text.char_indices().nth(BRIEF) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// `12 ms`, `31.2 s`, `5 min`, `1 h 30 min`; to the millisecond up to two minutes.
pub(super) fn duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos < 1_000_000 && nanos > 0 {
        return format!("{} µs", decimal(nanos, 1_000));
    }
    if nanos < 1_000_000_000 {
        return format!("{} ms", decimal(nanos, 1_000_000));
    }
    if nanos < 120_000_000_000 {
        return format!("{} s", decimal(nanos, 1_000_000_000));
    }
    let millis = duration.as_millis();
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let parts = [
        (hours > 0).then(|| format!("{hours} h")),
        (minutes > 0).then(|| format!("{minutes} min")),
        (!millis.is_multiple_of(60_000)).then(|| format!("{} s", decimal(millis % 60_000, 1_000))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `count / unit` with at most three decimals, cut (never rounded up past a limit), without zeros at
/// the end.
fn decimal(count: u128, unit: u128) -> String {
    let thousandths = count * 1000 / unit;
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
