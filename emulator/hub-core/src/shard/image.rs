//! A shard's clients to plain data and back, and none at all.

use std::collections::BTreeMap;

use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hub_proto::time::Now;

use super::state::{Client, Shard};
use crate::c2d::ClientQueue;
use crate::configuration::Record;
use crate::error::HubError;
use crate::event::EventKind;
use crate::image::{AuthenticationImage, ClientImage, DeviceImage, KeyImage, TimeImage};
use crate::registry::{
    Authentication, DevicePart, EdgeScopes, Kind, Registered, Status, SymmetricKeys, Thumbprints,
};
use crate::twin::{Twin, TwinUpdate, UpdateMode};

/// Clients that are gone from their shard. Giving their memory back takes longer than taking them out,
/// and nobody needs to wait for it.
#[derive(Debug)]
pub struct ClearedClients(BTreeMap<ClientIdentity, Box<Client>>);

impl ClearedClients {
    /// How many there were, devices and modules.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl Shard {
    /// Every client as plain data, devices before modules.
    pub fn export(&self, now: Now) -> Vec<ClientImage> {
        let clients = self.clients.values();
        clients.map(|client| export_client(client, now)).collect()
    }

    /// Adds clients that are not there yet, all or none. Devices come before their modules.
    /// An error names the client and what is wrong with it.
    pub fn import(&mut self, now: Now, images: &[ClientImage]) -> Result<(), HubError> {
        let mut clients: Vec<(ClientIdentity, Box<Client>)> = Vec::with_capacity(images.len());
        let mut known = std::collections::BTreeSet::new();
        for image in images {
            let client = self.import_client(now, image).map_err(|error| {
                let id = match &image.module_id {
                    Some(module) => format!("{}/{module}", image.device_id),
                    None => image.device_id.clone(),
                };
                HubError::Argument(format!("{id}: {error}"))
            })?;
            let id = client.id.clone();
            if self.clients.contains_key(&id) || !known.insert(id.clone()) {
                return Err(HubError::Argument(format!("{id} is there twice")));
            }
            let device = ClientIdentity::Device(id.device_id().clone());
            if !known.contains(&device) && !self.clients.contains_key(&device) {
                let text = format!("{id}: the device of the module does not come before it");
                return Err(HubError::Argument(text));
            }
            clients.push((id, client));
        }
        if self.clients.len() + clients.len() > self.common.limits.identities {
            return Err(HubError::TooManyDevices(self.common.limits.identities));
        }
        for (id, client) in clients {
            self.add(now, &id, client);
        }
        Ok(())
    }

    /// Writes tags, desired and reported properties of a twin as a document of it has them, with all
    /// rules checked. For a shard that serves nobody: nothing is told to anybody.
    pub fn seed_twin(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        document: &[u8],
    ) -> Result<(), HubError> {
        let (client, common) = self.reach(id)?;
        let limits = &common.limits;
        let update = TwinUpdate::parse(document, limits)?;
        let reported = TwinUpdate::reported_of(document, limits)?;
        let twin = &mut client.twin;
        twin.update(now.wall, update, UpdateMode::Merge, limits)?;
        if let Some(reported) = reported {
            twin.report(now.wall, &reported, limits)?;
        }
        twin.share_shapes(&mut common.shapes);
        Ok(())
    }

    /// Takes over the clients of `other`, which has served nobody, in place of one's own.
    pub fn replace_with(&mut self, now: Now, other: Self) {
        self.clear(now);
        for (id, client) in other.clients {
            self.add(now, &id, client);
        }
    }

    /// Removes every client with twin, queue, link and calls, and hands over what they were.
    pub fn clear(&mut self, now: Now) -> ClearedClients {
        let mut clients = std::mem::take(&mut self.clients);
        // Modules come last and go first.
        for client in clients.values_mut().rev() {
            let fact = match client.id {
                ClientIdentity::Device(_) => EventKind::DeviceDeleted,
                ClientIdentity::Module(..) => EventKind::ModuleDeleted,
            };
            self.common.touch(client);
            client.leave(now, &mut self.common, fact);
        }
        self.device_count = 0;
        self.drop_indexes();
        ClearedClients(clients)
    }

    /// How many clients there are, devices and modules.
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    fn add(&mut self, now: Now, id: &ClientIdentity, mut client: Box<Client>) {
        let fact = if client.is_device() {
            self.device_count += 1;
            EventKind::DeviceCreated
        } else {
            EventKind::ModuleCreated
        };
        let common = &mut self.common;
        common.stamps.pass(client.registered.generation);
        client.twin.adopt_shapes(&mut common.shapes);
        let record = client.configurations.as_deref();
        common.configuration_counts.note(record);
        common.event(now, id, fact);
        // Set anew, since it may come from another shard.
        if let Some(queue) = client.messages.get_mut() {
            queue.timer = None;
        }
        client.set_messages_timer(common);
        self.insert(client);
    }

    fn import_client(&self, now: Now, image: &ClientImage) -> Result<Box<Client>, HubError> {
        let limits = &self.common.limits;
        let argument = |error: &dyn std::fmt::Display| HubError::Argument(error.to_string());
        let device = DeviceId::parse(&image.device_id).map_err(|error| argument(&error))?;
        let (id, kind) = match (&image.module_id, &image.device) {
            (None, Some(part)) => (ClientIdentity::Device(device), import_part(part)),
            (Some(module), None) => {
                let module = ModuleId::parse(module).map_err(|error| argument(&error))?;
                let managed_by = image.managed_by.as_deref().map(Into::into);
                let id = ClientIdentity::module(device, module);
                (id, Kind::Module { managed_by })
            }
            (None, None) => return Err(argument(&"a device needs `device`")),
            (Some(_), Some(_)) => return Err(argument(&"a module has no `device`")),
        };
        let registered = Registered::from_image(
            import_authentication(&image.authentication),
            &image.etag,
            image.generation_ticks,
            kind,
        );
        let mut client = Client::new(id, registered, now.wall);
        client.twin = Twin::import(&image.twin, limits)?;
        client.messages = ClientQueue::import(now, &image.messages, limits)?;
        client.connection_state_updated = image.connection_state_updated.0;
        client.last_activity = image.last_activity.0;
        let record = image.configurations.as_ref().map(Record::import);
        client.configurations = record.transpose()?.map(Box::new);
        Ok(Box::new(client))
    }
}

fn export_client(client: &Client, now: Now) -> ClientImage {
    let registered = &client.registered;
    let (device, managed_by) = match &registered.kind {
        Kind::Device(part) => (Some(export_part(part)), None),
        Kind::Module { managed_by } => (None, managed_by.as_deref().map(str::to_owned)),
    };
    ClientImage {
        device_id: client.id.device_id().to_string(),
        module_id: client.id.module_id().map(ToString::to_string),
        authentication: export_authentication(&registered.authentication),
        etag: registered.etag.to_string(),
        generation_ticks: registered.generation.ticks(),
        device,
        managed_by,
        connection_state_updated: TimeImage(client.connection_state_updated),
        last_activity: TimeImage(client.last_activity),
        twin: client.twin.export(),
        configurations: client.configurations.as_deref().map(Record::export),
        messages: client.messages.export(now),
    }
}

fn export_part(part: &DevicePart) -> DeviceImage {
    let owned = |text: &str| text.to_owned();
    DeviceImage {
        enabled: part.status == Status::Enabled,
        status_reason: part.status_reason().map(owned),
        status_updated: TimeImage(part.status_updated),
        edge: part.edge,
        device_scope: part.device_scope().map(owned),
        parent_scopes: part
            .parent_scopes()
            .iter()
            .map(|text| owned(text))
            .collect(),
    }
}

fn import_part(image: &DeviceImage) -> Kind {
    let status = if image.enabled {
        Status::Enabled
    } else {
        Status::Disabled
    };
    let parents = image.parent_scopes.iter();
    let mut part = DevicePart::new(status, image.status_updated.0, image.edge);
    part.set_rare(
        image.status_reason.as_deref().map(Into::into),
        EdgeScopes {
            device: image.device_scope.as_deref().map(Into::into),
            parents: parents.map(|text| text.as_str().into()).collect(),
        },
    );
    Kind::Device(part)
}

fn export_authentication(authentication: &Authentication) -> AuthenticationImage {
    let owned = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    match authentication {
        Authentication::Sas(keys) => AuthenticationImage::Sas {
            primary: KeyImage(keys.primary.clone()),
            secondary: KeyImage(keys.secondary.clone()),
        },
        Authentication::SelfSigned(thumbprints) => AuthenticationImage::SelfSigned {
            primary: owned(&thumbprints.primary),
            secondary: owned(&thumbprints.secondary),
        },
        Authentication::CertificateAuthority => AuthenticationImage::CertificateAuthority,
        Authentication::None => AuthenticationImage::None,
    }
}

fn import_authentication(image: &AuthenticationImage) -> Authentication {
    let boxed = |text: &Option<String>| text.as_deref().map(Into::into);
    match image {
        AuthenticationImage::Sas { primary, secondary } => Authentication::Sas(SymmetricKeys {
            primary: primary.0.clone(),
            secondary: secondary.0.clone(),
        }),
        AuthenticationImage::SelfSigned { primary, secondary } => {
            Authentication::SelfSigned(Thumbprints {
                primary: boxed(primary),
                secondary: boxed(secondary),
            })
        }
        AuthenticationImage::CertificateAuthority => Authentication::CertificateAuthority,
        AuthenticationImage::None => Authentication::None,
    }
}
