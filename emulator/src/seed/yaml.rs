//! Seeds as YAML: the bounds they are read within, and their values as JSON text.

use serde_json::Value;
use serde_json::value::RawValue;
use yaml_tree::{Bounds, Kind, NotJson, Problem};

use super::place::{Mistake, Place, shown};

pub(super) type Node = yaml_tree::Node<Place>;
pub(super) type Key = yaml_tree::Key<Place>;

const BOUNDS: Bounds = Bounds {
    depth: 32,
    values: 1_000_000,
};

/// Reads the one document of a text; `None`: there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Mistake> {
    let place = |line, column| Place {
        line: line as usize,
        column: column as usize,
    };
    let parsed = yaml_tree::parse(text, BOUNDS, place);
    match parsed.mistakes.into_iter().next() {
        None => Ok(parsed.root),
        Some(yaml_tree::Mistake { place, problem }) => Err(place.mistake(match problem {
            Problem::TooMany(_) => {
                format!("{problem}: write one line of JSON a device, or `count`")
            }
            Problem::Alias | Problem::Anchor | Problem::Tag(_) => {
                format!("{problem}: write the value out")
            }
            problem => problem.to_string(),
        })),
    }
}

/// The tree as JSON text. Numbers keep the form they are written in where it is one of JSON: 1.10
/// stays 1.10.
pub(super) fn push_json(node: &Node, out: &mut String) -> Result<(), Mistake> {
    match &node.kind {
        Kind::Scalar {
            text,
            is_plain: true,
        } if is_number(text) => out.push_str(text),
        Kind::Scalar { .. } => {
            let value = node.to_json().map_err(|NotJson { place, text }| {
                place.mistake(format!("{} is no number of JSON", shown(&text)))
            })?;
            // The `Display` of a JSON value is JSON.
            out.push_str(&value.to_string());
        }
        Kind::List(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                push_json(item, out)?;
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
                push_json(value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok()
}

pub(super) fn push_text(out: &mut String, text: &str) {
    // Quoted and escaped.
    out.push_str(&Value::from(text).to_string());
}

/// What it is, for messages.
pub(super) fn describe(node: &Node) -> String {
    node.describe(shown)
}
