//! Reading a section: one tree for values and metadata together, every node with the stamp of its last
//! change.
//!
//! A million twins live in memory, so a section is two texts without pointers, and reading it follows
//! none: its shape, which the twins of a fleet share, and its values. Numbers are [`digits`]; `pen`
//! writes the same:
//!
//! ```text
//! shape  = member*                                      in the order they came, keys unique
//! member = length of the key, key, header, members below
//! header = 0, or of an object length of the members below * 2 + 1
//!
//! values = stamps, node*                                one for each member, in the same order
//! node   = number of its stamp, length of the value, value
//! value  = JSON text of a scalar or an array, minified, numbers and escapes as sent
//!        | node*
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
    /// Their part of the shape.
    pub(super) shape: &'a str,
    /// Their nodes.
    pub(super) values: &'a str,
    pub(super) stamps: PackedStamps<'a>,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) key: &'a str,
    pub(crate) node: Node<'a>,
    /// Where it is among the members.
    pub(super) place: Place,
}

/// A stretch of members: where it is in both texts.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) shape: Range<usize>,
    pub(super) values: Range<usize>,
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
    shape_at: usize,
    values_at: usize,
}

impl<'a> Members<'a> {
    /// Those of a section that was packed with `stamp` for its own; of no text at all, none.
    pub(super) fn of_section(shape: &'a str, values: &'a str, stamp: &'a Stamp) -> Self {
        let (stamps, values) = PackedStamps::split_off(values, stamp);
        Self {
            shape,
            values,
            stamps,
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.shape.is_empty()
    }

    /// The value of `key`.
    pub(crate) fn find(self, key: &str) -> Option<Node<'a>> {
        self.at(self.spot(key)?)
    }

    /// Where `key` is in the shape.
    pub(crate) fn spot(self, key: &str) -> Option<Spot> {
        Spot::of(self.shape, key)
    }

    /// The value at a spot of these members' shape.
    pub(crate) fn at(self, spot: Spot) -> Option<Node<'a>> {
        let below = self.shape.get(spot.below_from..spot.below_until)?;
        let bytes = self.values.as_bytes();
        let mut at = 0;
        for _ in 0..spot.before {
            digits::read(bytes, &mut at);
            let length = digits::read(bytes, &mut at);
            at += length;
        }
        Some(self.node(spot.is_object.then_some(below), &mut at))
    }

    /// The versions of the section that some node carries; a few may come more than once.
    pub(crate) fn versions(self) -> impl Iterator<Item = u32> + use<'a> {
        self.stamps.carried().map(|stamp| stamp.version)
    }

    /// The node at `at`, which is moved behind it. `below` is the shape of its members if it is an object.
    #[inline]
    fn node(self, below: Option<&'a str>, at: &mut usize) -> Node<'a> {
        let stamps = self.stamps;
        let stamp_number = digits::read(self.values.as_bytes(), at);
        let length = digits::read(self.values.as_bytes(), at);
        let values = &self.values[*at..*at + length];
        *at += length;
        let value = match below {
            None => Value::Leaf(values),
            Some(shape) => Value::Object(Self {
                shape,
                values,
                stamps,
            }),
        };
        Node {
            value,
            stamp_number,
            stamps,
        }
    }
}

/// Where a member is in a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// How many members of the same object come before it.
    before: u32,
    is_object: bool,
    below_from: usize,
    below_until: usize,
}

impl Spot {
    /// Of `key` among the members of the object whose shape this is.
    fn of(shape: &str, key: &str) -> Option<Self> {
        let bytes = shape.as_bytes();
        let (mut at, mut before) = (0, 0);
        while at < bytes.len() {
            let length = digits::read(bytes, &mut at);
            let is_it = bytes[at..at + length] == *key.as_bytes();
            at += length;
            let header = digits::read(bytes, &mut at);
            let end = at + header / 2;
            if is_it {
                return Some(Self {
                    before,
                    is_object: header > 0,
                    below_from: at,
                    below_until: end,
                });
            }
            before += 1;
            at = end;
        }
        None
    }
}

impl<'a> IntoIterator for Members<'a> {
    type Item = Member<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        Iter {
            members: self,
            shape_at: 0,
            values_at: 0,
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Member<'a>;

    #[inline]
    fn next(&mut self) -> Option<Member<'a>> {
        let (shape, start) = (self.members.shape, self.shape_at);
        if start == shape.len() {
            return None;
        }
        let mut at = start;
        let length = digits::read(shape.as_bytes(), &mut at);
        let key = &shape[at..at + length];
        at += length;
        let header = digits::read(shape.as_bytes(), &mut at);
        let end = at + header / 2;
        self.shape_at = end;
        let values_start = self.values_at;
        let below = (header > 0).then(|| &shape[at..end]);
        let node = self.members.node(below, &mut self.values_at);
        Some(Member {
            key,
            node,
            place: Place {
                shape: start..end,
                values: values_start..self.values_at,
            },
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
