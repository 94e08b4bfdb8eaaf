//! One section of a twin (tags, desired or reported), and what a patch makes of it.
//!
//! A write makes a new section beside the old one: whoever asks for it looks at its size, and then puts
//! it in the old one's place, or does not.

use hub_proto::time::Timestamp;

use super::patch::{Patch, PatchNode};
use super::pen::Pen;
use super::size;
use super::tree::{Member, Members, Stamp, Value};
use crate::json::push_string;

/// A section.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// The members with their stamps; see [`super::tree`].
    text: Box<str>,
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
            text: Box::default(),
            stamp: Stamp {
                updated: at,
                version: 0,
            },
            version: 1,
            size: 0,
        }
    }

    /// A section of its parts.
    pub(super) fn from_parts(text: Box<str>, stamp: Stamp, version: u32) -> Self {
        let size = size::of_members(Members::of_section(&text));
        Self {
            text,
            stamp,
            version,
            size: u32::try_from(size).unwrap_or(u32::MAX),
        }
    }

    /// Its members.
    pub(crate) fn members(&self) -> Members<'_> {
        Members::of_section(&self.text)
    }

    /// How many bytes its members take here, which is about what they are as JSON text.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
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
        let pen = Pen::new(members, stamp, self.text.len() + patch.text_bytes());
        let mut merge = Merge { pen, growth: 0 };
        merge.merge(members, patch).then(|| Self {
            text: merge.pen.finish(),
            stamp,
            version: stamp.version,
            size: u32::try_from(i64::from(self.size) + merge.growth).unwrap_or(u32::MAX),
        })
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
    /// By how much the section grows.
    growth: i64,
}

impl Merge {
    /// Writes an object of which `old` were the members; says whether anything counted.
    fn merge(&mut self, old: Members<'_>, patch: &Patch) -> bool {
        let finder = patch.finder();
        let mut is_old = Marks::default();
        let mut counted = false;
        let mut copied = 0;
        for member in old {
            let Some(place) = finder.place(member.key) else {
                continue;
            };
            is_old.set(place);
            self.pen.copy(&old.text[copied..member.place.start]);
            copied = member.place.end;
            counted |= self.change(&member, &patch.entries()[place].1);
        }
        self.pen.copy(&old.text[copied..]);
        for (place, (key, node)) in patch.entries().iter().enumerate() {
            if *node != PatchNode::Null && !is_old.has(place) {
                self.pen.new_member(key, node);
                self.grow(size::of_string(key) + size::of_patch_node(node));
                counted = true;
            }
        }
        counted
    }

    /// Writes what becomes of a member; says whether that counts.
    fn change(&mut self, old: &Member<'_>, node: &PatchNode) -> bool {
        match (old.node.value, node) {
            (Value::Object(below), PatchNode::Object(patch)) => {
                let begun = self.pen.begin(old.key);
                let counted = self.merge(below, patch);
                let stamp = if counted {
                    self.pen.now()
                } else {
                    old.node.stamp_number
                };
                self.pen.release_stamp(old.node.stamp_number);
                self.pen.end(begun, stamp);
                return counted;
            }
            (value, PatchNode::Null) => {
                self.shrink(size::of_string(old.key) + size::of_value(value));
            }
            (value, node) => {
                self.shrink(size::of_value(value));
                self.grow(size::of_patch_node(node));
            }
        }
        self.pen.release(old.node);
        self.pen.new_member(old.key, node);
        true
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
    use proptest::prelude::*;

    use super::super::patch::DollarKeys;
    use super::*;
    use crate::json::{Reader, check};
    use crate::limits::Limits;

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

    fn patch(text: &str) -> Patch {
        let text = check(text.as_bytes()).unwrap();
        let limits = Limits::default();
        Patch::read(&mut Reader::new(text), "tags", DollarKeys::Refuse, &limits).unwrap()
    }

    /// Counts who carries which stamp, by looking at every node.
    fn carried(members: Members<'_>, stamps: &mut Vec<u32>) {
        for member in members {
            stamps.push(member.node.stamp().version);
            carried(member.node.members(), stamps);
        }
    }

    fn value() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec!["null", "1", "\"é\"", "[1,2]", "{}"]);
        let leaf = leaf.prop_map(str::to_owned);
        leaf.prop_recursive(3, 12, 4, |inner| {
            let key = prop::sample::select(vec!["a", "b", "c", "è"]);
            prop::collection::btree_map(key, inner, 0..4).prop_map(|members| {
                let members = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            })
        })
    }

    proptest! {
        /// A number that were free too early would give nodes the stamp of a later write, one that
        /// were free too late would let a section grow with every write.
        #[test]
        fn a_section_holds_the_stamps_that_its_nodes_carry(
            writes in prop::collection::vec((value(), prop::bool::weighted(0.1)), 1..20)
        ) {
            let mut section = Section::new(Timestamp::NEVER);
            let mut nodes_most = 0;
            for (second, (text, is_put)) in writes.iter().enumerate() {
                let at = Timestamp::from_unix_seconds(i64::try_from(second).unwrap());
                let patch = patch(&format!("{{\"top\":{text}}}"));
                let new = if *is_put {
                    section.replaced(&patch, at)
                } else {
                    section.merged(&patch, at)
                };
                section = new.unwrap_or(section);
                let mut versions = Vec::new();
                carried(section.members(), &mut versions);
                nodes_most = nodes_most.max(versions.len());
                prop_assert!(section.members().stamps.len() <= nodes_most + 1);
                versions.sort_unstable();
                versions.dedup();
                let mut said: Vec<u32> = section.members().versions().collect();
                said.sort_unstable();
                prop_assert_eq!(versions, said);
                prop_assert_eq!(section.size(), size::of_members(section.members()));
            }
        }
    }

    /// The memory of a twin is that of its texts: what the hub counts, the quotes of strings, three
    /// or four bytes a member, and 23 a stamp.
    #[test]
    fn sections_take_the_memory_they_are_said_to() {
        // Members, bytes of a key, of a string; then the size by the hub's way of counting and the
        // bytes, once after one write and once after another of a single member.
        let cases = [
            (4, 20, 230, 1000, [1_048, 1_071]),
            (24, 20, 20, 960, [1_104, 1_127]),
            (48, 10, 10, 960, [1_224, 1_247]),
        ];
        assert_eq!(size_of::<Section>(), 40);
        for (members, key_bytes, value_bytes, size, bytes) in cases {
            let value = "v".repeat(value_bytes);
            let member = |place| format!("\"{place:0>key_bytes$}\":\"{value}\"");
            let all: Vec<String> = (0..members).map(member).collect();
            let whole = patch(&format!("{{{}}}", all.join(",")));
            let section = Section::new(Timestamp::NEVER);
            let section = section.merged(&whole, Timestamp::NEVER).unwrap();
            let one = patch(&format!("{{{}}}", member(0)));
            let later = section.merged(&one, Timestamp::NEVER).unwrap();
            assert_eq!([section.text.len(), later.text.len()], bytes);
            assert_eq!([section.size(), later.size()], [size, size]);
        }
    }
}
