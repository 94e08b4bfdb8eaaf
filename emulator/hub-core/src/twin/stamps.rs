//! The stamps of a section: each once, with how many nodes carry it.
//!
//! Most nodes of a section were written together, so a node holds the number of its stamp, not the
//! stamp. A number keeps its meaning for as long as a node carries it: what a write does not touch is
//! copied as it stands. Once nobody carries a stamp, its number goes to the next one.

use std::ops::Range;

use hub_proto::time::Timestamp;

use super::digits;

/// When a node was last touched, and by which version of its section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    pub(crate) updated: Timestamp,
    /// 0 on a section that was never written.
    pub(crate) version: u32,
}

/// The packed form: entries of one length, side by side. Times and versions are what the section's own
/// stamp is ahead of them, so that most take a character or none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PackedStamps<'a> {
    /// How many, the widths of the columns, the entries, and what follows.
    text: &'a str,
    /// The section's own stamp.
    own: Option<&'a Stamp>,
}

/// How many characters each part of an entry takes.
#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    ticks: usize,
    version: usize,
    nodes: usize,
}

/// The form to change them in.
#[derive(Debug)]
pub(super) struct StampTable(Vec<Entry>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    stamp: Stamp,
    nodes: u32,
}

impl<'a> PackedStamps<'a> {
    /// Those at the front of the text of a section whose own stamp is `own`; gives what follows as well.
    pub(super) fn split_off(text: &'a str, own: &'a Stamp) -> (Self, &'a str) {
        let own = Some(own);
        let packed = Self { text, own };
        let (_, entries) = packed.layout();
        (packed, &text[entries.end..])
    }

    /// The columns, and where the entries are.
    fn layout(self) -> (Columns, Range<usize>) {
        let bytes = self.text.as_bytes();
        if bytes.is_empty() {
            return (Columns::default(), 0..0);
        }
        let mut at = 0;
        let stamps = digits::read(bytes, &mut at);
        let columns = Columns {
            ticks: digits::read(bytes, &mut at),
            version: digits::read(bytes, &mut at),
            nodes: digits::read(bytes, &mut at),
        };
        (columns, at..at + stamps * columns.width())
    }

    #[cfg(test)]
    pub(super) fn len(self) -> usize {
        self.all().len()
    }

    pub(super) fn get(self, number: usize) -> Stamp {
        let (columns, entries) = self.layout();
        let start = entries.start + number * columns.width();
        let entry = &self.text.as_bytes()[start..start + columns.width()];
        self.unpack(columns, entry).stamp
    }

    /// Those that some node carries.
    pub(super) fn carried(self) -> impl Iterator<Item = Stamp> + use<'a> {
        let carried = self.all().filter(|entry| entry.nodes > 0);
        carried.map(|entry| entry.stamp)
    }

    fn all(self) -> impl ExactSizeIterator<Item = Entry> + use<'a> {
        let (columns, entries) = self.layout();
        // Nothing is chunked by nothing: of no entries, the width does not matter.
        let width = columns.width().max(1);
        let entries = self.text.as_bytes()[entries].chunks_exact(width);
        entries.map(move |entry| self.unpack(columns, entry))
    }

    fn unpack(self, columns: Columns, entry: &[u8]) -> Entry {
        let (ticks, rest) = entry.split_at(columns.ticks);
        let (version, nodes) = rest.split_at(columns.version);
        let number = |text| u32::try_from(digits::read_fixed(text)).expect("32 bits were written");
        let own = self.own.expect("entries are of a section");
        let own_ticks = own.updated.unix_ticks();
        let behind = digits::read_fixed(ticks).cast_signed();
        Entry {
            stamp: Stamp {
                updated: Timestamp::from_unix_ticks(own_ticks.wrapping_sub(behind)),
                version: own.version.wrapping_sub(number(version)),
            },
            nodes: number(nodes),
        }
    }
}

impl Columns {
    fn width(self) -> usize {
        self.ticks + self.version + self.nodes
    }

    fn widen(&mut self, packed: PackedEntry) {
        let fit =
            |column: &mut usize, number| *column = (*column).max(digits::fixed_length(number));
        fit(&mut self.ticks, packed.ticks);
        fit(&mut self.version, packed.version);
        fit(&mut self.nodes, packed.nodes);
    }
}

/// The numbers of an entry.
#[derive(Clone, Copy, Debug, Default)]
struct PackedEntry {
    ticks: u64,
    version: u64,
    nodes: u64,
}

impl Entry {
    /// Of a section whose own stamp is `own`.
    fn packed(self, own: Stamp) -> PackedEntry {
        if self.nodes == 0 {
            // The number is free, so the rest does not matter.
            return PackedEntry::default();
        }
        let ticks = own.updated.unix_ticks();
        let ticks = ticks.wrapping_sub(self.stamp.updated.unix_ticks());
        PackedEntry {
            // Only a snapshot written by hand has nodes that are newer than their section.
            ticks: ticks.cast_unsigned(),
            version: own.version.wrapping_sub(self.stamp.version).into(),
            nodes: self.nodes.into(),
        }
    }
}

impl StampTable {
    /// To write with `stamp`, whose number it gives.
    pub(super) fn new(packed: PackedStamps<'_>, stamp: Stamp) -> (Self, usize) {
        let packed = packed.all();
        let mut entries = Vec::with_capacity(packed.len() + 1);
        entries.extend(packed);
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
    fn len(&self) -> usize {
        let last = self.0.iter().rposition(|entry| entry.nodes > 0);
        last.map_or(0, |last| last + 1)
    }

    /// As a section has them whose own stamp is `own`: how many, the widths, the entries. There is room
    /// for exactly `more` bytes behind them.
    pub(super) fn pack(&self, own: Stamp, more: usize) -> String {
        let entries = &self.0[..self.len()];
        let mut columns = Columns::default();
        for entry in entries {
            columns.widen(entry.packed(own));
        }
        let bytes = digits::length(entries.len()) + 3 + entries.len() * columns.width();
        let mut out = String::with_capacity(bytes + more);
        for number in [entries.len(), columns.ticks, columns.version, columns.nodes] {
            digits::push(&mut out, number);
        }
        for entry in entries {
            let packed = entry.packed(own);
            digits::push_fixed(&mut out, packed.ticks, columns.ticks);
            digits::push_fixed(&mut out, packed.version, columns.version);
            digits::push_fixed(&mut out, packed.nodes, columns.nodes);
        }
        out
    }
}
