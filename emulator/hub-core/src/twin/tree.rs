//! Reading a section: one tree for values and metadata together, every node with the stamp of its last
//! change.
//!
//! A million twins live in memory, so a section is one text without pointers, and reading it follows
//! none. Numbers are [`digits`]; `pen` writes the same:
//!
//! ```text
//! section = number of stamps, stamps, members
//! members = member*                                     in the order they came, keys unique
//! member  = length of the key, key, number of its stamp, header, value
//! header  = length of the value * 2 + (1 if it is an object)
//! value   = JSON text of a scalar or an array, minified, numbers and escapes as sent
//!         | members
//! ```
//!
//! So a search passes over what it does not look for without reading it, and a write copies what it
//! does not change. There is no null: null deletes.

use std::ops::Range;

use super::digits;
use super::stamps::PackedStamps;
pub(crate) use super::stamps::Stamp;

/// The members of an object, or of a section.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Members<'a> {
    pub(super) text: &'a str,
    pub(super) stamps: PackedStamps<'a>,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) key: &'a str,
    pub(crate) node: Node<'a>,
    /// Where it is among the text of the members.
    pub(super) place: Range<usize>,
}

/// A value with its stamp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) value: Value<'a>,
    pub(super) stamp_number: usize,
    stamps: PackedStamps<'a>,
}

/// A value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// JSON text of a scalar or an array.
    Leaf(&'a str),
    /// An object.
    Object(Members<'a>),
}

/// The members of an object, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Iter<'a> {
    members: Members<'a>,
    at: usize,
}

impl<'a> Members<'a> {
    /// Those of a section that was packed; of no text at all, none.
    pub(super) fn of_section(text: &'a str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let mut at = 0;
        let stamps = digits::read(text.as_bytes(), &mut at);
        let (stamps, members) = text[at..].split_at(PackedStamps::bytes(stamps));
        Self {
            text: members,
            stamps: PackedStamps::new(stamps),
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    /// The value of `key`.
    pub(crate) fn find(self, key: &str) -> Option<Node<'a>> {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let length = digits::read(bytes, &mut at);
            let is_it = bytes[at..at + length] == *key.as_bytes();
            at += length;
            let stamp_number = digits::read(bytes, &mut at);
            let header = digits::read(bytes, &mut at);
            let end = at + header / 2;
            if is_it {
                return Some(self.node(stamp_number, header, at..end));
            }
            at = end;
        }
        None
    }

    /// The versions of the section that some node carries; a few may come more than once.
    pub(crate) fn versions(self) -> impl Iterator<Item = u32> + use<'a> {
        self.stamps.carried().map(|stamp| stamp.version)
    }

    #[inline]
    fn node(self, stamp_number: usize, header: usize, value: Range<usize>) -> Node<'a> {
        let (text, stamps) = (&self.text[value], self.stamps);
        let value = if header.is_multiple_of(2) {
            Value::Leaf(text)
        } else {
            Value::Object(Self { text, stamps })
        };
        Node {
            value,
            stamp_number,
            stamps,
        }
    }
}

impl<'a> IntoIterator for Members<'a> {
    type Item = Member<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        Iter {
            members: self,
            at: 0,
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Member<'a>;

    #[inline]
    fn next(&mut self) -> Option<Member<'a>> {
        let (text, start) = (self.members.text, self.at);
        if start == text.len() {
            return None;
        }
        let mut at = start;
        let length = digits::read(text.as_bytes(), &mut at);
        let key = &text[at..at + length];
        at += length;
        let stamp_number = digits::read(text.as_bytes(), &mut at);
        let header = digits::read(text.as_bytes(), &mut at);
        self.at = at + header / 2;
        Some(Member {
            key,
            node: self.members.node(stamp_number, header, at..self.at),
            place: start..self.at,
        })
    }
}

impl<'a> Node<'a> {
    pub(crate) fn stamp(self) -> Stamp {
        self.stamps.get(self.stamp_number)
    }

    /// The members of an object; none of anything else.
    pub(crate) fn members(self) -> Members<'a> {
        match self.value {
            Value::Object(members) => members,
            Value::Leaf(_) => Members::default(),
        }
    }
}
