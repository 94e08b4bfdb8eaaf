//! What a deployment does to one Edge device: its modules, and the desired properties of each.
//!
//! Source: Azure/azure-iot-cli-extension `hub.py` (`edge set-modules`), Azure/iotedge
//! `doc/reported_states_during_deployment.md`. Knows nothing of conditions and priorities.

use std::fmt;

use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hub_proto::time::Now;

use super::state::Shard;
use crate::configuration::apply;
use crate::configuration::content::{EDGE_AGENT, Part};
use crate::error::HubError;
use crate::event::EventKind;
use crate::registry::{
    Authentication, Kind, MANAGED_BY_EDGE, ModuleSpec, SYSTEM_MODULES, SymmetricKeys,
};
use crate::twin::Twin;
use crate::twin::section::Section;
use crate::twin::tree::{Value, find};

/// What the modules that a deployment makes need, and this crate does not have.
pub struct NewModules<'a> {
    /// How many identities the hub has room for.
    pub room: usize,
    /// Draws the keys of one module.
    pub keys: &'a mut dyn FnMut() -> SymmetricKeys,
}

impl fmt::Debug for NewModules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewModules")
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

/// What a deployment changes, every rule checked.
struct Plan {
    made: Vec<ModuleId>,
    gone: Vec<ClientIdentity>,
}

impl Shard {
    /// Makes the modules of an Edge device those that `$edgeAgent`'s desired properties name, and writes the
    /// desired properties of each: all of it or, on an error, nothing.
    pub(super) fn deploy(
        &mut self,
        now: Now,
        device: &DeviceId,
        parts: &[Part],
        new: &mut NewModules<'_>,
    ) -> Result<(), HubError> {
        let plan = self.plan(now, device, parts, new.room)?;
        for module in &plan.gone {
            self.remove(now, module, EventKind::ModuleDeleted);
        }
        for module in plan.made {
            self.create_module(
                now,
                ModuleSpec {
                    device: device.clone(),
                    id: module,
                    authentication: Authentication::Sas((new.keys)()),
                    managed_by: Some(MANAGED_BY_EDGE.to_owned()),
                },
            )?;
        }
        for part in parts {
            let Some(module) = &part.module else { continue };
            let id = ClientIdentity::Module(device.clone(), module.clone());
            let (client, common) = self.reach(&id)?;
            let sections = part.assignments.clone();
            let change = apply::write(now.wall, sections, &mut client.twin, &common.limits)?;
            if let Some(change) = change {
                client.notify_desired(now, common, change);
            }
        }
        Ok(())
    }

    fn plan(
        &self,
        now: Now,
        device: &DeviceId,
        parts: &[Part],
        room: usize,
    ) -> Result<Plan, HubError> {
        let client = self.look_up(&ClientIdentity::Device(device.clone()))?;
        if !client.own_part().is_some_and(|part| part.edge) {
            let words = "Not an Azure IoT Edge device".to_owned();
            return Err(HubError::Argument(words));
        }
        let named = self.named_modules(now, device, parts)?;
        let there = self.modules_of(device);
        let (gone, stay): (Vec<_>, Vec<_>) = there.into_iter().partition(|id| {
            let is_named = id.module_id().is_some_and(|module| named.contains(module));
            !is_named && self.is_deployed(id)
        });
        let stays = |module: &ModuleId| stay.iter().any(|id| id.module_id() == Some(module));
        let made: Vec<ModuleId> = named.iter().filter(|id| !stays(id)).cloned().collect();
        for part in parts {
            let Some(module) = &part.module else { continue };
            if !named.contains(module) && !stays(module) {
                return Err(HubError::ConfigurationContent(format!(
                    "modulesContent names {module}, which is not among the modules of {EDGE_AGENT}"
                )));
            }
            self.try_write(now, device, module, part)?;
        }
        let most = self.common.limits.modules_per_device;
        if stay.len() + made.len() > most {
            return Err(HubError::TooManyModules(device.clone(), most));
        }
        if made.len() > room + gone.len() {
            return Err(HubError::TooManyDevices(self.common.limits.identities));
        }
        Ok(Plan { made, gone })
    }

    /// The modules that `$edgeAgent` is to run once its part is written.
    fn named_modules(
        &self,
        now: Now,
        device: &DeviceId,
        parts: &[Part],
    ) -> Result<Vec<ModuleId>, HubError> {
        let is_agent = |part: &&Part| {
            let module = part.module.as_ref();
            module.is_some_and(|id| id.as_str() == EDGE_AGENT)
        };
        let agent = parts.iter().find(is_agent);
        let Some((part, module)) = agent.and_then(|part| Some((part, part.module.as_ref()?)))
        else {
            unreachable!("content without an agent is refused when it is read");
        };
        let twin = self.try_write(now, device, module, part)?;
        names_in(&twin.desired)
    }

    /// What the twin of a module would be; one that is not there yet is empty.
    fn try_write(
        &self,
        now: Now,
        device: &DeviceId,
        module: &ModuleId,
        part: &Part,
    ) -> Result<Twin, HubError> {
        let id = ClientIdentity::Module(device.clone(), module.clone());
        let there = self.look_up(&id).map(|client| client.twin.clone());
        let mut twin = there.unwrap_or_else(|_| Twin::new(now.wall));
        let sections = part.assignments.clone();
        apply::write(now.wall, sections, &mut twin, &self.common.limits)?;
        Ok(twin)
    }

    /// Whether a deployment made the module, by what its identity says of itself.
    fn is_deployed(&self, id: &ClientIdentity) -> bool {
        let Ok(client) = self.look_up(id) else {
            return false;
        };
        let Kind::Module { managed_by } = &client.registered.kind else {
            return false;
        };
        let managed_by = managed_by.as_deref().unwrap_or_default();
        managed_by.eq_ignore_ascii_case(MANAGED_BY_EDGE)
            && client.registered.authentication != Authentication::None
    }
}

/// The names below `modules`; a name of the hub's own is refused.
fn names_in(desired: &Section) -> Result<Vec<ModuleId>, HubError> {
    let modules = find(&desired.children, "modules").map(|node| &node.value);
    let Some(Value::Object(below)) = modules else {
        return Ok(Vec::new());
    };
    let read = |name: &str| {
        let refuse = |why: &dyn fmt::Display| {
            let text = format!("modulesContent.{EDGE_AGENT}: {why}");
            HubError::ConfigurationContent(text)
        };
        if SYSTEM_MODULES.contains(&name) {
            return Err(refuse(&format_args!("{name} is a system module")));
        }
        ModuleId::parse(name).map_err(|error| refuse(&error))
    };
    below.iter().map(|entry| read(&entry.key)).collect()
}
