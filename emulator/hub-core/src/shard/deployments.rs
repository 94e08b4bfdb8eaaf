//! What deployments do to one Edge device: its modules, and the desired properties of each.
//!
//! Source: Azure/azure-iot-cli-extension `hub.py` (`edge set-modules`), Azure/iotedge
//! `doc/reported_states_during_deployment.md`. Knows nothing of conditions and priorities. What the device
//! remembers of stored deployments is with its `$edgeAgent`, where their metrics look for it.

use std::fmt;

use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hub_proto::time::Now;

use super::modules::is_system;
use super::state::{Client, Shard};
use crate::configuration::ConfigurationStatus;
use crate::configuration::apply::{self, Fact};
use crate::configuration::content::{EDGE_AGENT, Part};
use crate::configuration::record::Entry;
use crate::configuration::rollout::Rollout;
use crate::configuration::targets::Target;
use crate::error::HubError;
use crate::event::EventKind;
use crate::registry::{Authentication, Kind, MANAGED_BY_EDGE, ModuleSpec, SymmetricKeys};
use crate::twin::Twin;
use crate::twin::section::Section;
use crate::twin::tree::Node;

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
        self.carry_out(now, device, plan, new);
        for part in parts {
            let Some(module) = &part.module else { continue };
            let id = ClientIdentity::module(device.clone(), module.clone());
            let (client, common) = self.reach(&id)?;
            let sections = part.assignments.clone();
            let change = apply::write(now.wall, sections, &mut client.twin, &common.limits)?;
            client.twin.share_shapes(&mut common.shapes);
            if let Some(change) = change {
                client.notify_desired(now, common, change);
            }
        }
        Ok(())
    }

    /// Makes an Edge device what the stored deployments that match it, lowest rank first, come to. What
    /// they wrote stays when they let go.
    pub(super) fn roll_out(
        &mut self,
        now: Now,
        device: &DeviceId,
        matching: &[&Target],
        new: &mut NewModules<'_>,
    ) {
        let Some(agent) = self.agent_of(device) else {
            return;
        };
        let record = agent.configurations.as_deref();
        let known = record.map_or(&[][..], |record| &record.entries);
        let known = known.iter().filter(|entry| entry.is_deployment);
        let known: Vec<Entry> = known.cloned().collect();
        if matching.is_empty() && known.is_empty() {
            return;
        }
        let (agent, mut rollout) = (agent.id.clone(), Rollout::of(matching));
        let mut refused = None;
        if rollout.entries.iter().any(|entry| is_due(&known, entry)) {
            refused = self.write_rollout(now, device, &rollout, new).err();
        }
        let Ok((agent, common)) = self.reach(&agent) else {
            unreachable!("no deployment removes the agent");
        };
        if let Some(error) = refused {
            let facts = refuse(&mut rollout.entries, &known, &error);
            agent.tell(now, common, facts);
        }
        agent.note_deployments(now, common, rollout.entries);
    }

    /// All of it or, on an error, nothing.
    fn write_rollout(
        &mut self,
        now: Now,
        device: &DeviceId,
        rollout: &Rollout,
        new: &mut NewModules<'_>,
    ) -> Result<(), HubError> {
        let plan = self.plan(now, device, &rollout.parts(), new.room)?;
        self.carry_out(now, device, plan, new);
        for (module, writes) in &rollout.modules {
            let id = ClientIdentity::module(device.clone(), module.clone());
            for write in writes {
                let (client, common) = self.reach(&id)?;
                let desired = &client.twin.desired;
                let sections = write.sections.iter();
                if sections
                    .clone()
                    .all(|section| apply::holds(desired, section))
                {
                    continue;
                }
                let sections = sections.cloned().collect();
                let written = apply::write(now.wall, sections, &mut client.twin, &common.limits)?;
                client.twin.share_shapes(&mut common.shapes);
                if let Some(change) = written {
                    let record = &mut client.configurations;
                    apply::note_writer(record, write, &change, &client.twin.desired);
                    client.notify_desired(now, common, change);
                }
            }
        }
        Ok(())
    }

    /// The module of an Edge device that says which others run.
    pub(super) fn agent_of(&self, device: &DeviceId) -> Option<&Client> {
        let agent = ModuleId::parse(EDGE_AGENT).ok()?;
        let id = ClientIdentity::module(device.clone(), agent);
        self.look_up(&id).ok()
    }

    /// Removes and makes modules.
    fn carry_out(&mut self, now: Now, device: &DeviceId, plan: Plan, new: &mut NewModules<'_>) {
        for module in &plan.gone {
            self.remove(now, module, EventKind::ModuleDeleted);
        }
        new.room = (new.room + plan.gone.len()).saturating_sub(plan.made.len());
        for module in plan.made {
            let spec = ModuleSpec {
                device: device.clone(),
                id: module,
                authentication: Authentication::Sas((new.keys)()),
                managed_by: Some(MANAGED_BY_EDGE.to_owned()),
            };
            let made = self.create_module(now, spec);
            debug_assert!(made.is_ok(), "the plan has checked what a module asks for");
        }
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
        let system = stay.iter().filter(|id| is_system(id)).count();
        if stay.len() + made.len() > most + system {
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
        let id = ClientIdentity::module(device.clone(), module.clone());
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

/// Whether what a deployment writes has to be written: it is new, or another than before, or the deployment
/// was written anew, or there was no room for it.
fn is_due(known: &[Entry], entry: &Entry) -> bool {
    let known = known.iter().find(|known| known.id == entry.id);
    let is_as_before = known.is_some_and(|known| {
        (known.fingerprint, known.write) == (entry.fingerprint, entry.write) && !known.is_refused
    });
    entry.status == ConfigurationStatus::Applied && !is_as_before
}

/// None of them stands; told once, and tried again at each evaluation.
fn refuse(entries: &mut [Entry], known: &[Entry], error: &HubError) -> Vec<Fact> {
    let mut facts = Vec::new();
    for entry in entries {
        if entry.status != ConfigurationStatus::Applied {
            continue;
        }
        entry.status = ConfigurationStatus::Targeted;
        entry.is_refused = true;
        let mut known = known.iter();
        if !known.any(|known| known.id == entry.id && known.is_refused) {
            facts.push(Fact::Refused(entry.id.clone(), error.to_string()));
        }
    }
    facts
}

/// The names below `modules`; a name of the hub's own is refused.
fn names_in(desired: &Section) -> Result<Vec<ModuleId>, HubError> {
    let modules = desired.members().find("modules").map(Node::members);
    let read = |name: &str| {
        let refuse = |why: &dyn fmt::Display| {
            let text = format!("modulesContent.{EDGE_AGENT}: {why}");
            HubError::ConfigurationContent(text)
        };
        if name.starts_with('$') {
            return Err(refuse(&format_args!(
                "{name} begins with '$', which is the hub's own to use"
            )));
        }
        ModuleId::parse(name).map_err(|error| refuse(&error))
    };
    let modules = modules.unwrap_or_default().into_iter();
    modules.map(|member| read(member.key)).collect()
}
