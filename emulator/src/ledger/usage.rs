//! How often each operation was used.

use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::{Entry, Key, entries};

/// The uses of one operation of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The operation.
    pub entry: &'static Entry,
    /// How often it was asked for by someone who may.
    pub uses: u64,
    /// How often it was refused since what was asked for is not built.
    pub refused: u64,
}

/// Counters for every operation, of one hub. They never go back.
#[derive(Debug)]
pub(crate) struct UseCounters(Box<[Counter]>);

#[derive(Debug, Default)]
struct Counter {
    uses: AtomicU64,
    refused: AtomicU64,
    /// Answers by the first digit of their status, from 1.
    answers: [AtomicU64; 5],
}

impl UseCounters {
    pub(crate) fn new() -> Self {
        Self(entries().iter().map(|_| Counter::default()).collect())
    }

    pub(crate) fn note_uses(&self, key: Key, uses: u64) {
        self.0[key.0].uses.fetch_add(uses, Ordering::Relaxed);
    }

    pub(crate) fn note_refusal(&self, key: Key) {
        self.0[key.0].refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer, whoever asked.
    pub(crate) fn note_answer(&self, key: Key, status: u16) {
        let class = usize::from(status / 100).checked_sub(1);
        if let Some(counter) = class.and_then(|class| self.0[key.0].answers.get(class)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Answers by operation and first digit of the status, where there were any.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (&'static Entry, u16, u64)> {
        entries().iter().zip(&self.0).flat_map(|(entry, counter)| {
            let counts = counter.answers.iter().zip(1..);
            let counts =
                counts.map(move |(count, class)| (entry, class, count.load(Ordering::Relaxed)));
            counts.filter(|(_, _, count)| *count > 0)
        })
    }

    /// What was used or refused, in the order of the ledger.
    pub(crate) fn read(&self) -> Vec<Usage> {
        let counted = entries().iter().zip(&self.0).map(|(entry, counter)| Usage {
            entry,
            uses: counter.uses.load(Ordering::Relaxed),
            refused: counter.refused.load(Ordering::Relaxed),
        });
        counted
            .filter(|usage| usage.uses + usage.refused > 0)
            .collect()
    }
}
