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
}

impl UseCounters {
    pub(crate) fn new() -> Self {
        Self(entries().iter().map(|_| Counter::default()).collect())
    }

    pub(crate) fn note_use(&self, key: Key) {
        self.0[key.0].uses.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_refusal(&self, key: Key) {
        self.0[key.0].refused.fetch_add(1, Ordering::Relaxed);
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
