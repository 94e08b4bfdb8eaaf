//! The registry of modules: identities under a device.

use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hub_proto::time::Now;

use super::state::{Client, Shard};
use crate::error::HubError;
use crate::event::EventKind;
use crate::registry::{Authentication, IfMatch, Kind, ModuleIdentity, ModuleSpec, Registered};

impl Shard {
    /// Registers a module of a device, with an empty twin.
    pub fn create_module(
        &mut self,
        now: Now,
        spec: ModuleSpec,
    ) -> Result<ModuleIdentity, HubError> {
        let ModuleSpec { device, id, .. } = &spec;
        check_name(id)?;
        self.look_up(&ClientIdentity::Device(device.clone()))?;
        let client_id = ClientIdentity::module(device.clone(), id.clone());
        if self.clients.contains_key(&client_id) {
            return Err(HubError::ModuleAlreadyExists(device.clone(), id.clone()));
        }
        let max = self.common.limits.modules_per_device;
        let there = self.modules_of(device);
        let counted = there.iter().filter(|id| !is_system(id)).count();
        if counted >= max {
            return Err(HubError::TooManyModules(device.clone(), max));
        }
        self.check_room()?;
        let registered = Registered::module(spec, self.common.stamps.next(now.wall));
        let client = Box::new(Client::new(client_id.clone(), registered, now.wall));
        self.common.event(now, &client_id, EventKind::ModuleCreated);
        self.insert(client);
        self.look_up(&client_id)
            .map(|module| self.module_identity(module))
    }

    /// Replaces a module identity. `IfMatch::Absent` is refused: the module exists.
    pub fn update_module(
        &mut self,
        now: Now,
        spec: ModuleSpec,
        if_match: &IfMatch,
    ) -> Result<ModuleIdentity, HubError> {
        let id = ClientIdentity::module(spec.device.clone(), spec.id.clone());
        let (client, common) = self.reach(&id)?;
        client.check_is_the_services(&spec.id)?;
        match if_match {
            IfMatch::Absent => return Err(HubError::ModuleAlreadyExists(spec.device, spec.id)),
            IfMatch::Any | IfMatch::Etag(_) => if_match.check(&client.registered.etag)?,
        }
        let stamp = common.stamps.next(now.wall);
        client.registered.replace_module(spec, stamp);
        common.event(now, &id, EventKind::ModuleUpdated);
        self.look_up(&id).map(|module| self.module_identity(module))
    }

    /// Removes a module identity with its twin and link. `IfMatch::Absent` is refused.
    pub fn delete_module(
        &mut self,
        now: Now,
        device: &DeviceId,
        id: &ModuleId,
        if_match: &IfMatch,
    ) -> Result<(), HubError> {
        let module = id;
        let id = ClientIdentity::module(device.clone(), module.clone());
        let (client, _) = self.reach(&id)?;
        client.check_is_the_services(module)?;
        match if_match {
            IfMatch::Absent => return Err(HubError::EtagMissing),
            IfMatch::Any | IfMatch::Etag(_) => if_match.check(&client.registered.etag)?,
        }
        self.remove(now, &id, EventKind::ModuleDeleted);
        Ok(())
    }

    /// A module identity as the registry shows it.
    pub fn module(&self, device: &DeviceId, id: &ModuleId) -> Result<ModuleIdentity, HubError> {
        self.look_up(&ClientIdentity::module(device.clone(), id.clone()))
            .map(|module| self.module_identity(module))
    }

    /// All modules of a device, in the order of their ids.
    pub fn modules(&self, device: &DeviceId) -> Result<Vec<ModuleIdentity>, HubError> {
        self.look_up(&ClientIdentity::Device(device.clone()))?;
        let identity = |id| self.look_up(&id).map(|module| self.module_identity(module));
        self.modules_of(device).into_iter().map(identity).collect()
    }

    fn module_identity(&self, client: &Client) -> ModuleIdentity {
        let (ClientIdentity::Module(module), Kind::Module { managed_by }) =
            (&client.id, &client.registered.kind)
        else {
            unreachable!("a module is registered as one");
        };
        let (connected, connection_state_updated) = self.shown_connection(client);
        ModuleIdentity {
            device: module.device().clone(),
            id: module.id().clone(),
            managed_by: managed_by.as_deref().map(str::to_owned),
            generation_id: client.registered.generation.generation_id(),
            etag: client.registered.etag.to_string(),
            connected,
            connection_state_updated,
            last_activity: client.last_activity,
            c2d_messages: client.messages.len(),
            authentication: client.registered.authentication.clone(),
        }
    }

    /// The modules of a device; [`crate::Limits::modules_per_device`] at most.
    pub(super) fn modules_of(&self, device: &DeviceId) -> Vec<ClientIdentity> {
        let Some(first) = first_module(device) else {
            return Vec::new();
        };
        self.clients
            .range(first..)
            .map(|(id, _)| id)
            .take_while(|id| id.device_id() == device)
            .cloned()
            .collect()
    }
}

impl Client {
    /// The modules that the hub makes for an Edge device are its own.
    fn check_is_the_services(&self, id: &ModuleId) -> Result<(), HubError> {
        match self.registered.authentication {
            Authentication::None => Err(HubError::SystemModule(id.clone())),
            Authentication::Sas(_)
            | Authentication::SelfSigned(_)
            | Authentication::CertificateAuthority => Ok(()),
        }
    }
}

/// Whether it is a module of the hub's own, which does not count.
pub(super) fn is_system(id: &ClientIdentity) -> bool {
    let module = id.module_id();
    module.is_some_and(|module| module.as_str().starts_with('$'))
}

/// Names with `$` are the hub's own.
fn check_name(id: &ModuleId) -> Result<(), HubError> {
    if id.as_str().starts_with('$') {
        let text = format!("module id '{id}' begins with '$', which is the hub's own to use");
        return Err(HubError::Argument(text));
    }
    Ok(())
}

/// The lowest place that a module of the device could have.
fn first_module(device: &DeviceId) -> Option<ClientIdentity> {
    // `!` is the lowest character of the grammar, and no id is empty.
    let lowest = ModuleId::parse("!").ok()?;
    Some(ClientIdentity::module(device.clone(), lowest))
}
