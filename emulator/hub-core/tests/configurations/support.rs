//! A hub of one shard with its configurations, driven as the emulator drives them.

use std::collections::BTreeSet;
use std::time::Duration;

use hub_core::configuration::{
    ConfigurationId, ConfigurationSpec, ConfigurationState, Configurations, Content, Work,
};
use hub_core::link::{Credential, LinkClose, LinkId, LinkUp};
use hub_core::registry::{Authentication, DeviceSpec, IfMatch, ModuleSpec, SymmetricKeys};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_core::{
    ConfigurationCounts, EventKind, HubError, Limits, NewModules, Output, ReportedPatch, Shard,
};
use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hub_proto::sas::SasKey;
use hub_proto::time::{Instant, Now, Timestamp};
use serde_json::Value;

pub(crate) struct Hub {
    pub(crate) shard: Shard,
    pub(crate) configurations: Configurations,
    pub(crate) events: Vec<EventKind>,
    changed: BTreeSet<ClientIdentity>,
    milliseconds: u64,
    /// Twins looked at in one go.
    chunk: usize,
    /// For how many identities there is room.
    pub(crate) room: usize,
}

pub(crate) fn id(text: &str) -> DeviceId {
    DeviceId::parse(text).unwrap()
}

pub(crate) fn name(text: &str) -> ConfigurationId {
    ConfigurationId::parse(text).unwrap()
}

/// A device, or with a slash a module: `d1/m1`.
fn client(text: &str) -> ClientIdentity {
    match text.split_once('/') {
        None => ClientIdentity::Device(id(text)),
        Some((device, module)) => {
            ClientIdentity::module(id(device), ModuleId::parse(module).unwrap())
        }
    }
}

/// A deployment.
pub(crate) fn deployment(
    text: &str,
    priority: u32,
    condition: &str,
    modules: &serde_json::Value,
) -> ConfigurationSpec {
    let content = serde_json::json!({ "modulesContent": modules }).to_string();
    ConfigurationSpec {
        content: Content::parse(&content, &Limits::default()).unwrap(),
        ..spec(text, priority, condition, r#"{"properties.desired.x":1}"#)
    }
}

/// A configuration over devices.
pub(crate) fn spec(
    text: &str,
    priority: u32,
    condition: &str,
    device_content: &str,
) -> ConfigurationSpec {
    let content = format!("{{\"deviceContent\":{device_content}}}");
    ConfigurationSpec {
        id: name(text),
        schema_version: None,
        labels: None,
        content_type: None,
        content: Content::parse(&content, &Limits::default()).unwrap(),
        target_condition: condition.to_owned(),
        priority,
        metrics: Vec::new(),
    }
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self::with(&Limits::default(), 100)
    }

    pub(crate) fn with(limits: &Limits, chunk: usize) -> Self {
        Self {
            shard: Shard::new(limits.clone()),
            configurations: Configurations::new(limits),
            events: Vec::new(),
            changed: BTreeSet::new(),
            milliseconds: 0,
            chunk,
            room: 1000,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let since = Duration::from_millis(self.milliseconds);
        Now {
            mono: Instant::from_start(since),
            wall: Timestamp::from_unix_seconds(1_700_000_000).saturating_add(since),
        }
    }

    pub(crate) fn create(&mut self, device: &str) {
        self.create_one(device, false);
    }

    /// An Edge device or none.
    pub(crate) fn create_one(&mut self, device: &str, edge: bool) {
        let key = SasKey::from_bytes(&[1; 32]);
        let mut spec = DeviceSpec::enabled(
            id(device),
            Authentication::Sas(SymmetricKeys {
                primary: key.clone(),
                secondary: key,
            }),
        );
        spec.edge = edge;
        self.shard.create_device(self.now(), spec).unwrap();
        self.drain();
    }

    pub(crate) fn create_module(&mut self, device: &str, module: &str) {
        let key = SasKey::from_bytes(&[1; 32]);
        let spec = ModuleSpec {
            device: id(device),
            id: ModuleId::parse(module).unwrap(),
            authentication: Authentication::Sas(SymmetricKeys {
                primary: key.clone(),
                secondary: key,
            }),
            managed_by: None,
        };
        self.shard.create_module(self.now(), spec).unwrap();
        self.drain();
    }

    pub(crate) fn delete_device(&mut self, device: &str) {
        let now = self.now();
        self.shard
            .delete_device(now, &id(device), &IfMatch::Any)
            .unwrap();
        self.drain();
    }

    pub(crate) fn make_edge(&mut self, device: &str, edge: bool) {
        let key = SasKey::from_bytes(&[1; 32]);
        let keys = SymmetricKeys {
            primary: key.clone(),
            secondary: key,
        };
        let mut spec = DeviceSpec::enabled(id(device), Authentication::Sas(keys));
        spec.edge = edge;
        let now = self.now();
        self.shard.update_device(now, spec, &IfMatch::Any).unwrap();
        self.drain();
    }

    /// The client reports, connected for as long.
    pub(crate) fn report(&mut self, who: &str, body: &str) {
        let (now, who, link) = (self.now(), client(who), LinkId(1));
        let up = LinkUp {
            link,
            client: who.clone(),
            credential: Credential::Policy,
            clean_session: true,
            will: None,
            model_id: None,
            client_type: None,
        };
        self.shard.link_up(now, up).unwrap();
        let patch = ReportedPatch {
            rid: None,
            if_version: None,
            body: body.as_bytes(),
        };
        self.shard.patch_reported(now, &who, link, patch);
        self.shard.link_down(now, &who, link, LinkClose::Goodbye);
        self.drain();
    }

    pub(crate) fn patch(&mut self, device: &str, body: &str) {
        let update = TwinUpdate::parse(body.as_bytes(), &Limits::default()).unwrap();
        let (now, merge) = (self.now(), UpdateMode::Merge);
        self.shard
            .update_twin(now, &client(device), update, merge, &IfMatch::Absent)
            .unwrap();
        self.drain();
    }

    pub(crate) fn try_put(
        &mut self,
        spec: ConfigurationSpec,
        if_match: &IfMatch,
    ) -> Result<ConfigurationState, HubError> {
        self.configurations.put(self.now(), spec, if_match)
    }

    /// Creates or, if it is there, updates.
    pub(crate) fn put(&mut self, spec: ConfigurationSpec) -> ConfigurationState {
        let if_match = match self.configurations.get(&spec.id) {
            Ok(_) => IfMatch::Any,
            Err(_) => IfMatch::Absent,
        };
        self.try_put(spec, &if_match).unwrap()
    }

    pub(crate) fn delete(&mut self, text: &str) {
        let now = self.now();
        self.configurations
            .delete(now, &name(text), &IfMatch::Absent)
            .unwrap();
    }

    /// Lets everything happen that is due, and what follows from it.
    pub(crate) fn settle(&mut self) {
        if !self.changed.is_empty() && self.configurations.is_watching() {
            self.configurations.twins_changed(self.now());
        }
        self.milliseconds += 100;
        while let Some(work) = self.configurations.next_work(self.now()) {
            match work {
                Work::Evaluate { written } => self.evaluate(&written),
                Work::Count { metrics } => {
                    let mut counts = vec![0; metrics.len()];
                    let (seen, _) = self.shard.count_rows(None, 1000, &metrics, &mut counts);
                    let results = metrics.into_iter().zip(counts).collect();
                    self.configurations.counted(self.now(), results, seen);
                }
            }
            self.milliseconds += 100;
        }
    }

    fn evaluate(&mut self, written: &BTreeSet<ConfigurationId>) {
        let (now, targets) = (self.now(), self.configurations.targets());
        let mut keys = || {
            let key = SasKey::from_bytes(&[2; 32]);
            SymmetricKeys {
                primary: key.clone(),
                secondary: key,
            }
        };
        let mut new = NewModules {
            room: self.room,
            keys: &mut keys,
        };
        for device in std::mem::take(&mut self.changed) {
            self.shard.configure(now, &device, &targets, &mut new);
            self.drain();
        }
        let mut after = None;
        while !written.is_empty() {
            let chunk = self.chunk;
            after =
                self.shard
                    .configure_after(now, after, chunk, &targets, Some(written), &mut new);
            self.drain();
            if after.is_none() {
                break;
            }
        }
        self.configurations.evaluated(now, written);
    }

    fn drain(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            let Output::Event(event) = output else {
                continue;
            };
            if event.kind.concerns_configurations() {
                self.changed.insert(event.client);
            }
            self.events.push(event.kind);
        }
    }

    pub(crate) fn twin(&self, device: &str) -> Value {
        let document = self.shard.twin(&client(device)).unwrap();
        serde_json::from_str(&document.json).unwrap()
    }

    /// The desired properties without their metadata and version.
    pub(crate) fn desired(&self, device: &str) -> Value {
        let mut desired = self.twin(device)["properties"]["desired"].clone();
        let members = desired.as_object_mut().unwrap();
        members.remove("$metadata");
        members.remove("$version");
        desired
    }

    pub(crate) fn desired_version(&self, device: &str) -> u64 {
        let twin = self.twin(device);
        twin["properties"]["desired"]["$version"].as_u64().unwrap()
    }

    pub(crate) fn counts(&self, text: &str) -> (usize, usize) {
        let ConfigurationCounts { targeted, applied } =
            self.shard.configuration_counts(&name(text));
        (targeted, applied)
    }
}
