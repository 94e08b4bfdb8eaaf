//! YAML text to a tree with places. Knows nothing of behaviours.
//!
//! Anchors, aliases, tags and several documents are refused: a behaviour needs none, and aliases are
//! how a small text becomes a large tree.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde_json::Value;

use super::error::{Fault, Place, shown};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// `plain` if it was not quoted, and may be a number and the like.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order written; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) text: String,
}

/// Reads one document.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!(
            "the file has {} bytes, at most {TEXT_BYTES_MAX} are read",
            text.len()
        );
        return Err(Fault::new(Place { line: 1, column: 1 }, message));
    }
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        nodes: 0,
    };
    let mut root = None;
    loop {
        let (event, place) = builder.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if root.is_some() => return Err(Fault::new(place, "a second document begins here")),
            event => root = Some(builder.node(event, place, 0)?),
        }
    }
    root.ok_or_else(|| Fault::new(Place { line: 1, column: 1 }, "the file is empty"))
}

struct Builder<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Fault> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, place(span.start))),
            Some(Err(error)) => Err(Fault::new(
                place(*error.marker()),
                format!("this is not YAML: {}", error.info()),
            )),
            None => Ok((Event::StreamEnd, Place::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Fault> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = format!("the file has more than {NODES_MAX} values");
            return Err(Fault::new(place, message));
        }
        if depth > DEPTH_MAX {
            let message = format!("values nest more than {DEPTH_MAX} deep");
            return Err(Fault::new(place, message));
        }
        let kind = match event {
            Event::Scalar(text, style, 0, None) => Kind::Scalar {
                text: text.into_owned(),
                plain: style == ScalarStyle::Plain,
            },
            Event::SequenceStart(0, None) => Kind::List(self.list(depth)?),
            Event::MappingStart(0, None) => Kind::Map(self.map(depth)?),
            _ => {
                return Err(Fault::new(place, "anchors, aliases and tags are not read")
                    .help("write the value out, or make it a parameter"));
            }
        };
        Ok(Node { place, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, place) => list.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Fault> {
        let mut map = Vec::new();
        let mut seen: BTreeMap<String, Place> = BTreeMap::new();
        loop {
            let (event, key_place) = self.next()?;
            let text = match event {
                Event::MappingEnd => return Ok(map),
                Event::Scalar(text, _, 0, None) => text.into_owned(),
                _ => return Err(Fault::new(key_place, "a key must be a plain text")),
            };
            if let Some(first) = seen.insert(text.clone(), key_place) {
                return Err(Fault::new(
                    key_place,
                    format!("key {:?} stands here a second time", shown(&text)),
                )
                .help(format!("the first is in line {}", first.line)));
            }
            let (event, place) = self.next()?;
            let value = self.node(event, place, depth + 1)?;
            let key = Key {
                place: key_place,
                text,
            };
            map.push((key, value));
        }
    }
}

fn place(marker: Marker) -> Place {
    Place {
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
        column: u32::try_from(marker.col() + 1).unwrap_or(u32::MAX),
    }
}

impl Node {
    /// The tree as JSON; plain scalars by the core schema of YAML 1.2.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar { text, plain: false } => Value::String(text.clone()),
            Kind::Scalar { text, plain: true } => plain_value(text),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.text.clone(), value.to_json()))
                .collect(),
        }
    }

    /// A tree from outside any text.
    pub(super) fn from_json(value: &Value, place: Place) -> Self {
        let kind = match value {
            Value::Null => plain("null"),
            Value::Bool(truth) => plain(&truth.to_string()),
            Value::Number(number) => plain(&number.to_string()),
            Value::String(text) => Kind::Scalar {
                text: text.clone(),
                plain: false,
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

    /// What it is, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Scalar { text, .. } if text.is_empty() => "nothing".to_owned(),
            Kind::Scalar { text, .. } => format!("{:?}", shown(text)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }

    /// Nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if text.is_empty())
    }
}

fn plain(text: &str) -> Kind {
    Kind::Scalar {
        text: text.to_owned(),
        plain: true,
    }
}

fn plain_value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    let looks_like_number = text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    match text.parse::<f64>() {
        Ok(number) if looks_like_number && number.is_finite() => number.into(),
        _ => Value::String(text.to_owned()),
    }
}

const TEXT_BYTES_MAX: usize = 256 * 1024;
const NODES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 32;
