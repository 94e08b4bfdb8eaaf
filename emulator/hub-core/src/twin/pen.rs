//! Writing a section: the packed form that [`tree`](super::tree) reads.
//!
//! A pen writes members from the front to the back and counts who carries which stamp. What the
//! members mean, and what becomes of them, is [`section`](super::section)'s to know.

use super::digits;
use super::patch::{Patch, PatchNode};
use super::stamps::{PackedStamps, StampTable};
use super::tree::{Members, Node, Stamp, Value};

/// Writes the members of one section.
#[derive(Debug)]
pub(super) struct Pen {
    out: String,
    stamps: StampTable,
    /// The number of the stamp of this write.
    now: usize,
}

/// An object that was begun: where what is between its key and its members must go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun(usize);

impl Pen {
    /// A pen that writes with `stamp`. Of `old`, the members of a whole section, it can copy. The text
    /// will be about as long as `bytes`.
    pub(super) fn new(old: Members<'_>, stamp: Stamp, bytes: usize) -> Self {
        let (stamps, now) = StampTable::new(old.stamps, stamp);
        let out = String::with_capacity(bytes);
        Self { out, stamps, now }
    }

    /// The number of the stamp of this write.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// The number of another stamp, which has none yet.
    pub(super) fn add_stamp(&mut self, stamp: Stamp) -> usize {
        self.stamps.add(stamp)
    }

    /// Appends members as they stand in the section that was.
    pub(super) fn copy(&mut self, members: &str) {
        self.out.push_str(members);
    }

    /// Appends a member with a scalar or an array.
    pub(super) fn leaf(&mut self, key: &str, stamp: usize, text: &str) {
        self.stamps.take(stamp);
        self.key(key);
        digits::push(&mut self.out, stamp);
        digits::push(&mut self.out, text.len() * 2);
        self.out.push_str(text);
    }

    /// Begins a member with an object; its members follow, then [`Pen::end`].
    pub(super) fn begin(&mut self, key: &str) -> Begun {
        self.key(key);
        Begun(self.out.len())
    }

    /// Ends the object that was begun last.
    pub(super) fn end(&mut self, begun: Begun, stamp: usize) {
        self.stamps.take(stamp);
        let members = self.out.len() - begun.0;
        digits::insert(&mut self.out, begun.0, members * 2 + 1);
        digits::insert(&mut self.out, begun.0, stamp);
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

    /// The section that was written.
    pub(super) fn finish(self) -> Box<str> {
        if self.out.is_empty() {
            return Box::default();
        }
        let stamps = self.stamps.len();
        let bytes = digits::length(stamps) + PackedStamps::bytes(stamps) + self.out.len();
        // Of the exact size, so that nothing is moved or left over once it is boxed.
        let mut text = String::with_capacity(bytes);
        digits::push(&mut text, stamps);
        self.stamps.pack(&mut text);
        text.push_str(&self.out);
        text.into_boxed_str()
    }

    fn key(&mut self, key: &str) {
        digits::push(&mut self.out, key.len());
        self.out.push_str(key);
    }
}
