//! How far reads of a hub lag behind writes: the setting, for all its shards, those included that are made
//! later.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hub_core::{LagState, Lags};

use super::handle::HubHandle;

/// The setting.
#[derive(Debug, Default)]
pub(super) struct LagDial(Mutex<Lags>);

impl LagDial {
    pub(super) fn new(lags: Lags) -> Self {
        Self(Mutex::new(lags))
    }

    pub(super) fn get(&self) -> Lags {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Lags> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HubHandle {
    /// How far reads lag behind.
    pub fn lags(&self) -> Lags {
        self.lag_dial().get()
    }

    /// Has reads lag by so much from now on; see [`hub_core::Shard::set_lags`]. It stays so through a reset
    /// or a restore.
    pub fn set_lags(&self, lags: Lags) {
        *self.lag_dial().lock() = lags;
        // Every shard, so that one that is being made just now cannot miss it.
        for slot in self.all_slots() {
            // Read again: of two calls at once the later one holds everywhere.
            slot.command(|cell, now| cell.shard.set_lags(now, self.lags()));
        }
    }

    /// What reads that lag cost just now, all shards together.
    pub fn lag_state(&self) -> LagState {
        let mut whole = LagState::default();
        for slot in self.slots() {
            let part = slot.read(hub_core::Shard::lag_state);
            whole.states += part.states;
            whole.bytes += part.bytes;
            whole.is_cut_short |= part.is_cut_short;
        }
        whole
    }
}
