//! The registry: identities of devices and modules, and how many there may be.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hub_core::HubError;
use hub_core::registry::{DeviceIdentity, DeviceSpec, IfMatch, ModuleIdentity, ModuleSpec};
use hub_proto::ids::{DeviceId, ModuleId};

use super::handle::HubHandle;
use super::slot::ShardSlot;

/// Devices.
impl HubHandle {
    /// See [`hub_core::Shard::create_device`].
    pub fn create_device(&self, spec: DeviceSpec) -> Result<DeviceIdentity, HubError> {
        self.slot_of(&spec.id).command(|cell, now| {
            let is_full = !self.reserve_identity();
            // A device that exists is refused as such, even by a full hub.
            if is_full && cell.shard.device(&spec.id).is_err() {
                return Err(self.full());
            }
            let created = cell.shard.create_device(now, spec);
            match &created {
                Ok(_) => {
                    self.counts().devices.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) if !is_full => self.release_identities(1),
                Err(_) => {}
            }
            created
        })
    }

    /// See [`hub_core::Shard::update_device`].
    pub fn update_device(
        &self,
        spec: DeviceSpec,
        if_match: &IfMatch,
    ) -> Result<DeviceIdentity, HubError> {
        self.slot_of(&spec.id)
            .command(|cell, now| cell.shard.update_device(now, spec, if_match))
    }

    /// See [`hub_core::Shard::delete_device`].
    pub fn delete_device(&self, id: &DeviceId, if_match: &IfMatch) -> Result<(), HubError> {
        self.slot_of(id).command(|cell, now| {
            let removed = cell.shard.delete_device(now, id, if_match)?;
            self.counts().devices.fetch_sub(1, Ordering::Relaxed);
            self.release_identities(removed);
            Ok(())
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
            let is_full = !self.reserve_identity();
            if is_full && cell.shard.module(&spec.device, &spec.id).is_err() {
                return Err(self.full());
            }
            let created = cell.shard.create_module(now, spec);
            if created.is_err() && !is_full {
                self.release_identities(1);
            }
            created
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
            cell.shard.delete_module(now, device, id, if_match)?;
            self.release_identities(1);
            Ok(())
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
    /// Takes a place; says whether there was one.
    fn reserve_identity(&self) -> bool {
        let max = self.limits().identities;
        let reserve = |count: usize| (count < max).then_some(count + 1);
        self.counts()
            .identities
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve)
            .is_ok()
    }

    fn release_identities(&self, count: usize) {
        self.counts().identities.fetch_sub(count, Ordering::Relaxed);
    }

    fn full(&self) -> HubError {
        HubError::TooManyDevices(self.limits().identities)
    }
}
