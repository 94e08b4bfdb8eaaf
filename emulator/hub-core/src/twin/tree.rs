//! One tree for values and metadata together: every node carries the stamp of its last change.
//!
//! A million twins live in memory, so a node is small: short keys and values sit inside it, and an
//! object's children are one exact allocation.

use hub_proto::time::Timestamp;
use smol_str::SmolStr;

/// When a node was last touched, and by which version of its section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) updated: Timestamp,
    /// 0 on a section that was never written.
    pub(crate) version: u32,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: SmolStr,
    pub(crate) node: Node,
}

/// A value with its stamp.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) stamp: Stamp,
    pub(crate) value: Value,
}

/// A value. There is no null: null deletes.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Minified JSON text of a scalar or an array, numbers and escapes as sent.
    Leaf(SmolStr),
    /// Members in the order they came, keys unique.
    Object(Box<[Entry]>),
}

/// The member named `key`.
pub(crate) fn find<'a>(children: &'a [Entry], key: &str) -> Option<&'a Node> {
    children
        .iter()
        .find(|entry| entry.key == key)
        .map(|entry| &entry.node)
}
