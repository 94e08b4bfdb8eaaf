//! One section of a twin (tags, desired or reported): what a patch would do to it, and doing it.

use std::collections::HashMap;

use hub_proto::time::Timestamp;
use smol_str::SmolStr;

use super::patch::{INDEX_ABOVE, Patch, PatchNode};
use super::size;
use super::tree::{Entry, Node, Stamp, Value};
use crate::json::push_string;

/// A section.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) children: Box<[Entry]>,
    /// Of the section itself.
    pub(crate) stamp: Stamp,
    /// `$version`. SDKs read it into 32 bits.
    pub(crate) version: u32,
    /// By the hub's way of counting.
    size: u32,
}

/// What a patch would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Whether it sets or deletes anything. Setting a value to what it is counts too: a change is
    /// known by presence, not by difference (Azure/azure-iot-sdk-csharp#954).
    pub(crate) counts: bool,
    /// By how much the section grows.
    growth: i64,
}

impl Section {
    /// An empty section.
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            children: Box::default(),
            stamp: Stamp {
                updated: at,
                version: 0,
            },
            version: 1,
            size: 0,
        }
    }

    /// A section of its parts.
    pub(crate) fn from_parts(children: Box<[Entry]>, stamp: Stamp, version: u32) -> Self {
        let size = u32::try_from(size::of_children(&children)).unwrap_or(u32::MAX);
        Self {
            children,
            stamp,
            version,
            size,
        }
    }

    /// What it counts, by the hub's way of counting.
    pub(crate) fn size(&self) -> usize {
        self.size as usize
    }

    /// What it will count after `effect`.
    pub(crate) fn size_after(&self, effect: Effect) -> usize {
        usize::try_from(i64::from(self.size) + effect.growth).unwrap_or(0)
    }

    /// What merging `patch` would do.
    pub(crate) fn effect_of_merge(&self, patch: &Patch) -> Effect {
        effect_of_merge(&self.children, patch)
    }

    /// What having `patch` instead would do.
    pub(crate) fn effect_of_replace(&self, patch: &Patch) -> Effect {
        let sets = patch
            .entries()
            .iter()
            .any(|(_, node)| *node != PatchNode::Null);
        Effect {
            counts: sets || !self.children.is_empty(),
            growth: signed(size::of_patch(patch)) - i64::from(self.size),
        }
    }

    /// Merges `patch`, whose effect was found to be `effect`, and counts one version up.
    pub(crate) fn merge(&mut self, patch: Patch, effect: Effect, at: Timestamp) {
        let stamp = self.next_stamp(effect, at);
        merge(&mut self.children, patch, stamp);
    }

    /// Has `patch` instead of what there was, and counts one version up.
    pub(crate) fn replace(&mut self, patch: Patch, effect: Effect, at: Timestamp) {
        let stamp = self.next_stamp(effect, at);
        self.children = build(patch, stamp);
    }

    fn next_stamp(&mut self, effect: Effect, at: Timestamp) -> Stamp {
        self.size = u32::try_from(self.size_after(effect)).unwrap_or(u32::MAX);
        self.version = self.version.saturating_add(1);
        self.stamp = Stamp {
            updated: at,
            version: self.version,
        };
        self.stamp
    }
}

/// What merging `patch` into an object would do.
fn effect_of_merge(children: &[Entry], patch: &Patch) -> Effect {
    let mut effect = Effect::default();
    for ((key, node), place) in patch.entries().iter().zip(places(children, patch)) {
        let old = place.map(|place| &children[place].node.value);
        let growth = match (old, node) {
            (None, PatchNode::Null) => continue,
            (Some(Value::Object(below)), PatchNode::Object(patch)) => {
                let below = effect_of_merge(below, patch);
                if !below.counts {
                    continue;
                }
                below.growth
            }
            (None, node) => signed(size::of_string(key) + size::of_patch_node(node)),
            (Some(old), PatchNode::Null) => -signed(size::of_string(key) + size::of_value(old)),
            (Some(old), node) => signed(size::of_patch_node(node)) - signed(size::of_value(old)),
        };
        effect.counts = true;
        effect.growth += growth;
    }
    effect
}

/// Merges `patch` into an object; says whether it counted.
fn merge(children: &mut Box<[Entry]>, patch: Patch, stamp: Stamp) -> bool {
    let places = places(children, &patch);
    let mut counted = false;
    let mut deleted = vec![false; children.len()];
    let mut added = Vec::new();
    for ((key, node), place) in patch.into_entries().into_iter().zip(places) {
        match (place, node) {
            (None, PatchNode::Null) => {}
            (None, node) => added.extend(store(key, node, stamp)),
            (Some(place), PatchNode::Null) => {
                deleted[place] = true;
                counted = true;
            }
            (Some(place), node) => counted |= merge_node(&mut children[place].node, node, stamp),
        }
    }
    counted |= !added.is_empty();
    if !added.is_empty() || deleted.contains(&true) {
        let kept = std::mem::take(children).into_iter().zip(deleted);
        let kept = kept.filter_map(|(entry, deleted)| (!deleted).then_some(entry));
        *children = kept.chain(added).collect();
    }
    counted
}

/// Merges a value that is not null into a node; says whether it counted.
fn merge_node(node: &mut Node, patch: PatchNode, stamp: Stamp) -> bool {
    let counted = match (&mut node.value, patch) {
        (Value::Object(children), PatchNode::Object(patch)) => merge(children, patch, stamp),
        (value, patch) => {
            let Some(new) = value_of(patch, stamp) else {
                return false;
            };
            *value = new;
            true
        }
    };
    if counted {
        node.stamp = stamp;
    }
    counted
}

/// The members that `patch` makes where nothing was.
fn build(patch: Patch, stamp: Stamp) -> Box<[Entry]> {
    let entries = patch.into_entries().into_iter();
    let stored: Vec<Entry> = entries
        .filter_map(|(key, node)| store(key, node, stamp))
        .collect();
    stored.into_boxed_slice()
}

fn store(key: SmolStr, node: PatchNode, stamp: Stamp) -> Option<Entry> {
    value_of(node, stamp).map(|value| Entry {
        key,
        node: Node { stamp, value },
    })
}

/// What a patch's value is once stored; null is not.
fn value_of(node: PatchNode, stamp: Stamp) -> Option<Value> {
    match node {
        PatchNode::Null => None,
        PatchNode::Leaf(text) => Some(Value::Leaf(text)),
        PatchNode::Object(patch) => Some(Value::Object(build(patch, stamp))),
    }
}

/// Where each member of `patch` is among `children`. Two large objects meet over an index.
pub(crate) fn places(children: &[Entry], patch: &Patch) -> Vec<Option<usize>> {
    let keys = patch.entries().iter().map(|(key, _)| key);
    if children.len() <= INDEX_ABOVE || patch.entries().len() <= 2 {
        return keys
            .map(|key| children.iter().position(|entry| entry.key == *key))
            .collect();
    }
    let numbered = children.iter().enumerate();
    let index: HashMap<&SmolStr, usize> =
        numbered.map(|(place, entry)| (&entry.key, place)).collect();
    keys.map(|key| index.get(key).copied()).collect()
}

/// Appends what a device must merge to get from `old` to `new`: all of the new set, and null for each
/// key that goes, in the place it had.
pub(crate) fn print_replacement(old: &[Entry], new: &Patch, out: &mut String) {
    let mut is_old = vec![false; new.entries().len()];
    // Where the new value of each old key is.
    let mut new_places: Vec<Option<usize>> = vec![None; old.len()];
    for (place, old_place) in places(old, new).into_iter().enumerate() {
        if let Some(old_place) = old_place {
            is_old[place] = true;
            new_places[old_place] = Some(place);
        }
    }
    out.push('{');
    let start = out.len();
    for (entry, place) in old.iter().zip(new_places) {
        let node = place.map_or(&PatchNode::Null, |place| &new.entries()[place].1);
        print_key(&entry.key, start, out);
        match (&entry.node.value, node) {
            (Value::Object(old), PatchNode::Object(new)) => print_replacement(old, new, out),
            (_, node) => node.print(out),
        }
    }
    for ((key, node), is_old) in new.entries().iter().zip(is_old) {
        if !is_old && *node != PatchNode::Null {
            print_key(key, start, out);
            node.print(out);
        }
    }
    out.push('}');
}

/// Appends a key of the object that began at `start`.
pub(crate) fn print_key(key: &str, start: usize, out: &mut String) {
    if out.len() > start {
        out.push(',');
    }
    push_string(out, key);
    out.push(':');
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
