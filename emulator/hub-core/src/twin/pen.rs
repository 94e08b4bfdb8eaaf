//! Writing a section: the packed form that [`tree`](super::tree) reads.
//!
//! A pen writes members from the front to the back and counts who carries which stamp. What the
//! members mean, and what becomes of them, is [`section`](super::section)'s to know.

use super::digits;
use super::patch::{Patch, PatchNode};
use super::stamps::StampTable;
use super::tree::{Members, Node, Place, Stamp, Value};

/// Writes the members of one section.
#[derive(Debug)]
pub(super) struct Pen {
    shape: ShapePen,
    values: String,
    stamps: StampTable,
    /// The stamp of this write, which becomes the section's own.
    stamp: Stamp,
    /// Its number.
    now: usize,
}

/// What becomes of the shape.
#[derive(Debug)]
enum ShapePen {
    /// It stays as it is: only values are written, each in its place.
    Keep,
    Write(String),
}

/// An object that was begun: where what is between its key and its members must go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    shape: usize,
    values: usize,
}

/// What a pen wrote.
#[derive(Debug)]
pub(super) struct Written {
    /// `None`: as it was.
    pub(super) shape: Option<String>,
    pub(super) values: Box<str>,
}

impl Pen {
    /// A pen that writes with `stamp`, a new shape as well. Of `old`, the members of a whole section, it
    /// can copy. There will be about as much of both as `bytes`.
    pub(super) fn new(old: Members<'_>, stamp: Stamp, bytes: usize) -> Self {
        let shape = String::with_capacity(bytes);
        Self::with_shape(old, stamp, bytes, ShapePen::Write(shape))
    }

    /// A pen for the values of members that stay the same.
    pub(super) fn of_values(old: Members<'_>, stamp: Stamp, bytes: usize) -> Self {
        Self::with_shape(old, stamp, bytes, ShapePen::Keep)
    }

    fn with_shape(old: Members<'_>, stamp: Stamp, bytes: usize, shape: ShapePen) -> Self {
        let (stamps, now) = StampTable::new(old.stamps, stamp);
        Self {
            shape,
            values: String::with_capacity(bytes),
            stamps,
            stamp,
            now,
        }
    }

    /// Whether the shape stays as it is.
    pub(super) fn keeps_shape(&self) -> bool {
        matches!(self.shape, ShapePen::Keep)
    }

    /// The number of the stamp of this write.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// The number of another stamp, which has none yet.
    pub(super) fn add_stamp(&mut self, stamp: Stamp) -> usize {
        self.stamps.add(stamp)
    }

    /// Appends members as they stand in the section that was: the stretch between two places.
    pub(super) fn copy(&mut self, old: Members<'_>, place: Place) {
        if let ShapePen::Write(shape) = &mut self.shape {
            shape.push_str(&old.shape[place.shape]);
        }
        self.values.push_str(&old.values[place.values]);
    }

    /// Appends a member with a scalar or an array.
    pub(super) fn leaf(&mut self, key: &str, stamp: usize, text: &str) {
        self.stamps.take(stamp);
        if let ShapePen::Write(shape) = &mut self.shape {
            push_key(shape, key);
            digits::push(shape, 0);
        }
        digits::push(&mut self.values, stamp);
        digits::push(&mut self.values, text.len());
        self.values.push_str(text);
    }

    /// Begins a member with an object; its members follow, then [`Pen::end`].
    pub(super) fn begin(&mut self, key: &str) -> Begun {
        let shape = match &mut self.shape {
            ShapePen::Keep => 0,
            ShapePen::Write(shape) => {
                push_key(shape, key);
                shape.len()
            }
        };
        let values = self.values.len();
        Begun { shape, values }
    }

    /// Ends the object that was begun last.
    pub(super) fn end(&mut self, begun: Begun, stamp: usize) {
        self.stamps.take(stamp);
        if let ShapePen::Write(shape) = &mut self.shape {
            let below = shape.len() - begun.shape;
            digits::insert(shape, begun.shape, below * 2 + 1);
        }
        let length = self.values.len() - begun.values;
        digits::insert(&mut self.values, begun.values, length);
        digits::insert(&mut self.values, begun.values, stamp);
    }

    /// Appends a member that is new, with all below it; null is none.
    pub(super) fn new_member(&mut self, key: &str, node: &PatchNode) {
        match node {
            PatchNode::Null => {}
            PatchNode::Leaf(text) => self.leaf(key, self.now, text),
            PatchNode::Object(patch) => {
                let begun = self.begin(key);
                self.new_members(patch);
                self.end(begun, self.now);
            }
        }
    }

    /// Appends members where nothing was.
    pub(super) fn new_members(&mut self, patch: &Patch) {
        for (key, node) in patch.entries() {
            self.new_member(key, node);
        }
    }

    /// Says that a node of the section that was is not copied.
    pub(super) fn release(&mut self, node: Node<'_>) {
        self.release_stamp(node.stamp_number);
        if let Value::Object(members) = node.value {
            self.release_all(members);
        }
    }

    /// Says that none of these members are.
    pub(super) fn release_all(&mut self, members: Members<'_>) {
        for member in members {
            self.release(member.node);
        }
    }

    /// Says that a node gets another stamp.
    pub(super) fn release_stamp(&mut self, number: usize) {
        self.stamps.release(number);
    }

    /// What was written.
    pub(super) fn finish(self) -> Written {
        let shape = match self.shape {
            ShapePen::Keep => None,
            ShapePen::Write(shape) => Some(shape),
        };
        if self.values.is_empty() {
            let values = Box::default();
            return Written { shape, values };
        }
        // Of the exact size, so that nothing is moved or left over once it is boxed.
        let mut text = self.stamps.pack(self.stamp, self.values.len());
        text.push_str(&self.values);
        let values = text.into_boxed_str();
        Written { shape, values }
    }
}

fn push_key(shape: &mut String, key: &str) {
    digits::push(shape, key.len());
    shape.push_str(key);
}
