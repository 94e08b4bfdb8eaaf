//! The whole hub as plain data: emptied, taken, put back; and the snapshots that are kept by name.
//!
//! Shards are taken one after the other. What devices and services do meanwhile falls before or after,
//! shard by shard. What the hub does by itself (jobs, configurations, imports) stands still: nothing of
//! before a reset or a restore is done to the twins of after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hub_core::configuration::{ConfigurationSpec, Configurations};
use hub_core::image::{ClientImage, HubImage};
use hub_core::registry::IfMatch;
use hub_core::{ClearedClients, HubError, Shard};
use hub_proto::ids::DeviceId;

use super::handle::HubHandle;
use super::placement::{SHARDS, shard_of};

/// Snapshots kept by name, and when the hub was emptied.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    named: Mutex<BTreeMap<String, Arc<HubImage>>>,
    /// The newest event at the last reset.
    reset_at: AtomicU64,
    /// Read by the tasks of the hub for each step that changes twins, written while the whole hub is
    /// taken or replaced.
    steps: RwLock<()>,
}

/// What a reset leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResetOptions {
    /// Automatic configurations.
    pub keep_configurations: bool,
}

/// How much there was, or is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubContents {
    /// Devices and modules.
    pub identities: usize,
    /// Automatic configurations.
    pub configurations: usize,
    /// Scheduled jobs, ended or not.
    pub jobs: usize,
}

impl HubContents {
    /// What a snapshot holds.
    pub fn of(image: &HubImage) -> Self {
        Self {
            identities: image.clients.len(),
            configurations: image.configurations.len(),
            jobs: image.jobs.len(),
        }
    }
}

/// Which jobs a snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhichJobs {
    /// Those that wait and those that have ended; refused while one runs.
    #[default]
    All,
    /// None, whatever they do.
    None,
}

/// There are as many snapshots as may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hub keeps at most {SNAPSHOTS_MAX} snapshots")]
pub struct ShelfFull;

impl HubHandle {
    /// Removes every identity with twin, queue and link, every job and, unless they are to stay,
    /// every configuration; says how many there were. Policies and their keys stay, and so does the
    /// event log.
    pub fn reset(&self, options: ResetOptions) -> HubContents {
        let _standstill = self.standstill();
        let jobs = self.clear_jobs();
        let configurations = if options.keep_configurations {
            0
        } else {
            self.clear_configurations()
        };
        let identities = self.clear_shards();
        let newest = self.event_log().newest();
        self.shelf().reset_at.store(newest, Ordering::Relaxed);
        HubContents {
            identities,
            configurations,
            jobs,
        }
    }

    /// The number of the newest event at the last [`Self::reset`]; 0 if there was none.
    pub fn reset_at(&self) -> u64 {
        self.shelf().reset_at.load(Ordering::Relaxed)
    }

    /// Every identity with twin and queue, every configuration, and the jobs, as plain data.
    pub fn export(&self, which: WhichJobs) -> Result<HubImage, HubError> {
        let _standstill = self.standstill();
        let jobs = match which {
            WhichJobs::All => self.export_jobs()?,
            WhichJobs::None => Vec::new(),
        };
        Ok(HubImage {
            clients: self.export_clients(),
            configurations: self.export_configurations(),
            jobs,
        })
    }

    fn export_clients(&self) -> Vec<ClientImage> {
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

    /// Has what the image holds in place of all there is, or on an error leaves all as it is; says
    /// how much that is. All links are closed.
    pub fn restore(&self, image: &HubImage) -> Result<HubContents, HubError> {
        let max = self.limits().identities;
        if image.clients.len() > max {
            return Err(HubError::TooManyDevices(max));
        }
        let configurations = Configurations::import(&image.configurations, self.limits())?;
        let shards = self.import_clients(&image.clients)?;
        let _standstill = self.standstill();
        // The last that may be refused.
        self.replace_jobs(&image.jobs)?;
        self.clear_shards();
        for (device, shard) in shards {
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
        self.replace_configurations(configurations);
        Ok(HubContents::of(image))
    }

    /// Adds identities and configurations that are not there, after those that are to go, devices with
    /// their modules and configurations of the same names; refuses what it cannot hold before anything
    /// changes. Made for what was checked already: who adds the same meanwhile is told, and some of it
    /// may be there then.
    pub(crate) fn add(
        &self,
        images: &[ClientImage],
        gone: &BTreeSet<DeviceId>,
        configurations: Vec<ConfigurationSpec>,
    ) -> Result<(), HubError> {
        let leaving: usize = gone
            .iter()
            .map(|id| 1 + self.modules(id).map_or(0, |modules| modules.len()))
            .sum();
        let max = self.limits().identities;
        if (self.identity_count() + images.len()).saturating_sub(leaving) > max {
            return Err(HubError::TooManyDevices(max));
        }
        let is_new = |spec: &&ConfigurationSpec| self.configuration(&spec.id).is_err();
        let new = configurations.iter().filter(is_new).count();
        let max = self.limits().configurations;
        if self.export_configurations().len() + new > max {
            return Err(HubError::TooManyConfigurations(max));
        }
        for id in gone {
            self.delete_device(id, &IfMatch::Any)?;
        }
        for (device, share) in shares(images)? {
            self.slot_of(&device).command(|cell, now| {
                self.counting(&mut cell.shard, |shard| shard.import(now, &share))
            })?;
        }
        for spec in configurations {
            if self.configuration(&spec.id).is_ok() {
                self.delete_configuration(&spec.id, &IfMatch::Any)?;
            }
            self.put_configuration(spec, &IfMatch::Absent)?;
        }
        Ok(())
    }

    /// Fresh shards with the clients of an image, each with one of its devices.
    fn import_clients(&self, images: &[ClientImage]) -> Result<Vec<(DeviceId, Shard)>, HubError> {
        let (now, mut fresh) = (self.now(), Vec::new());
        for (device, share) in shares(images)? {
            let mut shard = Shard::new(self.limits().clone());
            shard.import(now, &share)?;
            fresh.push((device, shard));
        }
        Ok(fresh)
    }

    /// One step of a task of the hub that changes twins by itself. Never held across an `.await`.
    pub(crate) fn step(&self) -> RwLockReadGuard<'_, ()> {
        let steps = self.shelf().steps.read();
        steps.unwrap_or_else(PoisonError::into_inner)
    }

    /// No task of the hub changes anything meanwhile.
    fn standstill(&self) -> RwLockWriteGuard<'_, ()> {
        let steps = self.shelf().steps.write();
        steps.unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a snapshot under a name, in place of one that has it.
    pub fn keep_snapshot(&self, name: &str, image: HubImage) -> Result<(), ShelfFull> {
        let mut named = self.shelf().named();
        if named.len() >= SNAPSHOTS_MAX && !named.contains_key(name) {
            return Err(ShelfFull);
        }
        named.insert(name.to_owned(), Arc::new(image));
        Ok(())
    }

    /// The snapshot of that name.
    pub fn kept_snapshot(&self, name: &str) -> Option<Arc<HubImage>> {
        self.shelf().named().get(name).cloned()
    }

    /// Forgets the snapshot of that name; says whether there was one.
    pub fn drop_snapshot(&self, name: &str) -> bool {
        self.shelf().named().remove(name).is_some()
    }

    /// The snapshots that are kept: their names, and how much they hold.
    pub fn kept_snapshots(&self) -> Vec<(String, HubContents)> {
        let kept = self.shelf().named();
        kept.iter()
            .map(|(name, image)| (name.clone(), HubContents::of(image)))
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

/// What each shard gets, with one of its devices.
fn shares(images: &[ClientImage]) -> Result<Vec<(DeviceId, Vec<ClientImage>)>, HubError> {
    let mut shares: [Option<(DeviceId, Vec<ClientImage>)>; SHARDS] = std::array::from_fn(|_| None);
    for image in images {
        let device = DeviceId::parse(&image.device_id)
            .map_err(|error| HubError::Argument(format!("{:?}: {error}", image.device_id)))?;
        let share = &mut shares[shard_of(&device)];
        let (_, share) = share.get_or_insert_with(|| (device, Vec::new()));
        share.push(image.clone());
    }
    Ok(shares.into_iter().flatten().collect())
}

impl Shelf {
    fn named(&self) -> MutexGuard<'_, BTreeMap<String, Arc<HubImage>>> {
        self.named.lock().expect("nothing panics with it locked")
    }
}

const SNAPSHOTS_MAX: usize = 16;
/// So many clients are given back in less time than a thread takes to begin.
const DROPPED_IN_PLACE_MAX: usize = 256;
