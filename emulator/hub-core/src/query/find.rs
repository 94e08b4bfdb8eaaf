//! Finding what a path leads to: in a section of a twin, or in JSON text.

use std::borrow::Cow;
use std::fmt::Write as _;

use hub_proto::time::Timestamp;

use super::path::{Root, Step};
use super::spots::{Spots, Which};
use crate::configuration::Record;
use crate::json::{Reader, Token, push_string, unquote};
use crate::twin::Twin;
use crate::twin::document::{self, MetadataForm};
use crate::twin::section::Section;
use crate::twin::tree::{Members, Node, Stamp, Value};

/// What a path leads to, where it lives. Nothing is read or printed before it is needed, so that
/// numbers come out as they were sent.
#[derive(Clone, Debug)]
pub(super) enum Found<'a> {
    /// JSON text of any value; owned, of an object or array.
    Json(Cow<'a, str>),
    /// A text.
    Text(Cow<'a, str>),
    Null,
    Bool(bool),
    Count(u64),
    Time(Timestamp),
    /// An object within tags or properties.
    Members(Members<'a>),
    /// Desired or reported properties with their metadata.
    Section(&'a Section, MetadataForm<'a>),
    /// Both.
    Properties(&'a Twin, Option<&'a Record>),
    /// The metadata of a node, which mirrors the node.
    Metadata(Stamp, Members<'a>, MetadataForm<'a>),
}

impl Found<'_> {
    /// Appends it as JSON text.
    pub(super) fn print(&self, out: &mut String) {
        match self {
            Self::Json(text) => out.push_str(text),
            Self::Text(text) => push_string(out, text),
            Self::Null => out.push_str("null"),
            Self::Bool(value) => push(out, format_args!("{value}")),
            Self::Count(count) => push(out, format_args!("{count}")),
            Self::Time(at) => push(out, format_args!("\"{at}\"")),
            Self::Members(members) => {
                out.push('{');
                document::push_members(out, *members);
                out.push('}');
            }
            Self::Section(section, form) => document::push_section(out, section, *form),
            Self::Properties(twin, writers) => document::push_properties(out, twin, *writers),
            Self::Metadata(stamp, members, form) => {
                document::push_metadata(out, *stamp, *members, *form);
            }
        }
    }
}

/// Follows `steps` into tags, desired or reported properties. `writers` is what is known of who wrote
/// the desired ones.
pub(super) fn find_in_twin<'a>(
    twin: &'a Twin,
    root: Root,
    steps: &[Step],
    writers: impl Fn() -> Option<&'a Record>,
    spots: Option<&Spots>,
) -> Option<Found<'a>> {
    let which = match root {
        // A row has no tags at all when there are none.
        Root::Tags if twin.tags.is_empty() => return None,
        Root::Tags => Which::Tags,
        Root::Desired => Which::Desired,
        Root::Reported => Which::Reported,
        _ => return None,
    };
    let section = which.of(twin);
    let form = || match which {
        Which::Desired => MetadataForm::TimesAndVersions(writers()),
        Which::Tags | Which::Reported => MetadataForm::Times,
    };
    match (steps, spots) {
        ([], _) if which != Which::Tags => Some(Found::Section(section, form())),
        ([Step::Key(name), below @ ..], _) if name.starts_with('$') => {
            match (&**name, below) {
                // No other key begins so, and tags show no metadata.
                _ if which == Which::Tags => None,
                ("$version", []) => Some(Found::Count(section.version.into())),
                ("$metadata", below) => find_in_metadata(section, form(), below),
                _ => None,
            }
        }
        ([first, below @ ..], Some(spots)) => find_in_node(spots.find(twin, which, first)?, below),
        _ => find_in_members(section.members(), steps),
    }
}

/// The metadata mirrors the tree, so it is found by walking the tree.
fn find_in_metadata<'a>(
    section: &'a Section,
    form: MetadataForm<'a>,
    steps: &[Step],
) -> Option<Found<'a>> {
    let mut stamp = section.stamp;
    let mut members = section.members();
    for (place, step) in steps.iter().enumerate() {
        let Step::Key(key) = step else { return None };
        if key.starts_with('$') {
            let is_last = place + 1 == steps.len();
            return is_last.then(|| find_stamp(stamp, form, key)).flatten();
        }
        let node = members.find(key)?;
        stamp = node.stamp();
        members = node.members();
    }
    Some(Found::Metadata(stamp, members, form))
}

/// A part of a stamp. No key of a twin begins with `$`.
fn find_stamp<'a>(stamp: Stamp, form: MetadataForm<'a>, key: &str) -> Option<Found<'a>> {
    let writers = match form {
        MetadataForm::TimesAndVersions(writers) => writers,
        MetadataForm::Times | MetadataForm::None => None,
    };
    let writer = || writers?.writer(stamp.version);
    match (key, form) {
        ("$lastUpdated", _) => Some(Found::Time(stamp.updated)),
        ("$lastUpdatedVersion", MetadataForm::TimesAndVersions(_)) if stamp.version > 0 => {
            Some(Found::Count(stamp.version.into()))
        }
        ("$lastUpdatedBy", _) => writer().map(|(by, _)| Found::Text(Cow::Borrowed(by.as_str()))),
        ("$lastUpdatedByDigest", _) => writer().map(|(_, digest)| Found::Text(Cow::Owned(digest))),
        _ => None,
    }
}

fn find_in_members<'a>(members: Members<'a>, steps: &[Step]) -> Option<Found<'a>> {
    match steps {
        [] => Some(Found::Members(members)),
        [Step::Key(key), below @ ..] => find_in_node(members.find(key)?, below),
        [Step::Index(_), ..] => None,
    }
}

fn find_in_node<'a>(node: Node<'a>, steps: &[Step]) -> Option<Found<'a>> {
    let text = match node.value {
        Value::Object(members) => return find_in_members(members, steps),
        Value::Leaf(text) if steps.is_empty() => text,
        Value::Leaf(text) => find_in_text(text, steps)?,
    };
    Some(Found::Json(Cow::Borrowed(text)))
}

/// Follows `steps` into a JSON text, and gives the text of what they lead to.
pub(super) fn find_in_text<'a>(text: &'a str, steps: &[Step]) -> Option<&'a str> {
    let mut reader = Reader::new(text);
    for step in steps {
        match (reader.next()?, step) {
            (Token::BeginArray, Step::Index(index)) => {
                for _ in 0..*index {
                    let mut ahead = reader;
                    if ahead.next()? == Token::EndArray {
                        return None;
                    }
                    reader.skip_value();
                }
            }
            (Token::BeginObject, Step::Key(key)) => {
                // The last of equal keys wins.
                let mut value = None;
                while let Some(Token::String(token)) = reader.next() {
                    if unquote(token).is_some_and(|name| *name == **key) {
                        value = Some(reader);
                    }
                    reader.skip_value();
                }
                reader = value?;
            }
            _ => return None,
        }
    }
    let mut ahead = reader;
    match ahead.next()? {
        // Behind the last element of an array.
        Token::EndObject | Token::EndArray => None,
        Token::BeginObject
        | Token::BeginArray
        | Token::String(_)
        | Token::Number(_)
        | Token::Bool(_)
        | Token::Null => Some(reader.skip_value()),
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes any text");
}
