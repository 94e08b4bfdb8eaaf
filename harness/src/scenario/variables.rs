//! `${name}` in values: replaced before anything is read, within a budget.

use std::collections::BTreeMap;

use super::fields::{Mistakes, suggestion};
use super::node::{Kind, Node, found, quote};
use super::span::Span;

/// The variables of one run.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: BTreeMap<String, Node>,
    /// Nodes and characters that may still be made.
    budget: usize,
}

impl Variables {
    pub(super) fn new(budget: usize) -> Self {
        Self {
            values: BTreeMap::new(),
            budget,
        }
    }

    /// What is left to make.
    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Defines a variable, in place of an earlier one of that name.
    pub(super) fn define(&mut self, name: &str, value: Node) {
        self.values.insert(name.to_owned(), value);
    }

    /// Gives a variable another value, from text; `false` if there is none of that name. The value is
    /// text where the one before was, else whatever it looks like.
    pub(super) fn override_with(&mut self, name: &str, text: &str) -> bool {
        let Some(value) = self.values.get_mut(name) else {
            return false;
        };
        let was_text = matches!(value.to_json(), Ok(serde_json::Value::String(_)));
        value.kind = Kind::Scalar {
            text: text.to_owned(),
            is_plain: !was_text,
        };
        true
    }

    /// `node` with every `${name}` in its place; `None` once the budget is spent.
    pub(super) fn fill(&mut self, node: &Node, mistakes: &mut Mistakes) -> Option<Node> {
        self.spend(1)?;
        let kind = match &node.kind {
            Kind::Scalar { text, is_plain } => {
                return self.fill_scalar(node.place, text, *is_plain, mistakes);
            }
            Kind::List(items) => Kind::List(
                items
                    .iter()
                    .map(|item| self.fill(item, mistakes))
                    .collect::<Option<_>>()?,
            ),
            Kind::Map(entries) => Kind::Map(
                entries
                    .iter()
                    .map(|(key, value)| {
                        self.spend(key.text.len())?;
                        if key.text.contains("${") {
                            let message = format!("the key {} holds a variable", quote(&key.text));
                            let help = "variables stand in values, not in keys";
                            mistakes.add_with_help(key.place, message, help);
                        }
                        Some((key.clone(), self.fill(value, mistakes)?))
                    })
                    .collect::<Option<_>>()?,
            ),
        };
        Some(Node {
            place: node.place,
            kind,
        })
    }

    fn fill_scalar(
        &mut self,
        span: Span,
        text: &str,
        is_plain: bool,
        mistakes: &mut Mistakes,
    ) -> Option<Node> {
        if let Some(name) = only_variable(text) {
            let value = self.value(span, name, mistakes);
            let kind = value.map_or(Kind::List(Vec::new()), |value| value.kind.clone());
            self.spend(size(&kind))?;
            return Some(Node { place: span, kind });
        }
        let mut filled = String::new();
        let mut rest = text;
        let mut spent = text.len();
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                // `$${` is a plain `${`, for the variables of a shell.
                filled.push_str(before);
                filled.push_str("${");
                rest = after;
                continue;
            }
            let Some((name, after)) = after.split_once('}') else {
                let message = format!("{} has a `${{` without its `}}`", quote(text));
                mistakes.add_with_help(span, message, PLAIN_HELP);
                rest = "";
                break;
            };
            filled.push_str(before);
            if let Some(value) = self.value(span, name, mistakes) {
                if let Some(text) = value.scalar() {
                    spent += text.len();
                    filled.push_str(text);
                } else {
                    let message = format!(
                        "the variable {} is {}, which cannot stand inside text",
                        quote(name),
                        found(value)
                    );
                    mistakes.add(span, message);
                }
            }
            self.spend(std::mem::take(&mut spent))?;
            rest = after;
        }
        filled.push_str(rest);
        self.spend(spent)?;
        Some(Node {
            place: span,
            kind: Kind::Scalar {
                text: filled,
                is_plain,
            },
        })
    }

    fn value(&self, span: Span, name: &str, mistakes: &mut Mistakes) -> Option<&Node> {
        let value = self.values.get(name);
        if value.is_none() {
            let message = format!("no variable {} is defined", quote(name));
            let help = suggestion(name, self.names(), "there are")
                .unwrap_or_else(|| PLAIN_HELP.to_owned());
            mistakes.add_with_help(span, message, help);
            mistakes.only_the_first_at.insert(span);
        }
        value
    }

    fn spend(&mut self, amount: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(amount)?;
        Some(())
    }
}

/// The variable that `text` consists of.
fn only_variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['$', '{', '}'])).then_some(name)
}

/// Nodes and characters.
fn size(kind: &Kind) -> usize {
    match kind {
        Kind::Scalar { text, .. } => 1 + text.len(),
        Kind::List(items) => 1 + items.iter().map(|item| size(&item.kind)).sum::<usize>(),
        Kind::Map(entries) => {
            let entries = entries.iter();
            1 + entries
                .map(|(key, node)| key.text.len() + size(&node.kind))
                .sum::<usize>()
        }
    }
}

const PLAIN_HELP: &str = "variables are defined under `variables:`; `$${` stands for a plain `${`";
