//! Checks: one rule each, whom it is about, from when on.

use std::time::Duration;

use super::condition::{condition, condition_beside, conditions, transposed};
use super::target::target;
use crate::scenario::ast::{Check, Rule, Target};
use crate::scenario::fields::{Fields, Mistakes};
use crate::scenario::keys;
use crate::scenario::node::Node;

/// One entry of `checks:`.
pub(super) fn check(node: &Node, mistakes: &mut Mistakes) -> Option<Check> {
    let fields = Fields::of(node, &keys::CHECK, mistakes)?;
    let name = fields.get("name").map(|node| mistakes.text(node, "`name`"));
    let on = whom(&fields, mistakes);
    let after = fields
        .get("after")
        .map(|node| mistakes.text(node, "`after`"));
    let share = fields
        .get("at-least")
        .map_or(Some(1.0), |node| mistakes.share(node, "`at-least`"));
    let rule = rule(&fields, mistakes);
    Some(Check {
        name: transposed(name)?.map(|name| name.value),
        span: fields.span,
        on: on?,
        share: share?,
        after: transposed(after)?,
        rule: rule?,
    })
}

fn whom(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<Target> {
    match (fields.get("each"), fields.get("on")) {
        (Some(node), None) | (None, Some(node)) => target(node, mistakes),
        (Some(_), Some(node)) => {
            let message = "`each` and `on` say the same, one of them is enough";
            mistakes.add(node.place, message);
            None
        }
        (None, None) => {
            let message = "it is not said whom the check is about";
            mistakes.add_with_help(fields.span, message, "add `each: all` or a cohort's name");
            None
        }
    }
}

fn rule(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<Rule> {
    let mut rules = fields.entries(|key| keys::RULES.contains(&key));
    let Some((key, node)) = rules.next() else {
        let help = format!("say one of {}", keys::RULES.join(", "));
        let message = "it is not said what the check holds devices to";
        mistakes.add_with_help(fields.span, message, help);
        return None;
    };
    if let Some((second, _)) = rules.next() {
        let message = format!(
            "a check has one rule, but `{}` and `{}` are given",
            key.text, second.text
        );
        mistakes.add_with_help(second.place, message, "write two checks");
        return None;
    }
    let rule = key.text.as_str();
    belongs(
        fields,
        "within",
        rule,
        &["eventually", "in-order"],
        mistakes,
    );
    belongs(fields, "for", rule, &["stays"], mistakes);
    let share_rules: Vec<_> = keys::RULES
        .iter()
        .copied()
        .filter(|r| *r != "at-once")
        .collect();
    belongs(fields, "at-least", rule, &share_rules, mistakes);
    let within = fields
        .get("within")
        .map(|node| mistakes.some_time(node, "`within`"));
    match rule {
        "eventually" => Some(Rule::Eventually {
            condition: condition(node, mistakes)?,
            within: transposed(within)?,
        }),
        "never" => condition(node, mistakes).map(Rule::Never),
        "in-order" => Some(Rule::InOrder {
            conditions: conditions(node, "`in-order`", 2, mistakes)?,
            within: transposed(within)?,
        }),
        "stays" => {
            let condition = condition(node, mistakes);
            let lasts: Option<Duration> = fields
                .require("for", mistakes)
                .and_then(|node| mistakes.some_time(node, "`for`"));
            Some(Rule::Stays {
                condition: condition?,
                lasts: lasts?,
            })
        }
        "times" => times(node, mistakes),
        _ => at_once(node, mistakes),
    }
}

/// `key` means nothing beside other rules than `rules`.
fn belongs(fields: &Fields<'_>, key: &str, rule: &str, rules: &[&str], mistakes: &mut Mistakes) {
    let Some(node) = fields.get(key) else { return };
    if !rules.contains(&rule) {
        let help = format!("`{key}` goes with {}", rules.join(", "));
        let message = format!("`{key}` has no meaning beside `{rule}`");
        mistakes.add_with_help(node.place, message, help);
    }
}

fn times(node: &Node, mistakes: &mut Mistakes) -> Option<Rule> {
    let fields = Fields::beside_others(node, &keys::TIMES, mistakes)?;
    let condition = condition_beside(node, &keys::TIMES, mistakes);
    let bound = |key, mistakes: &mut Mistakes| {
        let node = fields.get(key)?;
        Some(mistakes.whole(node, &format!("`{key}`"), 0..=COUNT_MAX))
    };
    let at_least = bound("at-least", mistakes);
    let at_most = bound("at-most", mistakes);
    if at_least.is_none() && at_most.is_none() {
        let help = "say `at-least: 1` or `at-most: 1` beside the condition";
        mistakes.add_with_help(node.place, "it is not said how many times", help);
        return None;
    }
    let (at_least, at_most) = (transposed(at_least)?.unwrap_or(0), transposed(at_most)?);
    if let Some(most) = at_most.filter(|most| *most < at_least) {
        let message = format!("at least {at_least} times and at most {most} times cannot be");
        mistakes.add(node.place, message);
    }
    Some(Rule::Times {
        condition: condition?,
        at_least,
        at_most,
    })
}

fn at_once(node: &Node, mistakes: &mut Mistakes) -> Option<Rule> {
    let fields = Fields::beside_others(node, &keys::AT_ONCE, mistakes)?;
    let condition = condition_beside(node, &keys::AT_ONCE, mistakes);
    let at_most = fields
        .require("at-most", mistakes)
        .and_then(|node| mistakes.whole(node, "`at-most`", 0..=COUNT_MAX));
    Some(Rule::AtOnce {
        condition: condition?,
        at_most: at_most?,
    })
}

const COUNT_MAX: u32 = 1_000_000;
