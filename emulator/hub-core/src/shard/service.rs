//! The registry: what a service does with identities.
//!
//! Keys are already keys, and ids are ids; whether a service may do this is decided before.

use std::ops::Bound;

use hub_proto::ids::DeviceId;
use hub_proto::time::Now;

use super::state::{Device, Shard};
use crate::error::HubError;
use crate::event::EventKind;
use crate::link::LinkClose;
use crate::registry::{DeviceIdentity, DeviceSpec, IfMatch, Registered};

impl Shard {
    /// Registers a device with an empty twin.
    pub fn create_device(
        &mut self,
        now: Now,
        spec: DeviceSpec,
    ) -> Result<DeviceIdentity, HubError> {
        spec.check()?;
        if self.devices.contains_key(&spec.id) {
            return Err(HubError::DeviceAlreadyExists(spec.id));
        }
        if self.devices.len() >= self.common.limits.devices {
            return Err(HubError::TooManyDevices(self.common.limits.devices));
        }
        let id = spec.id.clone();
        let registered = Registered::new(spec, self.common.stamps.next(now.wall));
        let device = Box::new(Device::new(id.clone(), registered, now.wall));
        let identity = device.identity();
        self.devices.insert(id.clone(), device);
        self.common.event(now, &id, EventKind::DeviceCreated);
        Ok(identity)
    }

    /// Replaces an identity. Disabling it closes its link. Without a precondition a PUT means
    /// "create", so `IfMatch::Absent` is refused: the device exists.
    pub fn update_device(
        &mut self,
        now: Now,
        spec: DeviceSpec,
        if_match: &IfMatch,
    ) -> Result<DeviceIdentity, HubError> {
        spec.check()?;
        let (device, common) = self.reach(&spec.id)?;
        match if_match {
            IfMatch::Absent => return Err(HubError::DeviceAlreadyExists(spec.id)),
            IfMatch::Any | IfMatch::Etag(_) => if_match.check(&device.registered.etag)?,
        }
        let stamp = common.stamps.next(now.wall);
        device.registered.replace(now.wall, spec, stamp);
        let enabled = device.is_enabled();
        common.event(now, &device.id, EventKind::DeviceUpdated { enabled });
        if !enabled {
            device.close_link(now, common, LinkClose::Disabled);
            device.end_all_calls(now, common);
        }
        Ok(device.identity())
    }

    /// Removes an identity with twin, queue and link. `IfMatch::Absent` is refused.
    pub fn delete_device(
        &mut self,
        now: Now,
        id: &DeviceId,
        if_match: &IfMatch,
    ) -> Result<(), HubError> {
        let (device, common) = self.reach(id)?;
        match if_match {
            IfMatch::Absent => return Err(HubError::EtagMissing),
            IfMatch::Any | IfMatch::Etag(_) => if_match.check(&device.registered.etag)?,
        }
        device.close_link(now, common, LinkClose::Deleted);
        device.end_all_calls(now, common);
        device.forget_messages(common);
        common.configuration_counts.forget(device.configurations.as_deref());
        // The last fact about a device is that it is gone.
        common.event(now, id, EventKind::DeviceDeleted);
        self.devices.remove(id);
        Ok(())
    }

    /// An identity as the registry shows it.
    pub fn device(&self, id: &DeviceId) -> Result<DeviceIdentity, HubError> {
        self.look_up(id).map(Device::identity)
    }

    /// Up to `limit` identities in the order of their ids, after `after`.
    pub fn devices(&self, after: Option<&DeviceId>, limit: usize) -> Vec<DeviceIdentity> {
        self.devices_after(after)
            .take(limit)
            .map(Device::identity)
            .collect()
    }

    /// How many identities there are.
    pub fn device_count(&self) -> usize {
        self.devices.len()
    }

    pub(super) fn look_up(&self, id: &DeviceId) -> Result<&Device, HubError> {
        self.devices
            .get(id)
            .map(|device| &**device)
            .ok_or_else(|| HubError::DeviceNotFound(id.clone()))
    }

    pub(super) fn devices_after(&self, after: Option<&DeviceId>) -> impl Iterator<Item = &Device> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.devices
            .range::<DeviceId, _>((start, Bound::Unbounded))
            .map(|(_, device)| &**device)
    }
}
