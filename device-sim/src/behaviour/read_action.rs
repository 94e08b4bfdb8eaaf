//! Reads lists of actions into steps.

use super::error::{Fault, shown};
use super::program::{Body, Step, Test};
use super::read::{Reader, entry, map, only_keys, whole_number};
use super::span::{SPAN_HELP, Span};
use super::template::Template;
use super::yaml::{Key, Kind, Node, describe, json};

impl Reader<'_> {
    /// Reads a list of actions, or one; gives its first step.
    pub(super) fn list(&mut self, node: &Node) -> Result<u32, Fault> {
        let first = self.next_step();
        self.actions(node, 0)?;
        self.push(node, Step::End)?;
        Ok(first)
    }

    fn actions(&mut self, node: &Node, depth: usize) -> Result<(), Fault> {
        if depth > BRANCHES_DEEP_MAX {
            let message = format!("branches nest more than {BRANCHES_DEEP_MAX} deep");
            return Err(Fault::new(node.place, message));
        }
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            Kind::Scalar { .. } | Kind::Map(_) => std::slice::from_ref(node),
        };
        for (index, item) in items.iter().enumerate() {
            let ends = self.action(item, depth)?;
            if ends && let Some(next) = items.get(index + 1) {
                return Err(Fault::new(next.place, "nothing after goto is reached"));
            }
        }
        Ok(())
    }

    /// Whether nothing can follow.
    fn action(&mut self, node: &Node, depth: usize) -> Result<bool, Fault> {
        if let Kind::Scalar { text, .. } = &node.kind {
            let step = match text.as_str() {
                "disconnect" => Step::Disconnect,
                "vanish" => Step::Vanish,
                "connect" => Step::Connect,
                other => return Err(Fault::unknown(node.place, "action", other, ACTIONS)),
            };
            self.push(node, step)?;
            return Ok(false);
        }
        let entries = map(node, "an action")?;
        if entry(entries, "if").is_some() {
            self.choice(node, entries, depth)?;
            return Ok(false);
        }
        let [(key, value)] = entries else {
            let message = format!("an action has one key, not {}", entries.len());
            return Err(Fault::new(node.place, message).help("begin each action with a dash"));
        };
        self.action_of(key, value, depth)
    }

    fn action_of(&mut self, key: &Key, value: &Node, depth: usize) -> Result<bool, Fault> {
        let step = match key.text.as_str() {
            "answer" => self.answer(value)?,
            "patch" => {
                map(value, "a patch")?;
                self.uses.twin = true;
                Step::Patch(self.template(value)?)
            }
            "send" => self.send(value)?,
            "wait" => Step::Wait(span(value)?),
            "wait-for" => match &value.kind {
                Kind::Scalar { text, .. } if text == "stored" => Step::WaitForStored,
                _ => {
                    let message = format!("wait-for takes stored, not {}", describe(value));
                    return Err(Fault::new(value.place, message));
                }
            },
            "goto" => Step::Goto(self.state(value)?),
            "mark" => match &value.kind {
                Kind::Scalar { text, .. } => Step::Mark(self.mark(text, value.place, true)?),
                _ => return Err(Fault::new(value.place, "mark takes a name")),
            },
            "set" | "add" => {
                for (name, value) in map(value, &key.text)? {
                    let variable = self.variable(name)?;
                    let template = self.template(value)?;
                    let step = if key.text == "set" {
                        Step::Set(variable, template)
                    } else {
                        Step::Add(variable, template)
                    };
                    self.push(value, step)?;
                }
                return Ok(false);
            }
            "chance" => {
                self.chance(value, depth)?;
                return Ok(false);
            }
            other => return Err(Fault::unknown(key.place, "action", other, ACTIONS)),
        };
        let ends = matches!(step, Step::Goto(_));
        self.push(value, step)?;
        Ok(ends)
    }

    fn answer(&mut self, node: &Node) -> Result<Step, Fault> {
        let (status, payload) = self.status_and_payload(node)?;
        let after = entry(map(node, "answer")?, "after").map(span).transpose()?;
        Ok(Step::Answer {
            status,
            payload,
            after,
        })
    }

    /// `{status: 200, payload: …}`; the default payload is `null`.
    pub(super) fn status_and_payload(
        &mut self,
        node: &Node,
    ) -> Result<(Template, Template), Fault> {
        let entries = map(node, "an answer")?;
        only_keys(entries, "key of an answer", &["status", "payload", "after"])?;
        let status = match entry(entries, "status") {
            None => Template::Constant("200".into()),
            Some(status) => match self.template(status)? {
                Template::Constant(_) => {
                    Template::Constant(whole_number(status, i32::MIN, i32::MAX)?.to_string().into())
                }
                hole => hole,
            },
        };
        let payload = match entry(entries, "payload") {
            None => Template::Constant("null".into()),
            Some(payload) => self.template(payload)?,
        };
        Ok((status, payload))
    }

    fn send(&mut self, node: &Node) -> Result<Step, Fault> {
        let entries = map(node, "send")?;
        only_keys(entries, "key of send", &["body", "properties"])?;
        let body =
            entry(entries, "body").ok_or_else(|| Fault::new(node.place, "send has no body"))?;
        let body = match &body.kind {
            Kind::Scalar { .. } => Body::Text(self.text(body)?),
            Kind::List(_) | Kind::Map(_) => Body::Json(self.template(body)?),
        };
        let mut properties = Vec::new();
        if let Some(node) = entry(entries, "properties") {
            for (name, value) in map(node, "properties")? {
                properties.push((name.text.as_str().into(), self.text(value)?));
            }
        }
        Ok(Step::Send {
            body,
            properties: properties.into(),
        })
    }

    /// `[{weight: 90, do: […]}, {weight: rest, do: […]}]`
    pub(super) fn chance(&mut self, node: &Node, depth: usize) -> Result<(), Fault> {
        let Kind::List(alternatives) = &node.kind else {
            let message = format!("chance takes a list, not {}", describe(node));
            return Err(Fault::new(node.place, message)
                .help("chance: [{weight: 90, do: [connect]}, {weight: rest, do: []}]"));
        };
        let weights = weights(node, alternatives)?;
        let at = self.push(node, Step::Chance(Box::default()))?;
        let mut ends = Vec::new();
        let mut table = Vec::new();
        let mut sum = 0.0;
        for (alternative, weight) in alternatives.iter().zip(weights) {
            sum += weight;
            table.push((sum, self.next_step()));
            let list = entry(map(alternative, "an alternative")?, "do").ok_or_else(|| {
                Fault::new(alternative.place, "an alternative without do")
                    .help("do: [] does nothing")
            })?;
            self.actions(list, depth + 1)?;
            ends.push(self.push(node, Step::Jump(0))?);
        }
        self.steps[at as usize] = Step::Chance(table.into());
        let next = self.next_step();
        for end in ends {
            self.steps[end as usize] = Step::Jump(next);
        }
        Ok(())
    }

    /// `if: "${payload.uri}"`, `matches: "https://*"`, `then: […]`, `else: […]`
    fn choice(&mut self, node: &Node, entries: &[(Key, Node)], depth: usize) -> Result<(), Fault> {
        let known = ["if", "equals", "matches", "exists", "then", "else"];
        only_keys(entries, "key of if", &known)?;
        let that = entry(entries, "if").expect("the caller saw it");
        let tests = (
            entry(entries, "equals"),
            entry(entries, "matches"),
            entry(entries, "exists"),
        );
        let test = match tests {
            (Some(equals), None, None) => {
                Test::Equals(self.template(that)?, self.template(equals)?)
            }
            (None, Some(glob), None) => Test::Matches(self.text(that)?, self.text(glob)?),
            (None, None, Some(exists)) => match json(exists)? {
                serde_json::Value::Bool(exists) => Test::Exists(self.template(that)?, exists),
                _ => return Err(Fault::new(exists.place, "exists takes true or false")),
            },
            _ => {
                let message = "if takes one of equals, matches and exists beside it";
                return Err(Fault::new(node.place, message));
            }
        };
        let at = self.push(node, Step::Unless { test, otherwise: 0 })?;
        if let Some(list) = entry(entries, "then") {
            self.actions(list, depth + 1)?;
        }
        let jump = self.push(node, Step::Jump(0))?;
        let after_then = self.next_step();
        if let Some(list) = entry(entries, "else") {
            self.actions(list, depth + 1)?;
        }
        let next = self.next_step();
        self.steps[jump as usize] = Step::Jump(next);
        if let Step::Unless { otherwise, .. } = &mut self.steps[at as usize] {
            *otherwise = after_then;
        }
        Ok(())
    }

    fn next_step(&self) -> u32 {
        u32::try_from(self.steps.len()).expect("the number of steps is bounded")
    }

    fn push(&mut self, node: &Node, step: Step) -> Result<u32, Fault> {
        if self.steps.len() == STEPS_MAX {
            let message = format!("the behaviour has more than {STEPS_MAX} actions");
            return Err(Fault::new(node.place, message));
        }
        self.steps.push(step);
        Ok(self.next_step() - 1)
    }
}

/// A duration.
pub(super) fn span(node: &Node) -> Result<Span, Fault> {
    Span::from_json(&json(node)?).map_err(|message| Fault::new(node.place, message).help(SPAN_HELP))
}

fn weights(node: &Node, alternatives: &[Node]) -> Result<Vec<f64>, Fault> {
    let mut weights = Vec::with_capacity(alternatives.len());
    let mut rest = None;
    for alternative in alternatives {
        let entries = map(alternative, "an alternative")?;
        only_keys(entries, "key of an alternative", &["weight", "do"])?;
        let weight = entry(entries, "weight")
            .ok_or_else(|| Fault::new(alternative.place, "an alternative without weight"))?;
        match json(weight)? {
            serde_json::Value::String(text) if text == "rest" && rest.is_none() => {
                rest = Some(weights.len());
                weights.push(0.0);
            }
            serde_json::Value::Number(number) if number.as_f64().is_some_and(|w| w >= 0.0) => {
                weights.push(number.as_f64().unwrap_or_default());
            }
            _ => {
                let message = format!("{} is no weight", shown(&describe(weight)));
                return Err(Fault::new(weight.place, message)
                    .help("a weight is a number from 0, or once rest: what is left of 100"));
            }
        }
    }
    let sum: f64 = weights.iter().sum();
    if let Some(rest) = rest {
        weights[rest] = (100.0 - sum).max(0.0);
    }
    if weights.iter().sum::<f64>() > 0.0 {
        Ok(weights)
    } else {
        Err(Fault::new(node.place, "no alternative has any weight"))
    }
}

pub(super) const ACTIONS: &[&str] = &[
    "answer",
    "patch",
    "send",
    "disconnect",
    "vanish",
    "connect",
    "wait",
    "wait-for",
    "goto",
    "set",
    "add",
    "mark",
    "chance",
    "if",
];
const STEPS_MAX: usize = 2000;
const BRANCHES_DEEP_MAX: usize = 8;
