//! Behaviours as YAML: the bounds they are read within, and how its mistakes are told.

use serde_json::Value;
use yaml_tree::{Bounds, NotJson, Problem};

use super::error::{Fault, Place, shown};

pub(super) type Node = yaml_tree::Node<Place>;
pub(super) type Key = yaml_tree::Key<Place>;
pub(super) type Kind = yaml_tree::Kind<Place>;

const TEXT_BYTES_MAX: usize = 256 * 1024;
const BOUNDS: Bounds = Bounds {
    depth: 32,
    values: 10_000,
};

/// Reads one document.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let start = Place { line: 1, column: 1 };
    if text.len() > TEXT_BYTES_MAX {
        let bytes = text.len();
        let message = format!("the file has {bytes} bytes, at most {TEXT_BYTES_MAX} are read");
        return Err(Fault::new(start, message));
    }
    let parsed = yaml_tree::parse(text, BOUNDS, |line, column| Place { line, column });
    match parsed.mistakes.into_iter().next() {
        None => parsed
            .root
            .ok_or_else(|| Fault::new(start, "the file is empty")),
        Some(mistake) => Err(fault(mistake)),
    }
}

fn fault(mistake: yaml_tree::Mistake<Place>) -> Fault {
    let yaml_tree::Mistake { place, problem } = mistake;
    match problem {
        Problem::Alias | Problem::Anchor | Problem::Tag(_) => {
            Fault::new(place, problem.to_string())
                .help("write the value out, or make it a parameter")
        }
        Problem::DoubledKey { key, first_line } => {
            let message = format!("key {:?} stands here a second time", shown(&key));
            Fault::new(place, message).help(format!("the first is in line {first_line}"))
        }
        problem => Fault::new(place, problem.to_string()),
    }
}

/// The tree as JSON.
pub(super) fn json(node: &Node) -> Result<Value, Fault> {
    node.to_json().map_err(|NotJson { place, text }| {
        Fault::new(place, format!("{:?} is no number of JSON", shown(&text)))
    })
}

/// What it is, for messages.
pub(super) fn describe(node: &Node) -> String {
    node.describe(|text| format!("{:?}", shown(text)))
}
