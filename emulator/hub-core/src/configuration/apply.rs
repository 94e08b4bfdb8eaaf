//! Writing what the matching configurations say into one twin.
//!
//! Each configuration's share is one write of the desired properties: a version, a notification. The
//! section of each path becomes exactly the content's, so what the content lacks goes; everything
//! else stays. What a configuration wrote stays when it lets go: a live hub keeps it after a delete,
//! and a record of what was there before does not exist.

use std::collections::BTreeSet;

use hub_proto::time::Timestamp;
use smol_str::SmolStr;

use super::content::Assignment;
use super::fold::{Share, fold};
use super::id::ConfigurationId;
use super::record::{ConfigurationStatus, Entry, Record, Writer};
use super::rollout::Write;
use super::targets::Target;
use crate::error::HubError;
use crate::limits::Limits;
use crate::twin::patch::{Patch, PatchNode};
use crate::twin::section::Section;
use crate::twin::tree::{Members, Value};
use crate::twin::{DesiredChange, Twin, TwinUpdate, UpdateMode};

/// One thing that an evaluation did.
#[derive(Debug, PartialEq)]
pub(crate) enum Fact {
    /// Desired properties were written.
    Written(DesiredChange),
    /// A configuration could not be written, for the reason given.
    Refused(ConfigurationId, String),
    /// A configuration is something else to the twin than before; `None`: nothing any more.
    Status(ConfigurationId, Option<ConfigurationStatus>),
}

/// Makes the twin what `matching` (lowest rank first) want it to be; says what was done, in order.
pub(crate) fn apply(
    at: Timestamp,
    matching: &[&Target],
    twin: &mut Twin,
    record: &mut Option<Box<Record>>,
    limits: &Limits,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    let old = record.take().map(|record| *record).unwrap_or_default();
    let contents: Vec<&[Assignment]> = matching.iter().map(|target| target.assignments()).collect();
    let shares = fold(&contents);
    let is_deployment = |entry: &&Entry| {
        entry.is_deployment && matching.iter().all(|target| *target.id() != entry.id)
    };
    let mut new = Record {
        entries: old.entries.iter().filter(is_deployment).cloned().collect(),
        writers: old.writers.clone(),
    };
    for (target, share) in matching.iter().zip(shares) {
        let before = old.entry(target.id().as_str());
        let before = before.filter(|before| !before.is_deployment);
        let mut entry = entry_of(target, &share);
        if is_due(before, &entry, &share, &twin.desired) {
            match write(at, share.sections, twin, limits) {
                Ok(None) => {}
                Ok(Some(change)) => {
                    new.writers.push(writer_of(&entry, &change));
                    facts.push(Fact::Written(change));
                }
                Err(error) => {
                    entry.status = ConfigurationStatus::Targeted;
                    entry.is_refused = true;
                    // Tried again at each evaluation; told once.
                    if before.is_none_or(|before| !before.is_refused) {
                        facts.push(Fact::Refused(entry.id.clone(), error.to_string()));
                    }
                }
            }
        }
        new.entries.push(entry);
    }
    new.entries
        .sort_unstable_by(|one, other| one.id.cmp(&other.id));
    tell_changes(&old, &new, &mut facts);
    if new.writers.len() > old.writers.len() {
        forget_overwritten(&mut new.writers, &twin.desired);
    }
    if !new.is_empty() {
        *record = Some(Box::new(new));
    }
    facts
}

/// Remembers that a deployment wrote a version of a module's desired properties.
pub(crate) fn note_writer(
    record: &mut Option<Box<Record>>,
    write: &Write,
    change: &DesiredChange,
    desired: &Section,
) {
    let record = record.get_or_insert_default();
    record.writers.push(Writer {
        version: u32::try_from(change.version).unwrap_or(u32::MAX),
        by: write.by.clone(),
        fingerprint: write.fingerprint,
    });
    forget_overwritten(&mut record.writers, desired);
}

/// Has a twin remember these deployments in place of those that it remembers, and says what is new.
pub(crate) fn note_deployments(record: &mut Option<Box<Record>>, entries: Vec<Entry>) -> Vec<Fact> {
    let old = record.as_deref().cloned().unwrap_or_default();
    let is_other = |entry: &&Entry| {
        !entry.is_deployment && entries.iter().all(|deployment| deployment.id != entry.id)
    };
    let mut new = Record {
        entries: old.entries.iter().filter(is_other).cloned().collect(),
        writers: old.writers.clone(),
    };
    new.entries.extend(entries);
    new.entries
        .sort_unstable_by(|one, other| one.id.cmp(&other.id));
    let mut facts = Vec::new();
    tell_changes(&old, &new, &mut facts);
    *record = (!new.is_empty()).then(|| Box::new(new));
    facts
}

/// Makes each section exactly what it is to be: whole or, on an error, not at all. `None` if nothing
/// was to be done.
pub(crate) fn write(
    at: Timestamp,
    sections: Vec<Assignment>,
    twin: &mut Twin,
    limits: &Limits,
) -> Result<Option<DesiredChange>, HubError> {
    let update = TwinUpdate::of_desired(patch_of(&twin.desired, sections));
    let change = twin.update(at, update, UpdateMode::Merge, limits)?;
    Ok(change.desired)
}

/// What the record will say if the share is written, or was.
fn entry_of(target: &Target, share: &Share) -> Entry {
    let status = if share.is_overridden {
        ConfigurationStatus::Targeted
    } else {
        ConfigurationStatus::Applied
    };
    Entry {
        id: target.id().clone(),
        status,
        fingerprint: fingerprint(&share.sections),
        write: target.write(),
        is_refused: false,
        is_deployment: false,
    }
}

/// Whether a share must be written: it is new, or it is another than before, or its configuration was
/// written anew, and the twin does not hold it.
fn is_due(before: Option<&Entry>, entry: &Entry, share: &Share, desired: &Section) -> bool {
    let Some(before) = before.filter(|before| !before.is_refused) else {
        return true;
    };
    let is_other = before.fingerprint != entry.fingerprint || before.write != entry.write;
    is_other && !share.sections.iter().all(|section| holds(desired, section))
}

fn writer_of(entry: &Entry, change: &DesiredChange) -> Writer {
    Writer {
        version: u32::try_from(change.version).unwrap_or(u32::MAX),
        by: entry.id.clone(),
        fingerprint: entry.fingerprint,
    }
}

/// What is new in `new`.
fn tell_changes(old: &Record, new: &Record, facts: &mut Vec<Fact>) {
    for entry in &old.entries {
        if new.entry(entry.id.as_str()).is_none() {
            facts.push(Fact::Status(entry.id.clone(), None));
        }
    }
    for entry in &new.entries {
        let before = old.entry(entry.id.as_str()).map(|entry| entry.status);
        if before != Some(entry.status) {
            facts.push(Fact::Status(entry.id.clone(), Some(entry.status)));
        }
    }
}

/// Drops the writers of versions that no value carries any more.
fn forget_overwritten(writers: &mut Vec<Writer>, desired: &Section) {
    let mut versions: BTreeSet<u32> = desired.members().versions().collect();
    versions.insert(desired.stamp.version);
    writers.retain(|writer| versions.contains(&writer.version));
}

/// The merge patch that makes each section exactly what it is to be.
fn patch_of(desired: &Section, sections: Vec<Assignment>) -> Patch {
    let mut whole = PatchNode::Object(Patch::default());
    for section in sections {
        // Deleting what is not there must not make what is above it.
        if section.node == PatchNode::Null && holds(desired, &section) {
            continue;
        }
        let Assignment { path, node } = section;
        let mut members = Some(desired.members());
        let mut place = &mut whole;
        for (depth, name) in path.iter().enumerate() {
            if !matches!(place, PatchNode::Object(_)) {
                *place = PatchNode::Object(Patch::default());
            }
            let PatchNode::Object(patch) = place else {
                unreachable!("made an object above");
            };
            place = patch.member_mut(name);
            let old = members.and_then(|members| members.find(name));
            let is_last = depth + 1 == path.len();
            members = match old.map(|node| node.value) {
                Some(Value::Object(below)) => Some(below),
                Some(Value::Leaf(_)) | None => None,
            };
            if is_last {
                break;
            }
        }
        *place = match (members, node) {
            (Some(old), PatchNode::Object(new)) => PatchNode::Object(replacement(old, new)),
            (_, node) => node,
        };
    }
    match whole {
        PatchNode::Object(patch) => patch,
        PatchNode::Null | PatchNode::Leaf(_) => unreachable!("the whole is always an object"),
    }
}

/// What must be merged into `old` so that it becomes `new`: null for what goes, then all of the new.
fn replacement(old: Members<'_>, new: Patch) -> Patch {
    let mut entries: Vec<(SmolStr, PatchNode)> = Vec::new();
    let mut old_values: Vec<Option<Value<'_>>> = vec![None; new.entries().len()];
    let finder = new.finder();
    for member in old {
        match finder.place(member.key) {
            Some(place) => old_values[place] = Some(member.node.value),
            None => entries.push((member.key.into(), PatchNode::Null)),
        }
    }
    for ((key, node), old) in new.into_entries().into_iter().zip(old_values) {
        let node = match (old, node) {
            (Some(Value::Object(old)), PatchNode::Object(new)) => {
                PatchNode::Object(replacement(old, new))
            }
            (_, node) => node,
        };
        entries.push((key, node));
    }
    Patch::of(entries)
}

/// Whether a section is what it is to be.
pub(crate) fn holds(desired: &Section, section: &Assignment) -> bool {
    let [ancestors @ .., last] = &*section.path else {
        return match &section.node {
            PatchNode::Object(patch) => is_equal(desired.members(), patch),
            PatchNode::Null | PatchNode::Leaf(_) => false,
        };
    };
    let mut members = desired.members();
    for name in ancestors {
        match members.find(name).map(|node| node.value) {
            Some(Value::Object(below)) => members = below,
            Some(Value::Leaf(_)) | None => return section.node == PatchNode::Null,
        }
    }
    is_value(members.find(last).map(|node| node.value), &section.node)
}

fn is_value(value: Option<Value<'_>>, node: &PatchNode) -> bool {
    match (value, node) {
        (None, PatchNode::Null) => true,
        (Some(Value::Leaf(old)), PatchNode::Leaf(new)) => old == new,
        (Some(Value::Object(old)), PatchNode::Object(new)) => is_equal(old, new),
        _ => false,
    }
}

fn is_equal(old: Members<'_>, new: &Patch) -> bool {
    let finder = new.finder();
    let mut count = 0;
    for member in old {
        let node = finder
            .place(member.key)
            .map(|place| &new.entries()[place].1);
        if !node.is_some_and(|node| is_value(Some(member.node.value), node)) {
            return false;
        }
        count += 1;
    }
    let sets = |(_, node): &&(SmolStr, PatchNode)| *node != PatchNode::Null;
    new.entries().iter().filter(sets).count() == count
}

fn fingerprint(sections: &[Assignment]) -> u64 {
    fingerprint_of([("", sections)])
}

/// FNV-1a (64 bit) over the paths and values, spelled out because twins outlive a process. A deployment has
/// sections of several modules, which have names.
pub(crate) fn fingerprint_of<'a>(
    parts: impl IntoIterator<Item = (&'a str, &'a [Assignment])>,
) -> u64 {
    let mut text = String::new();
    for (module, sections) in parts {
        text.push_str(module);
        for section in sections {
            text.push_str(&section.path.join("."));
            text.push('=');
            section.node.print(&mut text);
            text.push('\n');
        }
    }
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
