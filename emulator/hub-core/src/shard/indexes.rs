//! The indexes of one shard: made when a query asks, kept in step with the devices, and dropped when
//! they are no use.
//!
//! No write waits for an index. It notes which device changed; the notes are worked off some at a time,
//! and until then a search looks at every device noted as well. What a device's row shows at a path that
//! can have an index changes with a fact for the log only, so that is where notes are made.

use std::ops::Bound;

use hub_proto::ids::{ClientIdentity, DeviceId};

use super::state::Shard;
use crate::event::EventKind;
use crate::query::{Added, Collection, IdRanges, Index, Query, Row, Sought, Spots};

/// The indexes, those asked for last behind the others.
#[derive(Debug, Default)]
pub(super) struct Indexes(Vec<KeptIndex>);

/// An index on its way, or whole.
#[derive(Debug)]
struct KeptIndex {
    index: Index,
    progress: Progress,
    /// Devices that changed since it was begun.
    changes: usize,
}

/// How far an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
    /// Devices up to this one are in it.
    Until(Option<DeviceId>),
    Whole,
}

/// Devices that changed and that no index has looked at since. Nothing is noted without an index.
#[derive(Debug, Default)]
pub(super) struct ChangeNotes {
    is_on: bool,
    devices: Vec<DeviceId>,
}

impl ChangeNotes {
    /// Notes a fact.
    pub(super) fn note(&mut self, client: &ClientIdentity, fact: &EventKind) {
        if !self.is_on || !changes_row(fact) {
            return;
        }
        if let ClientIdentity::Device(device) = client
            && self.devices.last() != Some(device)
        {
            self.devices.push(device.clone());
        }
    }
}

/// Whether a device's row shows another value after it, at a path that can have an index.
fn changes_row(fact: &EventKind) -> bool {
    matches!(
        fact,
        EventKind::DeviceCreated
            | EventKind::DeviceUpdated { .. }
            | EventKind::Connected { .. }
            | EventKind::Disconnected { .. }
            | EventKind::Reported { .. }
            | EventKind::Desired { .. }
            | EventKind::Tags { .. }
    )
}

impl Shard {
    /// Goes on with the index that would save `query` a scan, up to so many devices; says whether there
    /// is nothing left to do: it is whole, or none would help. Answers are the same with and without.
    pub fn extend_index(&mut self, query: &Query, looked_at_max: usize) -> bool {
        // An index knows what is, not what was.
        if query.collection() != Collection::Devices || self.is_lagging() {
            return true;
        }
        self.settle_indexes();
        let limits = self.common.limits.indexes.clone();
        // More would drive each other out.
        for sought in query.sought().iter().take(limits.count) {
            let kept = self.take_index(sought).unwrap_or_else(|| KeptIndex {
                index: Index::new(sought, limits.devices_per_value),
                progress: Progress::Until(None),
                changes: 0,
            });
            if kept.index.devices(sought).is_none() {
                if kept.changes > limits.changes_before_rebuild {
                    // Dropped: a value of many may have become one of few.
                    return false;
                }
                self.keep(kept);
                continue;
            }
            if kept.progress == Progress::Whole {
                self.keep(kept);
                return true;
            }
            self.extend(kept, looked_at_max);
            return false;
        }
        true
    }

    /// The devices that a query must look at, if an index can say: in their order, those behind `after`
    /// whose ids are in `ids`.
    pub(super) fn candidates(
        &self,
        query: &Query,
        ids: &IdRanges,
        after: Option<&ClientIdentity>,
    ) -> Option<Vec<DeviceId>> {
        if query.collection() != Collection::Devices || self.is_lagging() {
            return None;
        }
        let known = query.sought().iter().filter_map(|sought| {
            let mut whole = self.indexes.0.iter();
            let kept =
                whole.find(|kept| kept.index.is_of(sought) && kept.progress == Progress::Whole)?;
            kept.index.devices(sought)
        });
        let fewest = known.min_by_key(Vec::len)?;
        let after = after.map(ClientIdentity::device_id);
        let changed = &self.common.changes.devices;
        let mut devices: Vec<DeviceId> = fewest
            .into_iter()
            .chain(changed)
            .filter(|device| after.is_none_or(|after| *device > after))
            .filter(|device| ids.contains(device.as_str()))
            .cloned()
            .collect();
        devices.sort_unstable();
        devices.dedup();
        Some(devices)
    }

    /// Works the notes off, once there are so many that a search would feel it.
    pub(super) fn settle_indexes_now_and_then(&mut self) {
        if self.common.changes.devices.len() >= self.common.limits.indexes.unseen_changes {
            self.settle_indexes();
        }
    }

    /// Forgets all indexes: there will be other devices.
    pub(super) fn drop_indexes(&mut self) {
        self.indexes = Indexes::default();
        self.common.changes = ChangeNotes::default();
    }

    fn settle_indexes(&mut self) {
        let devices = std::mem::take(&mut self.common.changes.devices);
        if devices.is_empty() {
            return;
        }
        let mut indexes = std::mem::take(&mut self.indexes);
        for kept in &mut indexes.0 {
            kept.changes += devices.len();
            for device in &devices {
                self.name_in(&mut kept.index, device);
            }
        }
        let unseen = self.common.limits.indexes.unseen_changes;
        let named_max = NAMED_MAX_PER_DEVICE * self.device_count + unseen;
        // What changes all the time leaves its old values behind.
        indexes.0.retain(|kept| kept.index.named() <= named_max);
        self.indexes = indexes;
        self.common.changes.is_on = !self.indexes.0.is_empty();
    }

    fn extend(&mut self, mut kept: KeptIndex, looked_at_max: usize) {
        let Progress::Until(after) = &kept.progress else {
            unreachable!("a whole index is not gone on with");
        };
        let mut looked_at = 0;
        let mut last = None;
        let start = after.clone().map(ClientIdentity::Device);
        let rows = self.indexed(start.map_or(Bound::Unbounded, Bound::Excluded));
        let rows = rows.take_while(|found| found.id().module_id().is_none());
        self.walk(rows.take(looked_at_max), |found, row| {
            self.add_to(&mut kept.index, found.id().device_id(), row);
            looked_at += 1;
            last = Some(found.id().device_id());
            true
        });
        kept.progress = if looked_at < looked_at_max {
            Progress::Whole
        } else {
            Progress::Until(last.cloned())
        };
        self.keep(kept);
    }

    /// Takes the index of a path out, to be kept again.
    fn take_index(&mut self, sought: &Sought) -> Option<KeptIndex> {
        let indexes = &mut self.indexes.0;
        let place = indexes.iter().position(|kept| kept.index.is_of(sought))?;
        Some(indexes.remove(place))
    }

    fn keep(&mut self, kept: KeptIndex) {
        if self.indexes.0.len() >= self.common.limits.indexes.count {
            self.indexes.0.remove(0);
        }
        self.indexes.0.push(kept);
        self.common.changes.is_on = true;
    }

    /// Has an index name a device, if it is there.
    fn name_in(&self, index: &mut Index, device: &DeviceId) {
        let id = ClientIdentity::Device(device.clone());
        if let Some(found) = self.indexed_one(&id) {
            let spots = Spots::default();
            self.with_row(&found, &spots, |row| self.add_to(index, device, row));
        }
    }

    fn add_to(&self, index: &mut Index, device: &DeviceId, row: Row<'_>) {
        let Some(value) = index.value_of(row) else {
            return;
        };
        if index.add(device, value) == Added::Full {
            let spots = Spots::default();
            index.retain(value, |index, device| {
                let id = ClientIdentity::Device(device.clone());
                let found = self.indexed_one(&id);
                let value_of = |found| self.with_row(&found, &spots, |row| index.value_of(row));
                found.and_then(value_of) == Some(value)
            });
            // Now there is room, or it is a value of many.
            index.add(device, value);
        }
    }
}

/// How many devices an index may name for each that there is; old values stay named for a while.
const NAMED_MAX_PER_DEVICE: usize = 2;
