//! Parameters of behaviours: `${down}` anywhere in the text stands for the value, before the text is
//! understood.

use serde_json::Value;

use super::error::{Fault, Place, shown};
use super::span::{SPAN_HELP, Span};
use super::yaml::{Kind, Node, describe, json};

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: Box<str>,
    pub(super) value: Node,
    kind: ParameterKind,
}

/// What kind of value it takes: that of its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParameterKind {
    Duration,
    Number,
    Truth,
    Text,
    /// A list, a mapping or nothing: takes anything.
    Any,
}

impl Parameter {
    /// As declared.
    pub(super) fn declared(name: &str, default: Node) -> Result<Self, Fault> {
        let value = json(&default)?;
        let kind = match &value {
            _ if Span::from_json(&value).is_ok() => ParameterKind::Duration,
            Value::Number(_) => ParameterKind::Number,
            Value::Bool(_) => ParameterKind::Truth,
            Value::String(_) => ParameterKind::Text,
            Value::Null | Value::Array(_) | Value::Object(_) => ParameterKind::Any,
        };
        Ok(Self {
            name: name.into(),
            value: default,
            kind,
        })
    }

    /// Its value.
    pub(super) fn json(&self) -> Value {
        json(&self.value).expect("it was JSON when it was declared or replaced")
    }

    /// Gives it another value of its kind.
    pub(super) fn replace(&mut self, value: &Value) -> Result<(), Fault> {
        let (fits, kind, help) = match self.kind {
            ParameterKind::Duration => (
                Span::from_json(value).is_ok(),
                "a duration",
                Some(SPAN_HELP),
            ),
            ParameterKind::Number => (value.is_number(), "a number", None),
            ParameterKind::Truth => (value.is_boolean(), "true or false", None),
            ParameterKind::Text => (value.is_string(), "a text", None),
            ParameterKind::Any => (true, "anything", None),
        };
        if !fits {
            let message = format!(
                "parameter {:?} takes {kind}, not {}",
                self.name,
                shown(&value.to_string())
            );
            let fault = Fault::new(Place::default(), message);
            return Err(match help {
                Some(help) => fault.help(help),
                None => fault,
            });
        }
        self.value = Node::from_json(value, Place::default());
        Ok(())
    }
}

/// Puts the parameters' values where `${name}` stands: the value itself where nothing else stands
/// beside it, else its text. At most `room` bytes or values may be added by it.
pub(super) fn substitute(
    node: &mut Node,
    parameters: &[Parameter],
    room: &mut usize,
) -> Result<(), Fault> {
    match &mut node.kind {
        Kind::Scalar { text, .. } => {
            let whole = text
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'))
                .and_then(|name| parameters.iter().find(|known| *known.name == *name.trim()));
            if let Some(parameter) = whole {
                take(room, size(&parameter.value), node.place)?;
                node.kind = parameter.value.kind.clone();
                return Ok(());
            }
            for parameter in parameters {
                let hole = format!("${{{}}}", parameter.name);
                let count = text.matches(&hole).count();
                if count == 0 {
                    continue;
                }
                let Kind::Scalar { text: value, .. } = &parameter.value.kind else {
                    let message = format!(
                        "parameter {:?} is {} and cannot stand inside a text",
                        parameter.name,
                        describe(&parameter.value)
                    );
                    return Err(Fault::new(node.place, message));
                };
                take(room, count * value.len(), node.place)?;
                *text = text.replace(&hole, value);
            }
            Ok(())
        }
        Kind::List(items) => items
            .iter_mut()
            .try_for_each(|item| substitute(item, parameters, room)),
        Kind::Map(entries) => entries
            .iter_mut()
            .try_for_each(|(_, value)| substitute(value, parameters, room)),
    }
}

fn take(room: &mut usize, bytes: usize, place: Place) -> Result<(), Fault> {
    let left = room.checked_sub(bytes);
    *room = left.ok_or_else(|| Fault::new(place, "with its parameters the file is too large"))?;
    Ok(())
}

/// Bytes of text, and one for each value.
fn size(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar { text, .. } => text.len(),
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(entries) => entries
            .iter()
            .map(|(key, value)| key.text.len() + size(value))
            .sum(),
    }
}
