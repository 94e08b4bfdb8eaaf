//! A YAML tree to entries: which keys there are, and what each means.

use yaml_tree::Kind;

use super::entry::{DeviceEntry, Entries, Entry, Numbers};
use super::place::{Mistake, Place, shown};
use super::yaml::{Key, Node, describe, push_json, push_text};

const TOP_KEYS: &[&str] = &["devices", "configurations"];
/// As in a line of an export, and what a file has beside that.
const DEVICE_KEYS: &[&str] = &[
    "id",
    "count",
    "from",
    "status",
    "statusReason",
    "authentication",
    "capabilities",
    "deviceScope",
    "parentScopes",
    "tags",
    "properties",
    "modules",
];
const MODULE_KEYS: &[&str] = &["id", "authentication", "managedBy", "tags", "properties"];
const PROPERTIES_KEYS: &[&str] = &["desired", "reported"];
const CONFIGURATION_KEYS: &[&str] = &[
    "id",
    "schemaVersion",
    "labels",
    "content",
    "contentType",
    "targetCondition",
    "priority",
    "metrics",
];

/// Reads a whole tree; all that is wrong with its form goes to `mistakes`.
pub(super) fn read(root: &Node, mistakes: &mut Vec<Mistake>) -> Entries {
    let mut entries = Entries::default();
    let Some(members) = mapping(root, "a seed", TOP_KEYS, mistakes) else {
        return entries;
    };
    for (key, value) in members {
        for item in list(value, &key.text, mistakes) {
            match key.text.as_str() {
                "devices" => entries.devices.extend(device(item, mistakes)),
                "configurations" => {
                    let read = entry(item, "a configuration", CONFIGURATION_KEYS, &[], mistakes);
                    entries.configurations.extend(read);
                }
                _ => {}
            }
        }
    }
    entries
}

fn device(node: &Node, mistakes: &mut Vec<Mistake>) -> Option<DeviceEntry> {
    let apart = ["count", "from", "modules"];
    let entry = entry(node, "a device", DEVICE_KEYS, &apart, mistakes)?;
    let count = whole_number(node.entry("count"), mistakes);
    let first = whole_number(node.entry("from"), mistakes);
    let numbers = count.map(|count| Numbers {
        first: first.unwrap_or(1),
        count,
    });
    if let (Some((key, _)), None) = (node.entry("from"), count) {
        mistakes.push(
            key.place
                .mistake("from says where count begins, and there is no count"),
        );
    }
    let modules = node
        .entry("modules")
        .map(|(key, value)| list(value, &key.text, mistakes));
    let modules = modules.unwrap_or_default().iter();
    let modules = modules
        .filter_map(|module| self::entry(module, "a module", MODULE_KEYS, &[], mistakes))
        .collect();
    Some(DeviceEntry {
        entry,
        modules,
        numbers,
    })
}

/// A mapping with an `id`, as JSON without what is read `apart`.
fn entry(
    node: &Node,
    what: &str,
    known: &[&str],
    apart: &[&str],
    mistakes: &mut Vec<Mistake>,
) -> Option<Entry> {
    let members = mapping(node, what, known, mistakes)?;
    if let Some(properties) = node.get("properties") {
        mapping(properties, "properties", PROPERTIES_KEYS, mistakes);
    }
    let id = match node.get("id").map(|value| &value.kind) {
        Some(Kind::Scalar { text, .. }) if !text.is_empty() => text.clone(),
        _ => {
            mistakes.push(node.place.mistake(format!("{what} has no id")));
            return None;
        }
    };
    let mut text = String::from("{");
    for (key, value) in members {
        if key.text == "id" || apart.contains(&key.text.as_str()) {
            continue;
        }
        if text.len() > 1 {
            text.push(',');
        }
        push_text(&mut text, &key.text);
        text.push(':');
        if let Err(mistake) = push_json(value, &mut text) {
            mistakes.push(mistake);
        }
    }
    text.push('}');
    Some(Entry {
        place: node.place,
        id,
        text,
    })
}

fn mapping<'a>(
    node: &'a Node,
    what: &str,
    known: &[&str],
    mistakes: &mut Vec<Mistake>,
) -> Option<&'a [(Key, Node)]> {
    let Some(members) = node.entries() else {
        let message = format!("{what} must be a mapping, not {}", describe(node));
        mistakes.push(node.place.mistake(message));
        return None;
    };
    for (key, _) in members {
        if !known.contains(&key.text.as_str()) {
            mistakes.push(unknown_key(key.place, what, &key.text, known));
        }
    }
    Some(members)
}

/// A misspelt key would make a hub other than the one that was meant.
pub(super) fn unknown_key(place: Place, what: &str, found: &str, known: &[&str]) -> Mistake {
    let known = known.join(", ");
    place.mistake(format!("{what} has no {}; it has {known}", shown(found)))
}

fn list<'a>(node: &'a Node, name: &str, mistakes: &mut Vec<Mistake>) -> &'a [Node] {
    match &node.kind {
        Kind::List(items) => items,
        // `devices:` with nothing behind it.
        Kind::Scalar { text, is_plain } if *is_plain && text.is_empty() => &[],
        _ => {
            let message = format!("{name} must be a list, not {}", describe(node));
            mistakes.push(node.place.mistake(message));
            &[]
        }
    }
}

fn whole_number(member: Option<&(Key, Node)>, mistakes: &mut Vec<Mistake>) -> Option<u64> {
    let (key, value) = member?;
    let number = match &value.kind {
        Kind::Scalar { text, is_plain } if *is_plain => text.parse().ok(),
        _ => None,
    };
    if number.is_none() {
        let message = format!(
            "{} must be a whole number, not {}",
            key.text,
            describe(value)
        );
        mistakes.push(value.place.mistake(message));
    }
    number
}
