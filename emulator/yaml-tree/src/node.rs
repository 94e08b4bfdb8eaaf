//! The tree, and what its scalars stand for.

use serde_json::{Map, Value};

use crate::plain;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<P> {
    /// Where it begins.
    pub place: P,
    /// What it is.
    pub kind: Kind<P>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind<P> {
    /// Text. If it `is_plain`, which is to say not quoted, it may stand for nothing, a truth value or
    /// a number.
    Scalar {
        /// As written, escapes resolved.
        text: String,
        /// Not between quotes, nor a block.
        is_plain: bool,
    },
    /// A sequence.
    List(Vec<Node<P>>),
    /// A mapping, in the order written, no key twice.
    Map(Vec<Entry<P>>),
}

/// A key and its value.
pub type Entry<P> = (Key<P>, Node<P>);

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<P> {
    /// Where it begins.
    pub place: P,
    /// The key.
    pub text: String,
}

/// A number that JSON has no form for: an infinity, no number, or one out of range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJson<P> {
    /// Where it stands.
    pub place: P,
    /// As it is written.
    pub text: String,
}

impl<P> Node<P> {
    /// Whether nothing is given: an empty value, `null` or `~`.
    pub fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, is_plain } => *is_plain && plain::is_null(text),
            Kind::List(_) | Kind::Map(_) => false,
        }
    }

    /// The text, if it is text, a number or a truth value.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a mapping.
    pub fn entries(&self) -> Option<&[Entry<P>]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Scalar { .. } | Kind::List(_) => None,
        }
    }

    /// The entry of a key, if it is a mapping and has it.
    pub fn entry(&self, key: &str) -> Option<&Entry<P>> {
        self.entries()?.iter().find(|(known, _)| known.text == key)
    }

    /// The value of a key, if it is a mapping and has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// What it is, for messages; `quote` shows a scalar's text.
    pub fn describe(&self, quote: impl FnOnce(&str) -> String) -> String {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            // The quotes matter where they make text of what looks like something else.
            Kind::Scalar {
                text,
                is_plain: false,
            } if !plain::is_text(text) => quote(&format!("\"{text}\"")),
            Kind::Scalar { text, .. } => quote(text),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }
}

impl<P: Copy> Node<P> {
    /// As JSON, plain scalars by the core schema of YAML 1.2 (10.3.2).
    pub fn to_json(&self) -> Result<Value, NotJson<P>> {
        match &self.kind {
            Kind::Scalar {
                text,
                is_plain: false,
            } => Ok(Value::String(text.clone())),
            Kind::Scalar { text, .. } => plain::value(text).ok_or_else(|| NotJson {
                place: self.place,
                text: text.clone(),
            }),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.text.clone(), value.to_json()?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
        }
    }

    /// A tree from outside any text: all of it stands at `place`.
    pub fn from_json(value: &Value, place: P) -> Self {
        let plain = |text: String| Kind::Scalar {
            text,
            is_plain: true,
        };
        let kind = match value {
            Value::Null => plain("null".to_owned()),
            Value::Bool(truth) => plain(truth.to_string()),
            Value::Number(number) => plain(number.to_string()),
            Value::String(text) => Kind::Scalar {
                text: text.clone(),
                is_plain: false,
            },
            Value::Array(items) => Kind::List(
                items
                    .iter()
                    .map(|item| Self::from_json(item, place))
                    .collect(),
            ),
            Value::Object(entries) => Kind::Map(
                entries
                    .iter()
                    .map(|(text, value)| {
                        let text = text.clone();
                        (Key { place, text }, Self::from_json(value, place))
                    })
                    .collect(),
            ),
        };
        Self { place, kind }
    }
}
