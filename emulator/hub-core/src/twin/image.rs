//! Twins to plain data and back. What comes in is checked: it may have been written by hand.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::section::Section;
use super::state::Twin;
use super::tree::{Entry, Node, Stamp, Value};
use crate::error::HubError;
use crate::image::{MemberImage, SectionImage, TimeImage, TwinImage};
use crate::json::{Reader, Token};
use crate::limits::Limits;

impl Twin {
    /// As plain data.
    pub(crate) fn export(&self) -> TwinImage {
        let (version, service_writes) = self.counters();
        TwinImage {
            version,
            service_writes,
            model_id: self.model_id().to_owned(),
            tags: export_section(&self.tags),
            desired: export_section(&self.desired),
            reported: export_section(&self.reported),
        }
    }

    /// From plain data.
    pub(crate) fn import(image: &TwinImage, limits: &Limits) -> Result<Self, HubError> {
        let sections = [
            import_section("tags", &image.tags, limits.tags_bytes, limits)?,
            import_section("desired", &image.desired, limits.desired_bytes, limits)?,
            import_section("reported", &image.reported, limits.reported_bytes, limits)?,
        ];
        let counters = (image.version, image.service_writes);
        Ok(Self::from_parts(sections, counters, &image.model_id))
    }
}

fn export_section(section: &Section) -> SectionImage {
    SectionImage {
        version: section.version,
        updated: TimeImage(section.stamp.updated),
        updated_version: section.stamp.version,
        members: section.children.iter().map(export_member).collect(),
    }
}

fn export_member(entry: &Entry) -> MemberImage {
    let (value, members) = match &entry.node.value {
        Value::Leaf(text) => {
            let raw = RawValue::from_string(text.to_string());
            (Some(raw.expect("a leaf is JSON text")), None)
        }
        Value::Object(children) => (None, Some(children.iter().map(export_member).collect())),
    };
    MemberImage {
        key: entry.key.to_string(),
        updated: TimeImage(entry.node.stamp.updated),
        updated_version: entry.node.stamp.version,
        value,
        members,
    }
}

fn import_section(
    name: &str,
    image: &SectionImage,
    bytes_max: usize,
    limits: &Limits,
) -> Result<Section, HubError> {
    let children = import_members(name, &image.members, 1, limits)?;
    let stamp = Stamp {
        updated: image.updated.0,
        version: image.updated_version,
    };
    let section = Section::from_parts(children, stamp, image.version);
    if section.size() > bytes_max {
        let bytes = section.size();
        return Err(refused(
            name,
            &format!("has {bytes} bytes, at most {bytes_max} are allowed"),
        ));
    }
    Ok(section)
}

fn import_members(
    path: &str,
    images: &[MemberImage],
    depth: usize,
    limits: &Limits,
) -> Result<Box<[Entry]>, HubError> {
    if depth > limits.twin_depth {
        return Err(refused(path, "nests too deep"));
    }
    let (mut keys, mut entries) = (HashSet::new(), Vec::with_capacity(images.len()));
    for image in images {
        let path = format!("{path}.{}", image.key);
        if image.key.is_empty() || image.key.len() > limits.twin_key_bytes {
            return Err(refused(&path, "has a key that is empty or too long"));
        }
        if !keys.insert(image.key.as_str()) {
            return Err(refused(&path, "is there twice"));
        }
        let value = match (&image.value, &image.members) {
            (Some(value), None) => Value::Leaf(leaf(&path, value)?.into()),
            (None, Some(members)) => {
                Value::Object(import_members(&path, members, depth + 1, limits)?)
            }
            _ => return Err(refused(&path, "must have either a value or members")),
        };
        let stamp = Stamp {
            updated: image.updated.0,
            version: image.updated_version,
        };
        entries.push(Entry {
            key: image.key.as_str().into(),
            node: Node { stamp, value },
        });
    }
    Ok(entries.into_boxed_slice())
}

/// A scalar or an array, without white space between its tokens.
fn leaf(path: &str, value: &RawValue) -> Result<String, HubError> {
    let mut reader = Reader::new(value.get());
    match reader.next() {
        None | Some(Token::Null) => return Err(refused(path, "is null, which a twin cannot hold")),
        Some(Token::BeginObject) => return Err(refused(path, "is an object: give its members")),
        Some(_) => {}
    }
    let minified: serde_json::Value = match serde_json::from_str(value.get()) {
        Ok(value) => value,
        Err(_) => return Err(refused(path, "is not JSON")),
    };
    // Text that is compact already stays byte for byte; only what a person spread out is printed anew.
    if value.get().contains(['\n', '\r', '\t']) {
        return Ok(minified.to_string());
    }
    Ok(value.get().to_owned())
}

fn refused(path: &str, problem: &str) -> HubError {
    HubError::Argument(format!("{path} {problem}"))
}
