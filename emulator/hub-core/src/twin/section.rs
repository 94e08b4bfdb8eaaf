//! One section of a twin (tags, desired or reported), and what a patch makes of it.
//!
//! A write makes a new section beside the old one: whoever asks for it looks at its size, and then puts
//! it in the old one's place, or does not.

use hub_proto::time::Timestamp;

use super::patch::{Patch, PatchNode};
use super::pen::{Pen, Written};
use super::shape::{Shape, Shapes};
use super::size;
use super::tree::{Member, Members, Place, Stamp, Value};
use crate::json::push_string;

/// A section.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// The keys of the members; see [`super::tree`].
    shape: Shape,
    /// Their values and stamps.
    values: Box<str>,
    /// Of the section itself.
    pub(crate) stamp: Stamp,
    /// `$version`. SDKs read it into 32 bits.
    pub(crate) version: u32,
    /// By the hub's way of counting.
    size: u32,
}

impl Section {
    /// An empty section.
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            shape: Shape::default(),
            values: Box::default(),
            stamp: Stamp {
                updated: at,
                version: 0,
            },
            version: 1,
            size: 0,
        }
    }

    /// A section of its parts; `written` is a whole one.
    pub(super) fn from_parts(written: Written, stamp: Stamp, version: u32) -> Self {
        let mut section = Self {
            shape: Shape::new(written.shape.unwrap_or_default()),
            values: written.values,
            stamp,
            version,
            size: 0,
        };
        let size = size::of_members(section.members());
        section.size = u32::try_from(size).unwrap_or(u32::MAX);
        section
    }

    /// Its members.
    pub(crate) fn members(&self) -> Members<'_> {
        Members::of_section(self.shape.text(), &self.values, &self.stamp)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shape.is_empty()
    }

    /// Some byte of its values, to have them fetched; 0 of an empty one.
    pub(crate) fn first_byte(&self) -> u8 {
        self.values.as_bytes().first().copied().unwrap_or_default()
    }

    /// The shape of its members.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Has it share a shape that came with its last write.
    pub(super) fn share_shape(&mut self, shapes: &mut Shapes) {
        if self.shape.is_alone() {
            shapes.share(&mut self.shape);
        }
    }

    /// Has it share its shape, though others have it that came from elsewhere as well.
    pub(super) fn adopt_shape(&mut self, shapes: &mut Shapes) {
        shapes.share(&mut self.shape);
    }

    #[cfg(test)]
    pub(super) fn value_bytes(&self) -> usize {
        self.values.len()
    }

    /// How many bytes its members take here, which is about what they are as JSON text.
    pub(super) fn text_bytes(&self) -> usize {
        self.shape.text().len() + self.values.len()
    }

    /// What it counts, by the hub's way of counting.
    pub(crate) fn size(&self) -> usize {
        self.size as usize
    }

    /// The section with `patch` merged into it, one version up. `None` if that neither sets nor deletes
    /// anything. Setting a value to what it is counts: a change is known by presence, not by difference
    /// (Azure/azure-iot-sdk-csharp#954).
    pub(crate) fn merged(&self, patch: &Patch, at: Timestamp) -> Option<Self> {
        let stamp = self.next_stamp(at);
        let members = self.members();
        if !members.is_empty() {
            // Most patches set what is there.
            let bytes = self.values.len() + patch.text_bytes();
            let pen = Pen::of_values(members, stamp, bytes);
            let merge = Merge::of(pen, members, patch);
            if let Ok(merge) = merge {
                return merge.counted.then(|| self.with(merge, stamp));
            }
        }
        let pen = Pen::new(members, stamp, self.text_bytes() + patch.text_bytes());
        let merge = Merge::of(pen, members, patch).ok()?;
        merge.counted.then(|| self.with(merge, stamp))
    }

    /// The section that a merge made of this one.
    fn with(&self, merge: Merge, stamp: Stamp) -> Self {
        let written = merge.pen.finish();
        Self {
            shape: written.shape.map_or_else(|| self.shape.clone(), Shape::new),
            values: written.values,
            stamp,
            version: stamp.version,
            size: u32::try_from(i64::from(self.size) + merge.growth).unwrap_or(u32::MAX),
        }
    }

    /// The section with `patch` in place of what there was, one version up. `None` if there was nothing,
    /// and is.
    pub(crate) fn replaced(&self, patch: &Patch, at: Timestamp) -> Option<Self> {
        let is_null = |(_, node): &(_, PatchNode)| *node == PatchNode::Null;
        if self.members().is_empty() && patch.entries().iter().all(is_null) {
            return None;
        }
        let stamp = self.next_stamp(at);
        let mut pen = Pen::new(Members::default(), stamp, patch.text_bytes());
        pen.new_members(patch);
        Some(Self::from_parts(pen.finish(), stamp, stamp.version))
    }

    fn next_stamp(&self, at: Timestamp) -> Stamp {
        Stamp {
            updated: at,
            version: self.version.saturating_add(1),
        }
    }
}

/// A patch on its way into a section.
struct Merge {
    pen: Pen,
    /// Whether anything counted.
    counted: bool,
    /// By how much the section grows.
    growth: i64,
}

/// Members come or go, or turn from objects into others or back, and the pen keeps the shape.
struct ShapeChanges;

impl Merge {
    /// Of a whole section. A pen that writes the shape can do all.
    fn of(pen: Pen, old: Members<'_>, patch: &Patch) -> Result<Self, ShapeChanges> {
        let mut merge = Self {
            pen,
            counted: false,
            growth: 0,
        };
        merge.counted = merge.merge(old, patch)?;
        Ok(merge)
    }

    /// Writes an object of which `old` were the members; says whether anything counted.
    fn merge(&mut self, old: Members<'_>, patch: &Patch) -> Result<bool, ShapeChanges> {
        let finder = patch.finder();
        let mut is_old = Marks::default();
        let mut counted = false;
        let mut copied = (0, 0);
        for member in old {
            let Some(entry) = finder.place(member.key) else {
                continue;
            };
            is_old.set(entry);
            let place = &member.place;
            self.pen.copy(
                old,
                Place {
                    shape: copied.0..place.shape.start,
                    values: copied.1..place.values.start,
                },
            );
            copied = (place.shape.end, place.values.end);
            counted |= self.change(&member, &patch.entries()[entry].1)?;
        }
        self.pen.copy(
            old,
            Place {
                shape: copied.0..old.shape.len(),
                values: copied.1..old.values.len(),
            },
        );
        for (place, (key, node)) in patch.entries().iter().enumerate() {
            if *node != PatchNode::Null && !is_old.has(place) {
                if self.pen.keeps_shape() {
                    return Err(ShapeChanges);
                }
                self.pen.new_member(key, node);
                self.grow(size::of_string(key) + size::of_patch_node(node));
                counted = true;
            }
        }
        Ok(counted)
    }

    /// Writes what becomes of a member; says whether that counts.
    fn change(&mut self, old: &Member<'_>, node: &PatchNode) -> Result<bool, ShapeChanges> {
        match (old.node.value, node) {
            (Value::Object(below), PatchNode::Object(patch)) => {
                let begun = self.pen.begin(old.key);
                let counted = self.merge(below, patch)?;
                let stamp = if counted {
                    self.pen.now()
                } else {
                    old.node.stamp_number
                };
                self.pen.release_stamp(old.node.stamp_number);
                self.pen.end(begun, stamp);
                return Ok(counted);
            }
            (Value::Leaf(_), PatchNode::Leaf(_)) => {}
            _ if self.pen.keeps_shape() => return Err(ShapeChanges),
            _ => {}
        }
        self.shrink(size::of_value(old.node.value));
        if *node == PatchNode::Null {
            self.shrink(size::of_string(old.key));
        }
        self.grow(size::of_patch_node(node));
        self.pen.release(old.node);
        self.pen.new_member(old.key, node);
        Ok(true)
    }

    fn grow(&mut self, bytes: usize) {
        self.growth += i64::try_from(bytes).unwrap_or(i64::MAX);
    }

    fn shrink(&mut self, bytes: usize) {
        self.growth -= i64::try_from(bytes).unwrap_or(i64::MAX);
    }
}

/// Some places among the members of a patch: of a few no memory is taken for.
#[derive(Default)]
struct Marks {
    first: u64,
    others: Vec<u64>,
}

impl Marks {
    fn set(&mut self, place: usize) {
        let word = match (place / 64).checked_sub(1) {
            None => &mut self.first,
            Some(other) => {
                if self.others.len() <= other {
                    self.others.resize(other + 1, 0);
                }
                &mut self.others[other]
            }
        };
        *word |= 1 << (place % 64);
    }

    fn has(&self, place: usize) -> bool {
        let word = match (place / 64).checked_sub(1) {
            None => self.first,
            Some(other) => self.others.get(other).copied().unwrap_or_default(),
        };
        word >> (place % 64) & 1 == 1
    }
}

/// Appends what a device must merge to get from `old` to `new`: all of the new set, and null for each
/// key that goes, in the place it had.
pub(crate) fn print_replacement(old: Members<'_>, new: &Patch, out: &mut String) {
    let finder = new.finder();
    let mut is_old = Marks::default();
    out.push('{');
    let start = out.len();
    for member in old {
        let place = finder.place(member.key);
        let node = place.map_or(&PatchNode::Null, |place| &new.entries()[place].1);
        if let Some(place) = place {
            is_old.set(place);
        }
        print_key(member.key, start, out);
        match (member.node.value, node) {
            (Value::Object(old), PatchNode::Object(new)) => print_replacement(old, new, out),
            (_, node) => node.print(out),
        }
    }
    for (place, (key, node)) in new.entries().iter().enumerate() {
        if *node != PatchNode::Null && !is_old.has(place) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_where_they_were_set() {
        let set = [0, 1, 63, 64, 200];
        let mut marks = Marks::default();
        for place in set {
            marks.set(place);
        }
        let marked: Vec<usize> = (0..400).filter(|place| marks.has(*place)).collect();
        assert_eq!(marked, set);
    }
}
