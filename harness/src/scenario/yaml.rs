//! From YAML text to a tree, within bounds. What makes YAML dangerous or ambiguous is refused: aliases
//! and anchors (they multiply), tags, keys that are no text, several documents, doubled keys.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::error::ScenarioError;
use super::node::{Content, Entry, Node, quote};
use super::span::{Span, Spanned};

/// Reads the one document of `text`, which is source number `source`. Mistakes go to `errors`; `None`
/// if nothing sensible can be made of the rest.
pub(super) fn read(source: u16, text: &str, errors: &mut Vec<ScenarioError>) -> Option<Node> {
    let mut builder = Builder {
        source,
        open: Vec::new(),
        root: None,
        errors,
        given_up: false,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        match next {
            Ok((event, span)) => builder.take(event, span.start),
            Err(error) => {
                let message = format!("this is not YAML: {}", error.info());
                builder.refuse(*error.marker(), message, None);
                return None;
            }
        }
        if builder.open.len() > DEPTH_MAX {
            return None;
        }
    }
    if builder.given_up { None } else { builder.root }
}

struct Builder<'a> {
    source: u16,
    open: Vec<Open>,
    root: Option<Node>,
    errors: &'a mut Vec<ScenarioError>,
    /// A value is missing that would only raise more errors.
    given_up: bool,
}

/// A list or mapping whose end has not come.
enum Open {
    List(Span, Vec<Node>),
    Mapping(Span, OpenMapping),
}

#[derive(Default)]
struct OpenMapping {
    entries: Vec<Entry>,
    /// The line of each key.
    lines: BTreeMap<String, u32>,
    /// A key whose value has not come.
    key: Option<Spanned<String>>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, at: Marker) {
        let span = self.span(at);
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::DocumentStart(_) => {
                if matches!(event, Event::DocumentStart(_)) && self.root.is_some() {
                    let message = "a second document begins here, a file holds one";
                    self.refuse(at, message.to_owned(), None);
                }
            }
            Event::Alias(_) => {
                let help = "write the value out, or use `variables:` and `${name}`";
                let message = "aliases are not read".to_owned();
                self.refuse(at, message, Some(help));
                self.add(Node {
                    span,
                    content: Content::List(Vec::new()),
                });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.decoration(at, anchor, tag.as_ref());
                self.add(Node {
                    span,
                    content: Content::Scalar {
                        text: text.into_owned(),
                        quoted: style != ScalarStyle::Plain,
                    },
                });
            }
            Event::SequenceStart(anchor, tag) => {
                self.decoration(at, anchor, tag.as_ref());
                self.open(at, Open::List(span, Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.decoration(at, anchor, tag.as_ref());
                self.open(at, Open::Mapping(span, OpenMapping::default()));
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
        }
    }

    fn decoration(&mut self, at: Marker, anchor: usize, tag: Option<&Cow<'_, Tag>>) {
        if anchor != 0 {
            let help = "write the value out, or use `variables:` and `${name}`";
            self.refuse(at, "anchors are not read".to_owned(), Some(help));
        }
        if let Some(tag) = tag {
            let message = format!("the tag {} is not read", quote(&tag.to_string()));
            self.refuse(at, message, Some("put text between quotes instead"));
        }
    }

    fn open(&mut self, at: Marker, open: Open) {
        self.open.push(open);
        if self.open.len() > DEPTH_MAX {
            let message = format!("values are nested deeper than {DEPTH_MAX} levels");
            self.refuse(at, message, None);
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::List(span, items)) => self.add(Node {
                span,
                content: Content::List(items),
            }),
            Some(Open::Mapping(span, mapping)) => self.add(Node {
                span,
                content: Content::Mapping(mapping.entries),
            }),
            None => {}
        }
    }

    fn add(&mut self, node: Node) {
        match self.open.last_mut() {
            None => {
                // Of a second document, already refused, only the first counts.
                self.root.get_or_insert(node);
            }
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Mapping(_, mapping)) => {
                let Some(key) = mapping.key.take() else {
                    let key = text_of_key(node).unwrap_or_else(|error| {
                        self.given_up = true;
                        let span = error.span;
                        self.errors.push(error);
                        let value = String::new();
                        Spanned { value, span }
                    });
                    mapping.key = Some(key);
                    return;
                };
                if let Some(line) = mapping.lines.get(&key.value) {
                    self.errors.push(doubled(&key, *line));
                } else {
                    mapping.lines.insert(key.value.clone(), key.span.line);
                    mapping.entries.push((key, node));
                }
            }
        }
    }

    fn refuse(&mut self, at: Marker, message: String, help: Option<&str>) {
        self.given_up = true;
        self.errors.push(ScenarioError {
            span: self.span(at),
            message,
            help: help.map(str::to_owned),
        });
    }

    fn span(&self, at: Marker) -> Span {
        Span {
            source: self.source,
            line: u32::try_from(at.line()).unwrap_or(u32::MAX),
            column: u32::try_from(at.col()).map_or(u32::MAX, |column| column.saturating_add(1)),
        }
    }
}

fn text_of_key(node: Node) -> Result<Spanned<String>, ScenarioError> {
    let span = node.span;
    match node.content {
        Content::Scalar { text, .. } => Ok(Spanned { value: text, span }),
        Content::List(_) | Content::Mapping(_) => Err(ScenarioError {
            span,
            message: format!("a key is text, but {} is given", node.found()),
            help: Some("between quotes, any text is a key".to_owned()),
        }),
    }
}

fn doubled(key: &Spanned<String>, first_line: u32) -> ScenarioError {
    ScenarioError {
        span: key.span,
        message: format!(
            "the key {} is given twice, first on line {first_line}",
            quote(&key.value)
        ),
        help: None,
    }
}

/// How deep lists and mappings may be nested.
const DEPTH_MAX: usize = 64;
