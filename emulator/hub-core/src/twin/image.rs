//! Twins to plain data and back. What comes in is checked: it may have been written by hand.

use std::collections::{HashMap, HashSet};

use super::pen::Pen;
use super::section::Section;
use super::state::Twin;
use super::tree::{Member, Members, Stamp, Value};
use crate::error::HubError;
use crate::image::{JsonImage, MemberImage, SectionImage, TimeImage, TwinImage};
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
        members: export_members(section.members()),
    }
}

fn export_members(members: Members<'_>) -> Vec<MemberImage> {
    let members = members.into_iter();
    members.map(|member| export_member(&member)).collect()
}

fn export_member(member: &Member<'_>) -> MemberImage {
    let (value, members) = match member.node.value {
        Value::Leaf(text) => (Some(JsonImage(text.into())), None),
        Value::Object(members) => (None, Some(export_members(members))),
    };
    let stamp = member.node.stamp();
    MemberImage {
        key: member.key.to_owned(),
        updated: TimeImage(stamp.updated),
        updated_version: stamp.version,
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
    let stamp = Stamp {
        updated: image.updated.0,
        version: image.updated_version,
    };
    let pen = Pen::new(Members::default(), stamp, 0);
    let mut import = Import {
        numbers: HashMap::from([(stamp, pen.now())]),
        pen,
        limits,
    };
    import.members(name, &image.members, 1)?;
    let section = Section::from_parts(import.pen.finish(), stamp, image.version);
    if section.size() > bytes_max {
        let bytes = section.size();
        return Err(refused(
            name,
            &format!("has {bytes} bytes, at most {bytes_max} are allowed"),
        ));
    }
    Ok(section)
}

/// A section on its way in.
struct Import<'a> {
    pen: Pen,
    /// Of the stamps that came so far.
    numbers: HashMap<Stamp, usize>,
    limits: &'a Limits,
}

impl Import<'_> {
    fn members(
        &mut self,
        path: &str,
        images: &[MemberImage],
        depth: usize,
    ) -> Result<(), HubError> {
        if depth > self.limits.twin_depth {
            return Err(refused(path, "nests too deep"));
        }
        let mut keys = HashSet::new();
        for image in images {
            let path = format!("{path}.{}", image.key);
            if image.key.is_empty() || image.key.len() > self.limits.twin_key_bytes {
                return Err(refused(&path, "has a key that is empty or too long"));
            }
            if !keys.insert(image.key.as_str()) {
                return Err(refused(&path, "is there twice"));
            }
            let stamp = self.number(Stamp {
                updated: image.updated.0,
                version: image.updated_version,
            });
            match (&image.value, &image.members) {
                (Some(value), None) => self.pen.leaf(&image.key, stamp, &leaf(&path, value)?),
                (None, Some(members)) => {
                    let begun = self.pen.begin(&image.key);
                    self.members(&path, members, depth + 1)?;
                    self.pen.end(begun, stamp);
                }
                _ => return Err(refused(&path, "must have either a value or members")),
            }
        }
        Ok(())
    }

    /// The number of a stamp; it is the pen's own, or comes with its first node.
    fn number(&mut self, stamp: Stamp) -> usize {
        let pen = &mut self.pen;
        *self
            .numbers
            .entry(stamp)
            .or_insert_with(|| pen.add_stamp(stamp))
    }
}

/// A scalar or an array, without white space between its tokens.
fn leaf(path: &str, JsonImage(text): &JsonImage) -> Result<String, HubError> {
    let mut reader = Reader::new(text);
    match reader.next() {
        None | Some(Token::Null) => return Err(refused(path, "is null, which a twin cannot hold")),
        Some(Token::BeginObject) => return Err(refused(path, "is an object: give its members")),
        Some(_) => {}
    }
    let minified: serde_json::Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(_) => return Err(refused(path, "is not JSON")),
    };
    // Text that is compact already stays byte for byte; only what a person spread out is printed anew.
    if text.contains(['\n', '\r', '\t']) {
        return Ok(minified.to_string());
    }
    Ok(text.to_string())
}

fn refused(path: &str, problem: &str) -> HubError {
    HubError::Argument(format!("{path} {problem}"))
}
