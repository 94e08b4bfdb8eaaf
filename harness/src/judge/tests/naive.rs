//! The reference: keeps every fact and whole twins, and evaluates each rule by its definition over the
//! whole run. Slow, and as simple as the text of the rules.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Happening;
use super::ms;
use crate::judge::observed::What;
use crate::judge::predicate;
use crate::scenario::ast::{Check, Condition, Document, Rule};

/// A device as it is at an instant, and the fact of that instant.
#[derive(Clone, Debug)]
struct State {
    exists: bool,
    online: bool,
    reported: Value,
    versions: (u64, u64),
    methods: BTreeMap<u64, String>,
    fact: Option<What>,
}

/// An instant at which a device is asked: at the anchor, at a fact, right after a fact.
type Instant = (Duration, State);

/// Who passes a check, by device; for `at-once`, whether the check passes, for each.
pub(super) fn passes(check: &Check, ids: &[&str], happenings: &[Happening], end: u64) -> Vec<bool> {
    if let Rule::AtOnce { condition, at_most } = &check.rule {
        let most = most_together(check, condition, ids, happenings);
        return vec![most <= *at_most as usize; ids.len()];
    }
    let judged = |id: &&str| passes_alone(&check.rule, &instants(check, id, happenings), ms(end));
    ids.iter().map(judged).collect()
}

fn passes_alone(rule: &Rule, instants: &[Instant], end: Duration) -> bool {
    let anchor = instants[0].0;
    let all = |condition: &Condition| -> Vec<(Duration, bool)> {
        instants
            .iter()
            .map(|(at, state)| (*at, holds(condition, state)))
            .collect()
    };
    let in_time = |at: Duration, within: &Option<Duration>| within.is_none_or(|w| at <= anchor + w);
    match rule {
        Rule::Eventually { condition, within } => all(condition)
            .iter()
            .any(|(at, holds)| *holds && in_time(*at, within)),
        Rule::Never(condition) => !all(condition).iter().any(|(_, holds)| *holds),
        Rule::InOrder { conditions, within } => {
            let mut from = 0;
            for condition in conditions {
                let found = all(condition)[from..].iter().position(|(_, holds)| *holds);
                let Some(found) = found else { return false };
                from += found;
            }
            in_time(instants[from].0, within)
        }
        Rule::Stays { condition, lasts } => {
            let all = all(condition);
            let Some(first) = all.iter().position(|(_, holds)| *holds) else {
                return false;
            };
            let until = all[first].0 + *lasts;
            until <= end
                && all[first..]
                    .iter()
                    .all(|(at, holds)| *holds || *at >= until)
        }
        Rule::Times {
            condition,
            at_least,
            at_most,
        } => {
            let all = all(condition);
            let becomes = all
                .windows(2)
                .filter(|pair| !pair[0].1 && pair[1].1)
                .count();
            becomes >= *at_least as usize && at_most.is_none_or(|most| becomes <= most as usize)
        }
        Rule::AtOnce { .. } => unreachable!("about the devices together"),
    }
}

/// After each instant of any device: how many devices are in the condition.
fn most_together(
    check: &Check,
    condition: &Condition,
    ids: &[&str],
    happenings: &[Happening],
) -> usize {
    let anchored = anchored_at(check, happenings);
    let mut most = 0;
    for upto in anchored..=happenings.len() {
        let past = &happenings[..upto];
        let last: Vec<Vec<Instant>> = ids.iter().map(|id| instants(check, id, past)).collect();
        let settled = last
            .iter()
            .filter(|instants| holds(condition, &instants[instants.len() - 1].1));
        most = most.max(settled.count());
        // At the fact itself its device is asked with the fact, the others without one.
        if upto > anchored
            && let Happening::Fact(_, device, _) = &past[upto - 1]
        {
            let at_fact = last.iter().zip(ids).filter(|(instants, id)| {
                let back = if *id == device { 2 } else { 1 };
                holds(condition, &instants[instants.len() - back].1)
            });
            most = most.max(at_fact.count());
        }
    }
    most
}

/// How many happenings lie before the anchor.
fn anchored_at(check: &Check, happenings: &[Happening]) -> usize {
    let Some(step) = &check.after else { return 0 };
    let is_anchor = |happening: &Happening| matches!(happening, Happening::Step(_, name) if *name == step.value);
    happenings
        .iter()
        .position(is_anchor)
        .expect("the tests start every step")
        + 1
}

fn instants(check: &Check, id: &str, happenings: &[Happening]) -> Vec<Instant> {
    let anchored = anchored_at(check, happenings);
    let mut state = State {
        exists: true,
        online: false,
        reported: json!({}),
        versions: (1, 1),
        methods: BTreeMap::new(),
        fact: None,
    };
    let mut instants = Vec::new();
    if anchored == 0 {
        instants.push((Duration::ZERO, state.clone()));
    }
    for (index, happening) in happenings.iter().enumerate() {
        match happening {
            Happening::Fact(at, device, what) if *device == id => {
                state.apply(what);
                if index >= anchored {
                    let fact = Some(what.clone());
                    instants.push((
                        ms(*at),
                        State {
                            fact,
                            ..state.clone()
                        },
                    ));
                    instants.push((ms(*at), state.clone()));
                }
            }
            Happening::Step(at, _) if index + 1 == anchored => {
                instants.push((ms(*at), state.clone()));
            }
            Happening::Fact(..) | Happening::Step(..) => {}
        }
    }
    instants
}

impl State {
    fn apply(&mut self, what: &What) {
        match what {
            What::Created | What::Deleted => {
                self.exists = *what == What::Created;
                self.online = false;
                self.reported = json!({});
                self.versions = (1, 1);
            }
            What::Connected { .. } => self.online = true,
            What::Disconnected { .. } => self.online = false,
            What::Reported { version, patch } => {
                self.versions.0 = *version;
                merge(&mut self.reported, patch);
            }
            What::MethodInvoked { call, name } => {
                self.methods.insert(*call, name.clone());
            }
            _ => {}
        }
    }
}

/// `MergePatch` as written in RFC 7396, section 2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

fn holds(condition: &Condition, state: &State) -> bool {
    state.exists && holds_of(condition, state)
}

fn holds_of(condition: &Condition, state: &State) -> bool {
    match (condition, &state.fact) {
        (
            Condition::Path {
                document,
                path,
                predicate,
            },
            _,
        ) => {
            assert_eq!(*document, Document::Reported, "the tests use no other");
            if path.as_slice() == ["$version"] {
                return predicate::holds(predicate, Some(&json!(state.versions.0)));
            }
            let found = path
                .iter()
                .try_fold(&state.reported, |value, key| value.get(key));
            predicate::holds(predicate, found)
        }
        (Condition::Connected(connected), _) => state.online == *connected,
        (Condition::Message { body: None }, Some(What::Telemetry { .. })) => true,
        (Condition::DisconnectedBy(reason), Some(What::Disconnected { reason: found })) => {
            reason == found
        }
        (
            Condition::MethodAnswered { name, status },
            Some(What::MethodAnswered {
                call,
                status: found,
            }),
        ) => {
            status.is_none_or(|status| status == *found)
                && (name.is_none() || name.as_ref() == state.methods.get(call))
        }
        (Condition::All(all), _) => all.iter().all(|one| holds_of(one, state)),
        (Condition::Any(any), _) => any.iter().any(|one| holds_of(one, state)),
        (Condition::Not(not), _) => !holds_of(not, state),
        _ => false,
    }
}
