//! The whole hub as plain data: emptied, taken, put back; and the snapshots that are kept by name.
//!
//! Shards are taken one after the other. What devices and services do meanwhile falls before or after,
//! shard by shard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hub_core::image::ClientImage;
use hub_core::{ClearedClients, HubError, Shard};
use hub_proto::ids::DeviceId;

use super::handle::HubHandle;
use super::placement::{SHARDS, shard_of};

/// Snapshots kept by name, and when the hub was emptied.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    named: Mutex<BTreeMap<String, Arc<Vec<ClientImage>>>>,
    /// The newest event at the last reset.
    reset_at: AtomicU64,
}

/// There are as many snapshots as may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hub keeps at most {SNAPSHOTS_MAX} snapshots")]
pub struct ShelfFull;

impl HubHandle {
    /// Removes every identity with twin, queue and link, and every job; says how many identities
    /// there were. Policies and their keys stay, and so does the event log.
    pub fn reset(&self) -> usize {
        self.clear_jobs();
        let cleared = self.clear_shards();
        let newest = self.event_log().newest();
        self.shelf().reset_at.store(newest, Ordering::Relaxed);
        cleared
    }

    /// The number of the newest event at the last [`Self::reset`]; 0 if there was none.
    pub fn reset_at(&self) -> u64 {
        self.shelf().reset_at.load(Ordering::Relaxed)
    }

    /// Every identity with twin and queue, as plain data.
    pub fn export(&self) -> Vec<ClientImage> {
        let now = self.now();
        let images = self
            .slots()
            .map(|slot| slot.read(|shard| shard.export(now)));
        let mut images: Vec<ClientImage> = images.flatten().collect();
        // The order of ids, whatever the shards: two snapshots of the same are the same text.
        images.sort_by(|one, other| {
            let key = |image: &ClientImage| (image.device_id.clone(), image.module_id.clone());
            key(one).cmp(&key(other))
        });
        images
    }

    /// Has these identities in place of all there are, or on an error leaves all as it is; says how
    /// many. Jobs go, and all links are closed.
    pub fn restore(&self, images: &[ClientImage]) -> Result<usize, HubError> {
        let max = self.limits().identities;
        if images.len() > max {
            return Err(HubError::TooManyDevices(max));
        }
        let mut shares: [Vec<ClientImage>; SHARDS] = std::array::from_fn(|_| Vec::new());
        let mut devices: [Option<DeviceId>; SHARDS] = std::array::from_fn(|_| None);
        for image in images {
            let device = DeviceId::parse(&image.device_id)
                .map_err(|error| HubError::Argument(format!("{:?}: {error}", image.device_id)))?;
            let shard = shard_of(&device);
            shares[shard].push(image.clone());
            devices[shard] = Some(device);
        }
        let (now, mut fresh) = (self.now(), Vec::new());
        for (share, device) in shares.iter().zip(devices) {
            let Some(device) = device else { continue };
            let mut shard = Shard::new(self.limits().clone());
            shard.import(now, share)?;
            fresh.push((device, shard));
        }
        self.clear_jobs();
        self.clear_shards();
        for (device, shard) in fresh {
            self.slot_of(&device).command(|cell, now| {
                let gone = (cell.shard.device_count(), cell.shard.client_count());
                cell.shard.replace_with(now, shard);
                self.count_gone(gone.0, gone.1);
                let counts = self.counts();
                let (devices, clients) = (cell.shard.device_count(), cell.shard.client_count());
                counts.devices.fetch_add(devices, Ordering::Relaxed);
                counts.identities.fetch_add(clients, Ordering::Relaxed);
            });
        }
        Ok(images.len())
    }

    /// Keeps a snapshot under a name, in place of one that has it.
    pub fn keep_snapshot(&self, name: &str, images: Vec<ClientImage>) -> Result<(), ShelfFull> {
        let mut named = self.shelf().named();
        if named.len() >= SNAPSHOTS_MAX && !named.contains_key(name) {
            return Err(ShelfFull);
        }
        named.insert(name.to_owned(), Arc::new(images));
        Ok(())
    }

    /// The snapshot of that name.
    pub fn kept_snapshot(&self, name: &str) -> Option<Arc<Vec<ClientImage>>> {
        self.shelf().named().get(name).cloned()
    }

    /// Forgets the snapshot of that name; says whether there was one.
    pub fn drop_snapshot(&self, name: &str) -> bool {
        self.shelf().named().remove(name).is_some()
    }

    /// The snapshots that are kept: names and numbers of identities.
    pub fn kept_snapshots(&self) -> Vec<(String, usize)> {
        let kept = self.shelf().named();
        kept.iter()
            .map(|(name, images)| (name.clone(), images.len()))
            .collect()
    }

    fn clear_shards(&self) -> usize {
        let cleared = self.slots().map(|slot| {
            slot.command(|cell, now| {
                let devices = cell.shard.device_count();
                let clients = cell.shard.clear(now);
                self.count_gone(devices, clients.count());
                clients
            })
        });
        let cleared: Vec<ClearedClients> = cleared.collect();
        let count = cleared.iter().map(ClearedClients::count).sum();
        if count > DROPPED_IN_PLACE_MAX {
            // A million twins are half a second's work for the allocator.
            self.runtime().spawn_blocking(move || drop(cleared));
        }
        count
    }

    fn count_gone(&self, devices: usize, clients: usize) {
        let counts = self.counts();
        counts.devices.fetch_sub(devices, Ordering::Relaxed);
        counts.identities.fetch_sub(clients, Ordering::Relaxed);
    }
}

impl Shelf {
    fn named(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Vec<ClientImage>>>> {
        self.named.lock().expect("nothing panics with it locked")
    }
}

const SNAPSHOTS_MAX: usize = 16;
/// So many clients are given back in less time than a thread takes to begin.
const DROPPED_IN_PLACE_MAX: usize = 256;
