//! The registry: identities of devices and modules, and how many there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hub_core::registry::{DeviceIdentity, DeviceSpec, IfMatch, ModuleIdentity, ModuleSpec};
use hub_core::{DeviceStatistics, HubError, Shard};
use hub_proto::ids::{DeviceId, ModuleId};

use super::handle::HubHandle;
use super::slot::ShardSlot;

/// Devices.
impl HubHandle {
    /// See [`hub_core::Shard::create_device`]. Parents are looked up, and scopes settled.
    pub fn create_device(&self, mut spec: DeviceSpec) -> Result<DeviceIdentity, HubError> {
        spec.settle_scopes(None, |id| self.device(id).ok())?;
        let is_known = |shard: &Shard, spec: &DeviceSpec| shard.device(&spec.id).is_ok();
        self.slot_of(&spec.id).command(|cell, now| {
            let is_full = self.is_full();
            // A device that exists is refused as such, even by a full hub.
            if is_full && !is_known(&cell.shard, &spec) {
                return Err(self.full());
            }
            self.counting(&mut cell.shard, |shard| shard.create_device(now, spec))
        })
    }

    /// See [`hub_core::Shard::update_device`]. Parents are looked up, and scopes settled.
    pub fn update_device(
        &self,
        mut spec: DeviceSpec,
        if_match: &IfMatch,
    ) -> Result<DeviceIdentity, HubError> {
        let existing = self.device(&spec.id)?;
        spec.settle_scopes(Some(&existing), |id| self.device(id).ok())?;
        self.slot_of(&spec.id).command(|cell, now| {
            self.counting(&mut cell.shard, |shard| {
                shard.update_device(now, spec, if_match)
            })
        })
    }

    /// See [`hub_core::Shard::delete_device`].
    pub fn delete_device(&self, id: &DeviceId, if_match: &IfMatch) -> Result<(), HubError> {
        self.slot_of(id).command(|cell, now| {
            self.counting(&mut cell.shard, |shard| {
                shard.delete_device(now, id, if_match).map(drop)
            })
        })
    }

    /// See [`hub_core::Shard::device`].
    pub fn device(&self, id: &DeviceId) -> Result<DeviceIdentity, HubError> {
        self.slot_of(id).read(|shard| shard.device(id))
    }

    /// Up to `limit` identities of all shards, in the order of their ids.
    pub fn devices(&self, limit: usize) -> Vec<DeviceIdentity> {
        let of_shard = |slot: &Arc<ShardSlot>| slot.read(|shard| shard.devices(None, limit));
        let mut devices: Vec<_> = self.slots().flat_map(of_shard).collect();
        devices.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        devices.truncate(limit);
        devices
    }

    /// How many devices are enabled, disabled and connected. Walks all devices, one shard at a time.
    pub fn device_statistics(&self) -> DeviceStatistics {
        let of_shard = |slot: &Arc<ShardSlot>| slot.read(Shard::device_statistics);
        self.slots()
            .map(of_shard)
            .fold(DeviceStatistics::default(), |sum, of_shard| {
                DeviceStatistics {
                    enabled: sum.enabled + of_shard.enabled,
                    disabled: sum.disabled + of_shard.disabled,
                    connected: sum.connected + of_shard.connected,
                }
            })
    }

    /// How many devices the registry holds.
    pub fn device_count(&self) -> usize {
        self.counts().devices.load(Ordering::Relaxed)
    }

    /// How many identities the registry holds: devices and modules.
    pub fn identity_count(&self) -> usize {
        self.counts().identities.load(Ordering::Relaxed)
    }
}

/// Modules.
impl HubHandle {
    /// See [`hub_core::Shard::create_module`].
    pub fn create_module(&self, spec: ModuleSpec) -> Result<ModuleIdentity, HubError> {
        self.slot_of(&spec.device).command(|cell, now| {
            let is_known = cell.shard.module(&spec.device, &spec.id).is_ok();
            if self.is_full() && !is_known {
                return Err(self.full());
            }
            self.counting(&mut cell.shard, |shard| shard.create_module(now, spec))
        })
    }

    /// See [`hub_core::Shard::update_module`].
    pub fn update_module(
        &self,
        spec: ModuleSpec,
        if_match: &IfMatch,
    ) -> Result<ModuleIdentity, HubError> {
        self.slot_of(&spec.device)
            .command(|cell, now| cell.shard.update_module(now, spec, if_match))
    }

    /// See [`hub_core::Shard::delete_module`].
    pub fn delete_module(
        &self,
        device: &DeviceId,
        id: &ModuleId,
        if_match: &IfMatch,
    ) -> Result<(), HubError> {
        self.slot_of(device).command(|cell, now| {
            self.counting(&mut cell.shard, |shard| {
                shard.delete_module(now, device, id, if_match)
            })
        })
    }

    /// See [`hub_core::Shard::module`].
    pub fn module(&self, device: &DeviceId, id: &ModuleId) -> Result<ModuleIdentity, HubError> {
        self.slot_of(device).read(|shard| shard.module(device, id))
    }

    /// See [`hub_core::Shard::modules`].
    pub fn modules(&self, device: &DeviceId) -> Result<Vec<ModuleIdentity>, HubError> {
        self.slot_of(device).read(|shard| shard.modules(device))
    }
}

/// Room for identities. The hub itself counts, since the devices of a small hub need not spread evenly
/// over the shards.
impl HubHandle {
    /// Carries out a command on the registry and counts what it changed. Called with the shard locked.
    ///
    /// Two shards that create at once may both find the last place free, and the modules that the hub
    /// makes for an Edge device ask for none: a full hub may be over its cap by a few.
    pub(super) fn counting<R>(
        &self,
        shard: &mut Shard,
        command: impl FnOnce(&mut Shard) -> R,
    ) -> R {
        let before = (shard.identity_count(), shard.device_count());
        let result = command(shard);
        let after = (shard.identity_count(), shard.device_count());
        adjust(&self.counts().identities, before.0, after.0);
        adjust(&self.counts().devices, before.1, after.1);
        result
    }

    fn is_full(&self) -> bool {
        self.identity_count() >= self.limits().identities
    }

    fn full(&self) -> HubError {
        HubError::TooManyDevices(self.limits().identities)
    }
}

fn adjust(count: &AtomicUsize, before: usize, after: usize) {
    if after >= before {
        count.fetch_add(after - before, Ordering::Relaxed);
    } else {
        count.fetch_sub(before - after, Ordering::Relaxed);
    }
}
