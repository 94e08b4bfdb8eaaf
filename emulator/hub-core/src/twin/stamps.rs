//! The stamps of a section: each once, with how many nodes carry it.
//!
//! Most nodes of a section were written together, so a node holds the number of its stamp, not the
//! stamp. A number keeps its meaning for as long as a node carries it: what a write does not touch is
//! copied as it stands. Once nobody carries a stamp, its number goes to the next one.

use hub_proto::time::Timestamp;

use super::digits;

/// When a node was last touched, and by which version of its section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    pub(crate) updated: Timestamp,
    /// 0 on a section that was never written.
    pub(crate) version: u32,
}

/// The packed form: entries of one length, side by side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PackedStamps<'a>(&'a str);

/// The form to change them in.
#[derive(Debug)]
pub(super) struct StampTable(Vec<Entry>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    stamp: Stamp,
    nodes: u32,
}

const TICKS: usize = 11;
const VERSION: usize = 6;
const NODES: usize = 6;
const ENTRY: usize = TICKS + VERSION + NODES;

impl<'a> PackedStamps<'a> {
    /// The bytes that so many stamps take.
    pub(super) fn bytes(stamps: usize) -> usize {
        stamps * ENTRY
    }

    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    #[cfg(test)]
    pub(super) fn len(self) -> usize {
        self.0.len() / ENTRY
    }

    pub(super) fn get(self, number: usize) -> Stamp {
        let start = number * ENTRY;
        unpack(&self.0.as_bytes()[start..start + ENTRY]).stamp
    }

    /// Those that some node carries.
    pub(super) fn carried(self) -> impl Iterator<Item = Stamp> + use<'a> {
        let entries = self.0.as_bytes().chunks_exact(ENTRY).map(unpack);
        entries
            .filter(|entry| entry.nodes > 0)
            .map(|entry| entry.stamp)
    }
}

impl StampTable {
    /// To write with `stamp`, whose number it gives.
    pub(super) fn new(packed: PackedStamps<'_>, stamp: Stamp) -> (Self, usize) {
        let mut entries = Vec::with_capacity(packed.0.len() / ENTRY + 1);
        entries.extend(packed.0.as_bytes().chunks_exact(ENTRY).map(unpack));
        let mut table = Self(entries);
        let free = table.0.iter().position(|entry| entry.nodes == 0);
        let number = match free {
            Some(number) => {
                table.0[number].stamp = stamp;
                number
            }
            None => table.add(stamp),
        };
        (table, number)
    }

    /// Gives a number to a stamp that has none yet.
    pub(super) fn add(&mut self, stamp: Stamp) -> usize {
        self.0.push(Entry { stamp, nodes: 0 });
        self.0.len() - 1
    }

    /// A node carries the stamp from here on.
    pub(super) fn take(&mut self, number: usize) {
        self.0[number].nodes += 1;
    }

    /// A node that carried it is gone, or carries another.
    pub(super) fn release(&mut self, number: usize) {
        self.0[number].nodes -= 1;
    }

    /// How many entries there are to write, without those at the end that nobody needs.
    pub(super) fn len(&self) -> usize {
        let last = self.0.iter().rposition(|entry| entry.nodes > 0);
        last.map_or(0, |last| last + 1)
    }

    pub(super) fn pack(&self, out: &mut String) {
        for entry in &self.0[..self.len()] {
            let ticks = entry.stamp.updated.unix_ticks().cast_unsigned();
            push(out, &digits::fixed::<TICKS>(ticks));
            push(out, &digits::fixed::<VERSION>(entry.stamp.version.into()));
            push(out, &digits::fixed::<NODES>(entry.nodes.into()));
        }
    }
}

fn push(out: &mut String, digits: &[u8]) {
    out.push_str(std::str::from_utf8(digits).expect("digits are ASCII"));
}

fn unpack(entry: &[u8]) -> Entry {
    let (ticks, rest) = entry.split_at(TICKS);
    let (version, nodes) = rest.split_at(VERSION);
    let number = |text| u32::try_from(digits::read_fixed(text)).expect("32 bits were written");
    Entry {
        stamp: Stamp {
            updated: Timestamp::from_unix_ticks(digits::read_fixed(ticks).cast_signed()),
            version: number(version),
        },
        nodes: number(nodes),
    }
}
