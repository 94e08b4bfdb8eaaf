//! The registry of devices: what a service does with device identities.
//!
//! Keys are already keys, and ids are ids; whether a service may do this is decided before.

use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hub_proto::time::Now;

use super::state::{Client, Common, Shard};
use crate::error::HubError;
use crate::event::EventKind;
use crate::link::LinkClose;
use crate::registry::{
    Authentication, DeviceIdentity, DeviceSpec, IfMatch, Kind, MANAGED_BY_EDGE, ModuleSpec,
    Registered, SYSTEM_MODULES, Status, own_scope,
};

impl Shard {
    /// Registers a device with an empty twin.
    pub fn create_device(
        &mut self,
        now: Now,
        spec: DeviceSpec,
    ) -> Result<DeviceIdentity, HubError> {
        spec.check()?;
        let id = ClientIdentity::Device(spec.id.clone());
        if self.clients.contains_key(&id) {
            return Err(HubError::DeviceAlreadyExists(spec.id));
        }
        self.check_room()?;
        // A new device has no modules, so there is nothing to settle for one that is not Edge.
        let is_edge = spec.edge;
        let registered = Registered::device(spec, self.common.stamps.next(now.wall));
        let client = Box::new(Client::new(id.clone(), registered, now.wall));
        self.common.event(now, &id, EventKind::DeviceCreated);
        self.insert(client);
        self.device_count += 1;
        if is_edge {
            self.settle_edge(now, &id);
        }
        self.look_up(&id).map(|device| self.device_identity(device))
    }

    /// Replaces an identity. Disabling it closes its link and those of its modules. Without a
    /// precondition a PUT means "create", so `IfMatch::Absent` is refused: the device exists.
    pub fn update_device(
        &mut self,
        now: Now,
        spec: DeviceSpec,
        if_match: &IfMatch,
    ) -> Result<DeviceIdentity, HubError> {
        spec.check()?;
        let id = ClientIdentity::Device(spec.id.clone());
        let (client, common) = self.reach(&id)?;
        match if_match {
            IfMatch::Absent => return Err(HubError::DeviceAlreadyExists(spec.id)),
            IfMatch::Any | IfMatch::Etag(_) => if_match.check(&client.registered.etag)?,
        }
        let stamp = common.stamps.next(now.wall);
        let enabled = spec.status == Status::Enabled;
        client.registered.replace_device(now.wall, spec, stamp);
        common.event(now, &id, EventKind::DeviceUpdated { enabled });
        if !enabled {
            client.shut_out(now, common, &LinkClose::Disabled);
            for module in self.modules_of(id.device_id()) {
                let (module, common) = self.reach(&module)?;
                module.shut_out(now, common, &LinkClose::Disabled);
            }
        }
        self.settle_edge(now, &id);
        self.look_up(&id).map(|device| self.device_identity(device))
    }

    /// Removes an identity with twin, queue, link and modules; says how many identities went.
    /// `IfMatch::Absent` is refused.
    pub fn delete_device(
        &mut self,
        now: Now,
        id: &DeviceId,
        if_match: &IfMatch,
    ) -> Result<usize, HubError> {
        let client_id = ClientIdentity::Device(id.clone());
        let (client, _) = self.reach(&client_id)?;
        match if_match {
            IfMatch::Absent => return Err(HubError::EtagMissing),
            IfMatch::Any | IfMatch::Etag(_) => if_match.check(&client.registered.etag)?,
        }
        let modules = self.modules_of(id);
        for module in &modules {
            self.remove(now, module, EventKind::ModuleDeleted);
        }
        self.remove(now, &client_id, EventKind::DeviceDeleted);
        self.device_count -= 1;
        Ok(1 + modules.len())
    }

    /// An identity as the registry shows it.
    pub fn device(&self, id: &DeviceId) -> Result<DeviceIdentity, HubError> {
        self.look_up(&ClientIdentity::Device(id.clone()))
            .map(|device| self.device_identity(device))
    }

    /// Up to `limit` identities in the order of their ids, after `after`.
    pub fn devices(&self, after: Option<&DeviceId>, limit: usize) -> Vec<DeviceIdentity> {
        self.devices_after(after)
            .take(limit)
            .map(|device| self.device_identity(device))
            .collect()
    }

    /// How many devices may connect, may not, and are connected.
    pub fn device_statistics(&self) -> DeviceStatistics {
        let mut counts = DeviceStatistics::default();
        for device in self.devices_after(None) {
            let is_enabled = device
                .own_part()
                .is_some_and(|part| part.status == Status::Enabled);
            counts.enabled += usize::from(is_enabled);
            counts.disabled += usize::from(!is_enabled);
            counts.connected += usize::from(device.link.online().is_some());
        }
        counts
    }

    /// How many identities there are: devices and modules.
    pub fn identity_count(&self) -> usize {
        self.clients.len()
    }

    /// How many devices there are.
    pub fn device_count(&self) -> usize {
        self.device_count
    }

    /// Gives an Edge device the scope and the modules that the hub makes for it, and takes the modules
    /// from a device that is none any more.
    fn settle_edge(&mut self, now: Now, id: &ClientIdentity) {
        let Ok((client, _)) = self.reach(id) else {
            return;
        };
        let generation = client.registered.generation.generation_id();
        let Kind::Device(part) = &mut client.registered.kind else {
            return;
        };
        let is_edge = part.edge;
        if is_edge && part.device_scope().is_none() {
            part.set_device_scope(own_scope(id.device_id(), &generation));
        }
        for name in SYSTEM_MODULES {
            let Ok(module) = ModuleId::parse(name) else {
                unreachable!("the hub's own names are ids");
            };
            let module_id = ClientIdentity::module(id.device_id().clone(), module.clone());
            match (is_edge, self.clients.contains_key(&module_id)) {
                (true, false) => self.insert_system_module(now, &module_id, module),
                (false, true) => self.remove(now, &module_id, EventKind::ModuleDeleted),
                (true, true) | (false, false) => {}
            }
        }
    }

    fn insert_system_module(&mut self, now: Now, id: &ClientIdentity, module: ModuleId) {
        let spec = ModuleSpec {
            device: id.device_id().clone(),
            id: module,
            authentication: Authentication::None,
            managed_by: Some(MANAGED_BY_EDGE.to_owned()),
        };
        let registered = Registered::module(spec, self.common.stamps.next(now.wall));
        let client = Box::new(Client::new(id.clone(), registered, now.wall));
        self.common.event(now, id, EventKind::ModuleCreated);
        self.insert(client);
    }

    fn device_identity(&self, client: &Client) -> DeviceIdentity {
        let Kind::Device(part) = &client.registered.kind else {
            unreachable!("a device is registered as one");
        };
        let (connected, connection_state_updated) = self.shown_connection(client);
        DeviceIdentity {
            id: client.id.device_id().clone(),
            generation_id: client.registered.generation.generation_id(),
            etag: client.registered.etag.to_string(),
            connected,
            status: part.status,
            status_reason: part.status_reason().map(str::to_owned),
            connection_state_updated,
            status_updated: part.status_updated,
            last_activity: client.last_activity,
            c2d_messages: client.messages.len(),
            authentication: client.registered.authentication.clone(),
            edge: part.edge,
            scopes: part.scopes(),
        }
    }

    pub(super) fn check_room(&self) -> Result<(), HubError> {
        let max = self.common.limits.identities;
        if self.clients.len() >= max {
            return Err(HubError::TooManyDevices(max));
        }
        Ok(())
    }

    /// Takes a client out, with all that was open.
    pub(super) fn remove(&mut self, now: Now, id: &ClientIdentity, fact: EventKind) {
        if let Some(mut client) = self.take_out(id) {
            client.leave(now, &mut self.common, fact);
        }
    }
}

impl Client {
    /// Ends all that was open: the client is deleted.
    pub(super) fn leave(&mut self, now: Now, common: &mut Common, fact: EventKind) {
        self.shut_out(now, common, &LinkClose::Deleted);
        self.forget_messages(common);
        let counts = &mut common.configuration_counts;
        counts.forget(self.configurations.as_deref());
        // The last fact about a client is that it is gone.
        common.event(now, &self.id, fact);
    }
}

/// How many devices of a shard are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceStatistics {
    /// They may connect.
    pub enabled: usize,
    /// They may not.
    pub disabled: usize,
    /// A link is up.
    pub connected: usize,
}
