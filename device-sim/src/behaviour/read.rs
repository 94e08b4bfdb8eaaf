//! Reads a tree into a program: names are resolved and everything is bounded here, so that a machine
//! never meets a fault.

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::{Fault, Place, shown};
use super::parameter::{Parameter, substitute};
use super::program::{Program, State, Step, Trigger, Uses, When};
use super::read_action::span;
use super::read_text::HOLES;
use super::template::Template;
use super::yaml::{Key, Kind, Node, describe, json};

/// What is known while a behaviour is read.
pub(super) struct Reader<'a> {
    pub(super) parameters: &'a [Parameter],
    pub(super) variables: &'a [(Box<str>, Value)],
    states: Vec<&'a str>,
    marks: Vec<MarkName>,
    pub(super) steps: Vec<Step>,
    pub(super) uses: Uses,
    pub(super) needs_payload: bool,
}

/// A mark that is set or read somewhere.
struct MarkName {
    name: Box<str>,
    is_set: bool,
    first_seen: Place,
}

/// Reads `root`, with `values` for its parameters if they are not the defaults.
pub(super) fn program(
    root: Node,
    name: &str,
    values: Option<Vec<Parameter>>,
) -> Result<Program, Fault> {
    only_keys(map(&root, "a behaviour")?, "key", TOP_KEYS)?;
    let parameters = match values {
        Some(values) => values,
        None => declared(&root)?,
    };
    let filled = fill(&root, &parameters)?;
    let entries = map(&filled, "a behaviour")?;
    let variables = variables(entries, &parameters)?;
    let states = states(&filled, entries)?;
    let mut reader = Reader {
        parameters: &parameters,
        variables: &variables,
        states: states.iter().map(|(name, _)| name.text.as_str()).collect(),
        marks: Vec::new(),
        steps: Vec::new(),
        uses: Uses::default(),
        needs_payload: false,
    };
    let start = match entry(entries, "start") {
        Some(start) => reader.state(start)?,
        None => 0,
    };
    let mut read_states = Vec::with_capacity(states.len());
    for (name, triggers) in states {
        read_states.push(State {
            name: name.text.as_str().into(),
            triggers: reader.triggers(triggers, false)?,
        });
    }
    let always = match entry(entries, "always") {
        Some(triggers) => reader.triggers(triggers, true)?,
        None => Box::default(),
    };
    let default_answer = reader.default_answer(entries)?;
    reader.check_marks()?;
    check_rounds(&filled, &read_states, &reader.steps)?;
    let about = entry(entries, "about").map(json).transpose()?;
    Ok(Program {
        name: name.to_owned(),
        about: about.and_then(|about| about.as_str().map(str::to_owned)),
        start,
        states: read_states.into(),
        always,
        default_answer,
        uses: reader.uses,
        needs_payload: reader.needs_payload,
        steps: reader.steps.into(),
        marks: reader.marks.into_iter().map(|mark| mark.name).collect(),
        variables: variables.into(),
        root,
        parameters,
    })
}

/// The tree with its parameters' values in their places.
fn fill(root: &Node, parameters: &[Parameter]) -> Result<Node, Fault> {
    let mut filled = root.clone();
    if let Kind::Map(entries) = &mut filled.kind {
        let mut budget = ROOM_BYTES_MAX;
        for (key, value) in entries {
            if key.text != "parameters" {
                substitute(value, parameters, &mut budget)?;
            }
        }
    }
    Ok(filled)
}

fn states<'n>(root: &Node, entries: &'n [(Key, Node)]) -> Result<&'n [(Key, Node)], Fault> {
    let states = entry(entries, "states")
        .ok_or_else(|| Fault::new(root.place, "the behaviour has no states"))?;
    let named = map(states, "states")?;
    if named.is_empty() || named.len() > STATES_MAX {
        let message = format!("there are {} states; 1 to {STATES_MAX} can be", named.len());
        return Err(Fault::new(states.place, message));
    }
    Ok(named)
}

fn declared(root: &Node) -> Result<Vec<Parameter>, Fault> {
    let Some(node) = entry(map(root, "a behaviour")?, "parameters") else {
        return Ok(Vec::new());
    };
    let entries = map(node, "parameters")?;
    for (name, _) in entries {
        check_name(name, "parameter", &[])?;
    }
    entries
        .iter()
        .map(|(name, default)| Parameter::declared(&name.text, default.clone()))
        .collect()
}

fn variables(
    entries: &[(Key, Node)],
    parameters: &[Parameter],
) -> Result<Vec<(Box<str>, Value)>, Fault> {
    let Some(node) = entry(entries, "variables") else {
        return Ok(Vec::new());
    };
    let entries = map(node, "variables")?;
    if entries.len() > VARIABLES_MAX {
        let message = format!("more than {VARIABLES_MAX} variables");
        return Err(Fault::new(node.place, message));
    }
    let mut variables = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        check_name(name, "variable", parameters)?;
        variables.push((name.text.as_str().into(), json(value)?));
    }
    Ok(variables)
}

fn check_name(name: &Key, what: &str, parameters: &[Parameter]) -> Result<(), Fault> {
    let text = name.text.as_str();
    let legal = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !legal {
        let message = format!("{:?} is no name of a {what}", shown(text));
        return Err(Fault::new(name.place, message)
            .help("names are of letters, digits, - and _, and begin with a letter"));
    }
    if HOLES.contains(&text) || parameters.iter().any(|known| *known.name == *text) {
        let message = format!("{text:?} means something else already");
        return Err(Fault::new(name.place, message));
    }
    Ok(())
}

impl Reader<'_> {
    fn default_answer(&mut self, entries: &[(Key, Node)]) -> Result<(Template, Template), Fault> {
        let Some(answer) = entry(entries, "default-answer") else {
            let payload = r#"{"error":"this device has no such method"}"#;
            let status = Template::Constant("404".into());
            return Ok((status, Template::Constant(payload.into())));
        };
        let known = ["status", "payload"];
        only_keys(map(answer, "an answer")?, "key of default-answer", &known)?;
        self.status_and_payload(answer)
    }

    fn triggers(&mut self, node: &Node, always: bool) -> Result<Box<[Trigger]>, Fault> {
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ if node.is_null() => &[],
            _ => {
                let message = format!("a list of triggers is wanted here, not {}", describe(node));
                return Err(Fault::new(node.place, message)
                    .help("begin each trigger with a dash: - on-connect: [connect]"));
            }
        };
        if items.len() > TRIGGERS_MAX {
            let message = format!("more than {TRIGGERS_MAX} triggers in one state");
            return Err(Fault::new(node.place, message));
        }
        let mut seen = BTreeSet::new();
        items
            .iter()
            .map(|item| self.trigger(item, always, &mut seen))
            .collect()
    }

    fn trigger(
        &mut self,
        node: &Node,
        always: bool,
        seen: &mut BTreeSet<String>,
    ) -> Result<Trigger, Fault> {
        let entries = map(node, "a trigger")?;
        let known: Vec<&str> = [TRIGGERS, &["do", "chance"]].concat();
        only_keys(entries, "trigger", &known)?;
        let mut whens = entries
            .iter()
            .filter(|(key, _)| TRIGGERS.contains(&key.text.as_str()));
        let (Some((key, value)), None) = (whens.next(), whens.next()) else {
            return Err(Fault::new(node.place, "a trigger has exactly one when")
                .help(format!("one of {}", TRIGGERS.join(", "))));
        };
        let when = self.when(key, value, always)?;
        let is_timer = matches!(when, When::After(_) | When::Every(_));
        if !is_timer && !seen.insert(format!("{when:?}")) {
            return Err(Fault::new(key.place, "this trigger stands here already"));
        }
        let lists = (entry(entries, "do"), entry(entries, "chance"));
        let takes_list = matches!(
            when,
            When::Enter | When::Connect | When::Disconnect | When::Message
        );
        let first = match lists {
            (None, None) if takes_list && !value.is_null() => self.list(value)?,
            (Some(list), None) if !takes_list || value.is_null() => self.list(list)?,
            (None, Some(chance)) if !takes_list || value.is_null() => {
                let first = u32::try_from(self.steps.len()).expect("steps are bounded");
                self.chance(chance, 0)?;
                self.steps.push(Step::End);
                first
            }
            _ => {
                return Err(Fault::new(node.place, "a trigger has one list of actions")
                    .help("- on-connect: […], or - on-method: name with do: […] or chance: […]"));
            }
        };
        Ok(Trigger { when, first })
    }

    fn when(&mut self, key: &Key, value: &Node, always: bool) -> Result<When, Fault> {
        let name = || match &value.kind {
            Kind::Scalar { text, .. } if !text.is_empty() => Ok(text.as_str()),
            _ => {
                let message = format!("{} takes a name, not {}", key.text, describe(value));
                Err(Fault::new(value.place, message))
            }
        };
        Ok(match key.text.as_str() {
            "on-enter" | "after" if always => {
                let message = format!("{} belongs to a state", key.text);
                return Err(Fault::new(key.place, message));
            }
            "on-enter" => When::Enter,
            "on-connect" => When::Connect,
            "on-disconnect" => When::Disconnect,
            "on-method" => {
                self.uses.methods = true;
                When::Method(match name()? {
                    "any" => None,
                    name => Some(name.into()),
                })
            }
            "on-desired" => {
                self.uses.desired = true;
                self.uses.twin = true;
                When::Desired(match name()? {
                    "any" => Box::default(),
                    path => path.split('.').map(Into::into).collect(),
                })
            }
            "on-message" => {
                self.uses.messages = true;
                When::Message
            }
            "after" => When::After(span(value)?),
            "every" => When::Every(span(value)?),
            other => return Err(Fault::unknown(key.place, "trigger", other, TRIGGERS)),
        })
    }

    pub(super) fn state(&self, node: &Node) -> Result<u16, Fault> {
        let Kind::Scalar { text, .. } = &node.kind else {
            let message = format!("a state's name is wanted here, not {}", describe(node));
            return Err(Fault::new(node.place, message));
        };
        position(&self.states, text)
            .ok_or_else(|| Fault::unknown(node.place, "state", text, &self.states))
    }

    pub(super) fn variable(&self, name: &Key) -> Result<u16, Fault> {
        let known: Vec<&str> = self.variables.iter().map(|(name, _)| &**name).collect();
        position(&known, &name.text).ok_or_else(|| {
            let fault = Fault::unknown(name.place, "variable", &name.text, &known);
            if known.is_empty() {
                fault.help(format!(
                    "declare it: variables: {{{}: 0}}",
                    shown(&name.text)
                ))
            } else {
                fault
            }
        })
    }

    pub(super) fn mark(&mut self, name: &str, place: Place, sets: bool) -> Result<u16, Fault> {
        let found = self.marks.iter().position(|mark| *mark.name == *name);
        let index = match found {
            Some(index) => {
                self.marks[index].is_set |= sets;
                index
            }
            None if self.marks.len() == VARIABLES_MAX => {
                return Err(Fault::new(
                    place,
                    format!("more than {VARIABLES_MAX} marks"),
                ));
            }
            None => {
                self.marks.push(MarkName {
                    name: name.into(),
                    is_set: sets,
                    first_seen: place,
                });
                self.marks.len() - 1
            }
        };
        Ok(u16::try_from(index).expect("marks are bounded"))
    }

    fn check_marks(&self) -> Result<(), Fault> {
        let Some(never_set) = self.marks.iter().find(|mark| !mark.is_set) else {
            return Ok(());
        };
        let known: Vec<&str> = self
            .marks
            .iter()
            .filter(|mark| mark.is_set)
            .map(|mark| &*mark.name)
            .collect();
        Err(Fault::unknown(
            never_set.first_seen,
            "mark",
            &never_set.name,
            &known,
        ))
    }
}

/// States that lead from one to the next at once and come round again would never rest. What hangs on
/// chance or on a test is left to the machine's bound.
fn check_rounds(root: &Node, states: &[State], steps: &[Step]) -> Result<(), Fault> {
    let next = |state: &State| {
        let enter = state.triggers.iter().find(|t| t.when == When::Enter)?;
        let mut at = enter.first as usize;
        loop {
            match steps.get(at)? {
                Step::Goto(state) => return Some(usize::from(*state)),
                Step::Jump(to) => at = *to as usize,
                Step::Wait(_) | Step::WaitForStored | Step::Chance(_) | Step::Unless { .. } => {
                    return None;
                }
                Step::End => return None,
                _ => at += 1,
            }
        }
    };
    for (start, first) in states.iter().enumerate() {
        let mut way = vec![&*first.name];
        let mut at = next(first);
        while let Some(state) = at
            && way.len() <= states.len()
        {
            way.push(&states[state].name);
            if state == start {
                let message = format!("these states go round for ever: {}", way.join(" → "));
                return Err(Fault::new(root.place, message)
                    .help("let one of them wait, or leave by a trigger"));
            }
            at = next(&states[state]);
        }
    }
    Ok(())
}

fn position(names: &[&str], name: &str) -> Option<u16> {
    let index = names.iter().position(|known| *known == name)?;
    u16::try_from(index).ok()
}

/// The entries of a mapping.
pub(super) fn map<'n>(node: &'n Node, what: &str) -> Result<&'n [(Key, Node)], Fault> {
    node.entries().ok_or_else(|| {
        let message = format!("{what} is a mapping, not {}", describe(node));
        Fault::new(node.place, message)
    })
}

pub(super) fn entry<'n>(entries: &'n [(Key, Node)], name: &str) -> Option<&'n Node> {
    entries
        .iter()
        .find(|(key, _)| key.text == name)
        .map(|(_, value)| value)
}

pub(super) fn only_keys(entries: &[(Key, Node)], what: &str, known: &[&str]) -> Result<(), Fault> {
    match entries
        .iter()
        .find(|(key, _)| !known.contains(&key.text.as_str()))
    {
        Some((key, _)) => Err(Fault::unknown(key.place, what, &key.text, known)),
        None => Ok(()),
    }
}

pub(super) fn whole_number(node: &Node, least: i32, most: i32) -> Result<i32, Fault> {
    json(node)?
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            let message = format!("{} is no whole number", describe(node));
            Fault::new(node.place, message)
        })
}

const TOP_KEYS: &[&str] = &[
    "about",
    "parameters",
    "variables",
    "start",
    "default-answer",
    "always",
    "states",
];
const TRIGGERS: &[&str] = &[
    "on-enter",
    "on-connect",
    "on-disconnect",
    "on-method",
    "on-desired",
    "on-message",
    "after",
    "every",
];
const STATES_MAX: usize = 100;
const TRIGGERS_MAX: usize = 50;
const VARIABLES_MAX: usize = 32;
/// What parameters may add to a text.
const ROOM_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
#[path = "schema_tests.rs"]
mod schema_tests;
