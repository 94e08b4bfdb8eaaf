//! A scenario's file as YAML: the bounds it is read within, and how its mistakes are told.

use yaml_tree::{Bounds, Problem};

use super::error::ScenarioError;
use super::node::{Node, quote};
use super::span::Span;

const BOUNDS: Bounds = Bounds {
    depth: 64,
    values: 100_000,
};

/// Reads the one document of `text`, which is source number `source`. Mistakes go to `errors`; `None`
/// if nothing sensible can be made of the rest.
pub(super) fn read(source: u16, text: &str, errors: &mut Vec<ScenarioError>) -> Option<Node> {
    let parsed = yaml_tree::parse(text, BOUNDS, |line, column| Span {
        source,
        line,
        column,
    });
    errors.extend(parsed.mistakes.into_iter().map(told));
    parsed.root
}

fn told(mistake: yaml_tree::Mistake<Span>) -> ScenarioError {
    let yaml_tree::Mistake { place, problem } = mistake;
    let help = match &problem {
        Problem::Alias | Problem::Anchor => {
            Some("write the value out, or use `variables:` and `${name}`")
        }
        Problem::Tag(_) => Some("put text between quotes instead"),
        Problem::KeyIsNoText { .. } => Some("between quotes, any text is a key"),
        _ => None,
    };
    let message = match problem {
        Problem::SecondDocument => format!("{problem}, a file holds one"),
        Problem::Tag(tag) => format!("the tag {} is not read", quote(&tag)),
        Problem::KeyIsNoText { found } => format!("a key is text, but {found} is given"),
        Problem::DoubledKey { key, first_line } => {
            let key = quote(&key);
            format!("the key {key} is given twice, first on line {first_line}")
        }
        Problem::TooDeep(max) => format!("values are nested deeper than {max} levels"),
        problem => problem.to_string(),
    };
    ScenarioError {
        span: place,
        message,
        help: help.map(str::to_owned),
    }
}
