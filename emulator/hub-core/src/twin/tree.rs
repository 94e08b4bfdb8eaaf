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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::mem::size_of;

    use super::*;
    use crate::limits::Limits;
    use crate::twin::Twin;

    /// What an allocator takes for `bytes`: a header of 8, rounded up to 16, 32 at least (glibc).
    fn allocated(bytes: usize) -> usize {
        if bytes == 0 {
            0
        } else {
            (bytes + 8).next_multiple_of(16).max(32)
        }
    }

    /// A text that does not fit inside has two counters before it.
    fn of_text(text: &SmolStr) -> usize {
        if text.is_heap_allocated() {
            allocated(16 + text.len())
        } else {
            0
        }
    }

    fn of_children(children: &[Entry]) -> usize {
        let below = children.iter().map(|entry| {
            of_text(&entry.key)
                + match &entry.node.value {
                    Value::Leaf(text) => of_text(text),
                    Value::Object(children) => of_children(children),
                }
        });
        allocated(size_of_val(children)) + below.sum::<usize>()
    }

    /// The memory of a twin with `leaves` reported leaves in objects of eight, and its size by the
    /// hub's way of counting.
    fn twin_of(leaves: usize, key_bytes: usize, value_bytes: usize) -> (usize, usize) {
        let mut body = String::from("{");
        for leaf in 0..leaves {
            let (object, value) = (leaf / 8, "v".repeat(value_bytes));
            if leaf % 8 == 0 {
                write!(
                    body,
                    "{}\"o{object}\":{{",
                    if leaf == 0 { "" } else { "}," }
                )
                .unwrap();
            } else {
                body.push(',');
            }
            write!(body, "\"{leaf:0>key_bytes$}\":\"{value}\"").unwrap();
        }
        body.push_str("}}");
        let mut twin = Twin::new(Timestamp::NEVER);
        let limits = Limits::default();
        twin.patch_reported(Timestamp::NEVER, body.as_bytes(), None, &limits)
            .unwrap();
        (
            size_of::<Twin>() + of_children(&twin.reported.children),
            twin.reported.size(),
        )
    }

    #[test]
    fn twins_take_the_memory_they_are_said_to() {
        assert_eq!(size_of::<Entry>(), 64);
        assert!(size_of::<Twin>() <= 160, "{}", size_of::<Twin>());
        // Leaves, bytes of a key, of a string; then the size by the hub's way of counting (about a
        // kilobyte each) and the memory: 2 to 4 bytes a counted byte. Texts of up to 23 bytes cost
        // nothing beside their 64-byte entry.
        let cases = [
            (4, 20, 230, 1002, 1_528),
            (24, 20, 20, 966, 1_944),
            (16, 12, 50, 996, 2_632),
            (24, 10, 30, 966, 3_480),
            (48, 10, 10, 972, 3_720),
        ];
        for (leaves, key_bytes, value_bytes, size, memory) in cases {
            let case = (leaves, key_bytes, value_bytes);
            assert_eq!(
                twin_of(leaves, key_bytes, value_bytes),
                (memory, size),
                "{case:?}"
            );
        }
    }
}
