//! Entries into a hub: all of them made in a scratch shard by the rules of the hub, then put into it.

use std::collections::{BTreeMap, BTreeSet};

use hub_core::configuration::{ConfigurationId, ConfigurationSpec, Configurations};
use hub_core::registry::{DeviceSpec, IfMatch, ModuleSpec};
use hub_core::{HubError, Limits, Shard};
use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};

use super::entry::{DeviceEntry, Entries, Entry, numbered};
use super::place::{Mistake, Place};
use super::{document, lines, yaml};
use crate::hub::HubHandle;

/// How identities and configurations read, which the service endpoint knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeedCodec {
    pub(crate) device: fn(DeviceId, &str) -> Result<DeviceSpec, String>,
    pub(crate) module: fn(DeviceId, ModuleId, &str) -> Result<ModuleSpec, String>,
    pub(crate) configuration:
        fn(ConfigurationId, &str, &Limits) -> Result<ConfigurationSpec, String>,
}

/// What becomes of what the hub holds already under a name of the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfExists {
    /// Nothing is planted at all.
    #[default]
    Refuse,
    /// It stays as it is.
    Keep,
    /// It goes, a device with its modules, and is made anew.
    Replace,
}

/// What a seed did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Devices made.
    pub devices: usize,
    /// Modules made, those that the hub makes for an Edge device too.
    pub modules: usize,
    /// Configurations made.
    pub configurations: usize,
    /// Devices and configurations that were there and stay.
    pub kept: usize,
    /// Devices and configurations that were there and were made anew.
    pub replaced: usize,
}

/// Why a seed changed nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SeedError {
    /// These mistakes, in the order of the file; at least one.
    #[error("{}", first_of(.0))]
    Mistakes(Vec<Mistake>),
    /// The hub holds so many of its devices and configurations, these among them.
    #[error("the hub has {count} of the seed's devices and configurations already: {names}")]
    Exists {
        /// How many.
        count: usize,
        /// Some of them.
        names: String,
    },
    /// The hub refuses all of it.
    #[error(transparent)]
    Hub(#[from] HubError),
}

fn first_of(mistakes: &[Mistake]) -> String {
    match mistakes {
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more mistakes)", rest.len()),
        [] => "no mistake".to_owned(),
    }
}

/// Reads a seed and plants it into a hub: all of it, or nothing.
pub(crate) fn plant(
    hub: &HubHandle,
    text: &str,
    if_exists: IfExists,
    codec: SeedCodec,
) -> Result<Seeded, SeedError> {
    let entries = read(text)?;
    let mut bed = Bed::new(hub, codec);
    bed.plant(&entries);
    let Bed {
        scratch,
        devices,
        configurations,
        mut mistakes,
        ..
    } = bed;
    if !mistakes.is_empty() {
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        mistakes.truncate(MISTAKES_MAX);
        return Err(SeedError::Mistakes(mistakes));
    }
    let ids: Vec<DeviceId> = devices.into_keys().collect();
    let there: BTreeSet<DeviceId> = ids
        .into_iter()
        .filter(|id| hub.device(id).is_ok())
        .collect();
    let known = |spec: &&ConfigurationSpec| hub.configuration(&spec.id).is_ok();
    let known: Vec<ConfigurationId> = configurations
        .iter()
        .filter(known)
        .map(|spec| spec.id.clone())
        .collect();
    let already = there.len() + known.len();
    let mut seeded = Seeded::default();
    match if_exists {
        IfExists::Refuse if already > 0 => {
            let devices = there.iter().map(ToString::to_string);
            let names = devices.chain(known.iter().map(ToString::to_string));
            let names: Vec<String> = names.take(NAMES_SHOWN).collect();
            return Err(SeedError::Exists {
                count: already,
                names: names.join(", "),
            });
        }
        IfExists::Refuse => {}
        IfExists::Keep => seeded.kept = already,
        IfExists::Replace => seeded.replaced = already,
    }
    let is_replacing = if_exists == IfExists::Replace;
    let mut images = scratch.export(hub.now());
    if !is_replacing {
        images.retain(|image| !there.iter().any(|id| id.as_str() == image.device_id));
    }
    let gone = if is_replacing { there } else { BTreeSet::new() };
    let new = configurations
        .into_iter()
        .filter(|spec| is_replacing || !known.contains(&spec.id));
    let new: Vec<ConfigurationSpec> = new.collect();
    seeded.devices = images
        .iter()
        .filter(|image| image.module_id.is_none())
        .count();
    seeded.modules = images.len() - seeded.devices;
    seeded.configurations = new.len();
    hub.add(&images, &gone, new)?;
    Ok(seeded)
}

/// Reads the form of a seed.
fn read(text: &str) -> Result<Entries, SeedError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut mistakes = Vec::new();
    let entries = if lines::are_lines(text) {
        lines::read(text, &mut mistakes)
    } else {
        match yaml::parse(text) {
            Ok(Some(root)) => document::read(&root, &mut mistakes),
            Ok(None) => {
                let start = Place { line: 1, column: 1 };
                mistakes.push(start.mistake("there is nothing in the seed"));
                Entries::default()
            }
            Err(mistake) => {
                mistakes.push(mistake);
                Entries::default()
            }
        }
    };
    if mistakes.is_empty() {
        return Ok(entries);
    }
    mistakes.truncate(MISTAKES_MAX);
    Err(SeedError::Mistakes(mistakes))
}

/// Where the seed grows before the hub gets it.
struct Bed<'a> {
    hub: &'a HubHandle,
    codec: SeedCodec,
    scratch: Shard,
    known: Configurations,
    /// The line of each device.
    devices: BTreeMap<DeviceId, usize>,
    configurations: Vec<ConfigurationSpec>,
    mistakes: Vec<Mistake>,
}

impl<'a> Bed<'a> {
    fn new(hub: &'a HubHandle, codec: SeedCodec) -> Self {
        Self {
            hub,
            codec,
            scratch: Shard::new(hub.limits().clone()),
            known: Configurations::new(hub.limits()),
            devices: BTreeMap::new(),
            configurations: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    fn plant(&mut self, entries: &Entries) {
        let max = self.hub.limits().identities;
        let mut identities = 0_u64;
        for device in &entries.devices {
            identities = identities.saturating_add(device.identities());
            if identities > max as u64 {
                let message = format!("with this the hub has more than {max} identities");
                self.mistakes.push(device.entry.place.mistake(message));
                return;
            }
            if let Err(mistake) = self.plant_all(device) {
                self.mistakes.push(mistake);
            }
            if self.mistakes.len() >= MISTAKES_MAX {
                return;
            }
        }
        for entry in &entries.configurations {
            match self.configuration(entry) {
                Ok(spec) => self.configurations.push(spec),
                Err(message) => self.mistakes.push(told(entry, &entry.id, &message)),
            }
        }
    }

    /// Every device of an entry; the first mistake of a template stands for the others.
    fn plant_all(&mut self, device: &DeviceEntry) -> Result<(), Mistake> {
        device.check_numbers()?;
        for number in device.numbers() {
            let entry = &device.entry;
            let name = numbered(&entry.id, number);
            let id = self
                .device(entry, &name, number)
                .map_err(|message| told(entry, &name, &message))?;
            for module in &device.modules {
                let name = numbered(&module.id, number);
                self.module(&id, module, &name, number)
                    .map_err(|message| told(module, &format!("{id}/{name}"), &message))?;
            }
        }
        Ok(())
    }

    fn device(
        &mut self,
        entry: &Entry,
        name: &str,
        number: Option<u64>,
    ) -> Result<DeviceId, String> {
        let id = DeviceId::parse(name).map_err(|error| error.to_string())?;
        if let Some(line) = self.devices.get(&id) {
            return Err(format!("a device of that id stands in line {line} already"));
        }
        let text = numbered(&entry.text, number);
        let now = self.hub.now();
        let mut spec = (self.codec.device)(id.clone(), &text)?;
        let (hub, scratch) = (self.hub, &self.scratch);
        let parent = |id: &DeviceId| scratch.device(id).or_else(|_| hub.device(id)).ok();
        spec.settle_scopes(None, parent)
            .map_err(|error| error.to_string())?;
        let client = ClientIdentity::Device(id.clone());
        let made = self.scratch.create_device(now, spec).map(drop);
        let made = made.and_then(|()| self.scratch.seed_twin(now, &client, text.as_bytes()));
        self.drain();
        made.map_err(|error| error.to_string())?;
        self.devices.insert(id.clone(), entry.place.line);
        Ok(id)
    }

    fn module(
        &mut self,
        device: &DeviceId,
        entry: &Entry,
        name: &str,
        number: Option<u64>,
    ) -> Result<(), String> {
        let id = ModuleId::parse(name).map_err(|error| error.to_string())?;
        let text = numbered(&entry.text, number);
        let now = self.hub.now();
        let client = ClientIdentity::module(device.clone(), id.clone());
        // The hub's own modules came with their device; a seed writes their twins.
        let is_own = name.starts_with('$') && self.scratch.module(device, &id).is_ok();
        let mut made = Ok(());
        if !is_own {
            let spec = (self.codec.module)(device.clone(), id, &text)?;
            made = self.scratch.create_module(now, spec).map(drop);
        }
        let made = made.and_then(|()| self.scratch.seed_twin(now, &client, text.as_bytes()));
        self.drain();
        made.map_err(|error| error.to_string())
    }

    fn configuration(&mut self, entry: &Entry) -> Result<ConfigurationSpec, String> {
        let limits = self.hub.limits();
        let id = ConfigurationId::parse(&entry.id).map_err(|error| error.to_string())?;
        let spec = (self.codec.configuration)(id, &entry.text, limits)?;
        let put = self
            .known
            .put(self.hub.now(), spec.clone(), &IfMatch::Absent);
        put.map_err(|error| error.to_string())?;
        Ok(spec)
    }

    /// What the scratch shard has to tell nobody hears.
    fn drain(&mut self) {
        while self.scratch.poll_output().is_some() {}
    }
}

fn told(entry: &Entry, name: &str, message: &str) -> Mistake {
    entry.place.mistake(format!("{name}: {message}"))
}

const MISTAKES_MAX: usize = 20;
const NAMES_SHOWN: usize = 5;
