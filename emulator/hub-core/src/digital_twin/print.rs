//! A device twin as a digital twin document.

use std::collections::BTreeSet;

use super::{COMPONENT, MARK};
use crate::json::push_string;
use crate::twin::Twin;
use crate::twin::document::push_members;
use crate::twin::tree::{Members, Node, Value};

/// The document of the digital twin `id`. A device without a model has nothing in it: only what a model
/// describes is part of a digital twin.
pub(crate) fn print(id: &str, twin: &Twin) -> String {
    let mut out = String::from("{\"$dtId\":");
    push_string(&mut out, id);
    let mut metadata = String::from("{\"$model\":");
    push_string(&mut metadata, twin.model_id());
    if !twin.model_id().is_empty() {
        let (desired, reported) = (twin.desired.members(), twin.reported.members());
        push_properties(&mut out, &mut metadata, Level { desired, reported }, true);
    }
    out.push_str(",\"$metadata\":");
    out.push_str(&metadata);
    out.push_str("}}");
    out
}

/// Properties of the root or of a component, as both sides of the twin have them.
#[derive(Clone, Copy)]
struct Level<'a> {
    desired: Members<'a>,
    reported: Members<'a>,
}

/// Appends the members to `out`, each behind a comma, and what is to be said of them to `metadata`.
fn push_properties(out: &mut String, metadata: &mut String, level: Level<'_>, is_root: bool) {
    let mut seen = BTreeSet::new();
    for member in level.reported.into_iter().chain(level.desired) {
        let key = member.key;
        if key == MARK || !seen.insert(key) {
            continue;
        }
        let (desired, reported) = (level.desired.find(key), level.reported.find(key));
        if is_root && [desired, reported].into_iter().flatten().any(is_component) {
            push_component(out, key, desired, reported);
            continue;
        }
        let acknowledged = reported.and_then(acknowledged);
        if let Some(reported) = reported {
            push_key(out, key);
            push_value(out, acknowledged.map_or(reported, |(value, _)| value));
        }
        push_key(metadata, key);
        let acknowledgement = acknowledged.map(|(_, members)| members);
        push_about(metadata, desired, reported, acknowledgement);
    }
}

fn push_component(
    out: &mut String,
    key: &str,
    desired: Option<Node<'_>>,
    reported: Option<Node<'_>>,
) {
    let (mut members, mut metadata) = (String::new(), String::new());
    let level = Level {
        desired: children(desired),
        reported: children(reported),
    };
    push_properties(&mut members, &mut metadata, level, false);
    push_key(out, key);
    out.push('{');
    out.push_str(members.trim_start_matches(','));
    if !members.is_empty() {
        out.push(',');
    }
    out.push_str("\"$metadata\":{");
    out.push_str(metadata.trim_start_matches(','));
    out.push_str("}}");
}

/// What is known of one property beside its value; what is not known is left out.
fn push_about(
    out: &mut String,
    desired: Option<Node<'_>>,
    reported: Option<Node<'_>>,
    acknowledgement: Option<Members<'_>>,
) {
    out.push('{');
    if let Some(desired) = desired {
        out.push_str("\"desiredValue\":");
        push_value(out, desired);
        out.push_str(",\"desiredVersion\":");
        out.push_str(&desired.stamp().version.to_string());
        out.push(',');
    }
    for (key, name) in ACKNOWLEDGEMENT {
        if let Some(node) = acknowledgement.and_then(|members| members.find(key)) {
            push_string(out, name);
            out.push(':');
            push_value(out, node);
            out.push(',');
        }
    }
    let times = [desired, reported].into_iter().flatten();
    if let Some(updated) = times.map(|node| node.stamp().updated).max() {
        out.push_str("\"lastUpdateTime\":");
        push_string(out, &updated.to_string());
    }
    out.push('}');
}

/// Value and members of a report that acknowledges a desired property:
/// `{"value": …, "ac": 200, "av": 3, "ad": "done"}`.
fn acknowledged(reported: Node<'_>) -> Option<(Node<'_>, Members<'_>)> {
    let members = children(Some(reported));
    let value = members.find("value")?;
    members.find("ac")?;
    members.find("av")?;
    let is_known = |key: &str| key == "value" || ACKNOWLEDGEMENT.iter().any(|(one, _)| *one == key);
    let is_one = members.into_iter().all(|member| is_known(member.key));
    is_one.then_some((value, members))
}

/// Members of an acknowledgement, and what the digital twin calls them.
const ACKNOWLEDGEMENT: [(&str, &str); 3] = [
    ("av", "ackVersion"),
    ("ac", "ackCode"),
    ("ad", "ackDescription"),
];

/// Whether an object says that it is a component.
pub(super) fn is_component(node: Node<'_>) -> bool {
    let mark = node.members().find(MARK);
    matches!(mark.map(|mark| mark.value), Some(Value::Leaf(text)) if text == COMPONENT)
}

/// The members of an object; none of anything else.
pub(super) fn children(node: Option<Node<'_>>) -> Members<'_> {
    node.map(Node::members).unwrap_or_default()
}

fn push_key(out: &mut String, key: &str) {
    out.push(',');
    push_string(out, key);
    out.push(':');
}

fn push_value(out: &mut String, node: Node<'_>) {
    match node.value {
        Value::Leaf(text) => out.push_str(text),
        Value::Object(members) => {
            out.push('{');
            push_members(out, members);
            out.push('}');
        }
    }
}
