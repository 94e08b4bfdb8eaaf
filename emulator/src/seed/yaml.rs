//! YAML text to a tree with places. Knows nothing of seeds.
//!
//! Anchors, aliases, tags and several documents are refused: aliases are how a small text becomes a
//! large tree. Numbers keep the form they are written in.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

use super::place::{Mistake, Place, shown};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// `is_plain` if it was not quoted, and may be a number and the like.
    Scalar {
        text: String,
        is_plain: bool,
    },
    List(Vec<Node>),
    /// In the order written; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) text: String,
}

/// Reads the one document of a text; `None`: there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Mistake> {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        nodes: 0,
    };
    let mut root = None;
    loop {
        let (event, place) = builder.next()?;
        match event {
            Event::StreamEnd => return Ok(root),
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if root.is_some() => return Err(place.mistake("a second document begins here")),
            event => root = Some(builder.node(event, place, 0)?),
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Mistake> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, place(span.start))),
            Some(Err(error)) => {
                let message = format!("this is not YAML: {}", error.info());
                Err(place(*error.marker()).mistake(message))
            }
            None => Ok((Event::StreamEnd, Place::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Mistake> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = format!(
                "the file has more than {NODES_MAX} values: write one line of JSON a device, or `count`"
            );
            return Err(place.mistake(message));
        }
        if depth > DEPTH_MAX {
            return Err(place.mistake(format!("values nest more than {DEPTH_MAX} deep")));
        }
        let kind = match event {
            Event::Scalar(text, style, 0, None) => Kind::Scalar {
                text: text.into_owned(),
                is_plain: style == ScalarStyle::Plain,
            },
            Event::SequenceStart(0, None) => Kind::List(self.list(depth)?),
            Event::MappingStart(0, None) => Kind::Map(self.map(depth)?),
            _ => return Err(place.mistake("anchors, aliases and tags are not read: write it out")),
        };
        Ok(Node { place, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Mistake> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, place) => list.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Mistake> {
        let (mut map, mut seen) = (Vec::new(), BTreeSet::new());
        loop {
            let (event, place) = self.next()?;
            let text = match event {
                Event::MappingEnd => return Ok(map),
                Event::Scalar(text, _, 0, None) => text.into_owned(),
                _ => return Err(place.mistake("a key must be a text")),
            };
            if !seen.insert(text.clone()) {
                return Err(place.mistake(format!("the key {} is there twice", shown(&text))));
            }
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            map.push((Key { place, text }, value));
        }
    }
}

fn place(marker: Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

impl Node {
    /// The tree as JSON text.
    pub(super) fn push_json(&self, out: &mut String) {
        match &self.kind {
            Kind::Scalar { text, is_plain } => push_scalar(out, text, *is_plain),
            Kind::List(items) => {
                out.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    item.push_json(out);
                }
                out.push(']');
            }
            Kind::Map(entries) => {
                out.push('{');
                for (number, (key, value)) in entries.iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    push_text(out, &key.text);
                    out.push(':');
                    value.push_json(out);
                }
                out.push('}');
            }
        }
    }

    /// What it is, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Scalar { text, .. } if text.is_empty() => "nothing".to_owned(),
            Kind::Scalar { text, .. } => shown(text),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// By the core schema of YAML 1.2, as far as JSON goes.
fn push_scalar(out: &mut String, text: &str, is_plain: bool) {
    match text {
        "" | "~" | "null" | "Null" | "NULL" if is_plain => out.push_str("null"),
        "true" | "True" | "TRUE" if is_plain => out.push_str("true"),
        "false" | "False" | "FALSE" if is_plain => out.push_str("false"),
        number if is_plain && is_number(number) => out.push_str(number),
        text => push_text(out, text),
    }
}

/// Whether it is a number to JSON as well, so that its text can stay: 1.10 stays 1.10.
fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

pub(super) fn push_text(out: &mut String, text: &str) {
    // The `Display` of a JSON value is JSON: the text comes quoted and escaped.
    out.push_str(&serde_json::Value::from(text).to_string());
}

const NODES_MAX: usize = 1_000_000;
const DEPTH_MAX: usize = 32;
