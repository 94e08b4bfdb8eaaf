//! Conditions and how values are compared.

use crate::scenario::ast::{Condition, Predicate};
use crate::scenario::fields::{Fields, Mistakes, nearest, word};
use crate::scenario::keys::{self, Form};
use crate::scenario::node::{Entry, Kind, Node, found, quote};
use crate::scenario::span::Span;

/// A mapping of one or several entries, all of which must be true.
pub(super) fn condition(node: &Node, mistakes: &mut Mistakes) -> Option<Condition> {
    let fields = Fields::beside_others(node, &keys::CONDITION, mistakes)?;
    all_of(node.place, fields.entries(|_| true), mistakes)
}

/// The same beside the keys of `form`, which somebody else reads.
pub(super) fn condition_beside(
    node: &Node,
    form: &'static Form,
    mistakes: &mut Mistakes,
) -> Option<Condition> {
    let fields = Fields::beside_others(node, form, mistakes)?;
    let entries = fields.entries(|key| !form.keys.contains(&key));
    all_of(node.place, entries, mistakes)
}

/// A list of conditions, at least `least` of them.
pub(super) fn conditions(
    node: &Node,
    what: &str,
    least: usize,
    mistakes: &mut Mistakes,
) -> Option<Vec<Condition>> {
    let Kind::List(items) = &node.kind else {
        let message = format!(
            "{what} is a list of conditions, but {} is given",
            found(node)
        );
        mistakes.add(node.place, message);
        return None;
    };
    if items.len() < least {
        let given = items.len();
        let message = format!("{what} needs at least {least} conditions, but has {given}");
        mistakes.add(node.place, message);
    }
    let read: Vec<_> = items.iter().map(|item| condition(item, mistakes)).collect();
    read.into_iter().collect()
}

fn all_of<'a>(
    span: Span,
    entries: impl Iterator<Item = &'a Entry>,
    mistakes: &mut Mistakes,
) -> Option<Condition> {
    let read: Vec<_> = entries
        .map(|(key, node)| one(key.place, &key.text, node, mistakes))
        .collect();
    if read.is_empty() {
        let help = "for example `connected: true` or `reported.status: booted`";
        mistakes.add_with_help(span, "there is no condition", help);
    }
    let read: Vec<Condition> = read.into_iter().collect::<Option<_>>()?;
    together(read)
}

/// Conditions that hold together, one alone as it is.
fn together(mut conditions: Vec<Condition>) -> Option<Condition> {
    if conditions.len() > 1 {
        return Some(Condition::All(conditions));
    }
    conditions.pop()
}

fn one(at: Span, key: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Condition> {
    match key {
        "connected" => mistakes
            .boolean(node, "`connected`")
            .map(Condition::Connected),
        "method" => method(node, mistakes),
        "method-failed" => method_failed(node, mistakes),
        "message" => message(node, mistakes),
        "c2d" => {
            mistakes.word(node, "outcome of a message", keys::C2D_OUTCOMES)?;
            node.scalar().map(str::to_owned).map(Condition::C2dSettled)
        }
        "disconnected-by" => {
            mistakes.word(node, "reason of a disconnect", keys::DISCONNECT_REASONS)?;
            node.scalar()
                .map(str::to_owned)
                .map(Condition::DisconnectedBy)
        }
        "any" => conditions(node, "`any`", 1, mistakes).map(Condition::Any),
        "not" => condition(node, mistakes).map(|condition| Condition::Not(Box::new(condition))),
        _ => property(at, key, node, mistakes),
    }
}

/// `reported.a.b: …`
fn property(at: Span, key: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Condition> {
    let first = key.split(['.', '[']).next().unwrap_or(key);
    let Some(document) = word(keys::DOCUMENTS, first) else {
        unknown(at, key, first, mistakes);
        return None;
    };
    let path = match path(&key[first.len()..]) {
        Ok(path) => path,
        Err(problem) => {
            let help = "write it as `reported.a.b`, or `reported['key.with.dots'].b`";
            mistakes.add_with_help(at, format!("{} {problem}", quote(key)), help);
            return None;
        }
    };
    let predicates = predicates(node, mistakes)?;
    together(
        predicates
            .into_iter()
            .map(|predicate| Condition::Path {
                document,
                path: path.clone(),
                predicate,
            })
            .collect(),
    )
}

fn unknown(at: Span, key: &str, first: &str, mistakes: &mut Mistakes) {
    let documents: Vec<_> = keys::DOCUMENTS.iter().map(|(word, _)| *word).collect();
    let message = format!("{} is no condition", quote(key));
    if first.len() < key.len()
        && let Some(document) = nearest(first, &documents)
    {
        let meant = format!("{document}{}", &key[first.len()..]);
        mistakes.add_with_help(at, message, format!("did you mean {}?", quote(&meant)));
        return;
    }
    let known = keys::CONDITION.keys.iter().copied();
    let known = known.chain(["reported.…", "desired.…", "tags.…"]);
    mistakes.unknown(at, message, key, known, "the conditions are");
}

/// `.a.b` or `['a.b'].c`
fn path(mut rest: &str) -> Result<Vec<String>, String> {
    let mut path = Vec::new();
    while !rest.is_empty() {
        let (key, after) = if let Some(quoted) = rest.strip_prefix('[') {
            let quote = quoted.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let quote = quote.ok_or("has a `[` without a quoted key")?;
            quoted[1..]
                .split_once(&format!("{quote}]"))
                .ok_or("has a `[` without its end")?
        } else if let Some(plain) = rest.strip_prefix('.') {
            plain.split_at(plain.find(['.', '[']).unwrap_or(plain.len()))
        } else {
            return Err("has no `.` after `]`".to_owned());
        };
        if key.is_empty() {
            return Err("has an empty key".to_owned());
        }
        path.push(key.to_owned());
        rest = after;
    }
    if path.is_empty() {
        return Err("names no property".to_owned());
    }
    Ok(path)
}

fn method(node: &Node, mistakes: &mut Mistakes) -> Option<Condition> {
    let fields = Fields::of(node, &keys::METHOD, mistakes)?;
    let name = fields.get("name").map(|node| mistakes.text(node, "`name`"));
    let status = fields
        .get("status")
        .map(|node| mistakes.whole(node, "`status`", i32::MIN..=i32::MAX));
    Some(Condition::MethodAnswered {
        name: transposed(name)?.map(|name| name.value),
        status: transposed(status)?,
    })
}

fn method_failed(node: &Node, mistakes: &mut Mistakes) -> Option<Condition> {
    if node.scalar() == Some("any") {
        return Some(Condition::MethodFailed(None));
    }
    let code = error_code(node, mistakes)?;
    Some(Condition::MethodFailed(Some(code)))
}

/// A code of the hub by name.
pub(super) fn error_code(node: &Node, mistakes: &mut Mistakes) -> Option<String> {
    let code = mistakes.text(node, "an error of the hub")?.value;
    let names = || {
        hub_proto::error_code::ErrorCode::ALL
            .iter()
            .map(|code| code.name())
    };
    if names().any(|name| name == code) {
        return Some(code);
    }
    let message = format!("{} is no error of the hub", found(node));
    mistakes.unknown(node.place, message, &code, names(), "there are");
    None
}

fn message(node: &Node, mistakes: &mut Mistakes) -> Option<Condition> {
    let fields = Fields::of(node, &keys::MESSAGE, mistakes)?;
    let Some(body) = fields.get("body") else {
        return Some(Condition::Message { body: None });
    };
    let of_body = |predicate| Condition::Message {
        body: Some(predicate),
    };
    let predicates = predicates(body, mistakes)?;
    together(predicates.into_iter().map(of_body).collect())
}

/// A plain value, or a mapping of comparisons, all of which must hold.
pub(super) fn predicates(node: &Node, mistakes: &mut Mistakes) -> Option<Vec<Predicate>> {
    if node.is_null() {
        let help = "for a property that must not be there write `{exists: false}`";
        let message = "a property never has the value nothing";
        mistakes.add_with_help(node.place, message, help);
        return None;
    }
    if node.entries().is_none() {
        return Some(vec![Predicate::Equals(mistakes.json(node)?)]);
    }
    let fields = Fields::beside_others(node, &keys::PREDICATE, mistakes)?;
    let read: Vec<_> = fields
        .entries(|_| true)
        .map(|(key, node)| predicate(key.place, &key.text, node, mistakes))
        .collect();
    if read.is_empty() {
        let help = "to compare with an empty object write `{equals: {}}`";
        mistakes.add_with_help(node.place, "there is no comparison", help);
        return None;
    }
    read.into_iter().collect()
}

fn predicate(at: Span, key: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Predicate> {
    match key {
        "equals" => mistakes.json(node).map(Predicate::Equals),
        "not" => mistakes.json(node).map(Predicate::Differs),
        "exists" => mistakes.boolean(node, "`exists`").map(Predicate::Exists),
        "at-least" => mistakes.number(node, "`at-least`").map(Predicate::AtLeast),
        "at-most" => mistakes.number(node, "`at-most`").map(Predicate::AtMost),
        "contains" => {
            let text = mistakes.text(node, "`contains`")?;
            Some(Predicate::Contains(text.value))
        }
        "matches" => {
            let text = mistakes.text(node, "`matches`")?;
            Some(Predicate::Matches(text.value))
        }
        _ => {
            let known = keys::PREDICATE.keys;
            let message = format!("unknown key {} in a comparison", quote(key));
            let help = match nearest(key, known) {
                Some(meant) => format!("did you mean {}?", quote(meant)),
                None => "to compare with an object write `{equals: {…}}`".to_owned(),
            };
            mistakes.add_with_help(at, message, help);
            None
        }
    }
}

/// `None` if there is a value and it could not be read.
#[expect(clippy::option_option, reason = "there and readable are two questions")]
pub(super) fn transposed<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(None) => None,
        Some(value) => Some(value),
    }
}
