//! Automatic configurations: evaluating twins, one alone or a chunk at a time, and counting.
//!
//! What a configuration is, and what it does to a twin, is [`crate::configuration`]'s to know; when
//! which twin is evaluated, its store's.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::time::Now;

use super::deployments::NewModules;
use super::state::{Client, Common, Shard};
use crate::configuration::apply::{self, Fact};
use crate::configuration::record::Entry;
use crate::configuration::targets::Target;
use crate::configuration::{
    ConfigurationId, ConfigurationStatus, Content, ContentKind, Metric, Record, Targets,
};
use crate::error::HubError;
use crate::event::EventKind;
use crate::query::{Collection, Row, Spots};

/// How many twins a configuration targets, and in how many of them it stands whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfigurationCounts {
    /// Its condition matches.
    pub targeted: usize,
    /// Its content was written, and no other holds a part of it.
    pub applied: usize,
}

/// The configurations' side.
impl Shard {
    /// Makes one twin what the configurations that match it want it to be, and the modules of an Edge
    /// device what its deployments want. A twin that is not there any more is passed over.
    pub fn configure(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        targets: &Targets,
        new: &mut NewModules<'_>,
    ) {
        let Ok(client) = self.look_up(id) else { return };
        let identity = self.document_identity(client);
        let row = Row::twin(&client.twin, &identity);
        let matching = targets.matching(kind_of(id), row);
        let is_edge = client.own_part().is_some_and(|part| part.edge);
        let deployments = if is_edge {
            targets.matching(ContentKind::Modules, row)
        } else {
            Vec::new()
        };
        if let Ok((client, common)) = self.reach(id) {
            client.configure(now, common, &matching);
        }
        if is_edge {
            self.roll_out(now, id.device_id(), &deployments, new);
        }
    }

    /// The same for up to `limit` twins after `after`, devices first: all of them or, if `written` is
    /// given, those that a configuration in it matches or targeted before. Gives the last twin looked
    /// at, if there may be more.
    pub fn configure_after(
        &mut self,
        now: Now,
        after: Option<ClientIdentity>,
        limit: usize,
        targets: &Targets,
        written: Option<&BTreeSet<ConfigurationId>>,
        new: &mut NewModules<'_>,
    ) -> Option<ClientIdentity> {
        let mut last = None;
        let (mut seen, mut concerned) = (0, Vec::new());
        for client in self.clients_after(after).take(limit) {
            let is_concerned = |written| self.is_concerned(client, targets, written);
            if written.is_none_or(is_concerned) {
                concerned.push(client.id.clone());
            }
            seen += 1;
            last = Some(&client.id);
        }
        let last = last.filter(|_| seen == limit).cloned();
        for id in &concerned {
            self.configure(now, id, targets, new);
        }
        last
    }

    /// Whether one of the configurations in `written` matches, or did when the twin was evaluated
    /// last. What the others say of the twin cannot have changed.
    fn is_concerned(
        &self,
        client: &Client,
        targets: &Targets,
        written: &BTreeSet<ConfigurationId>,
    ) -> bool {
        let is_known = |client: &Client| {
            let record = client.configurations.as_deref();
            let mut known = record.into_iter().flat_map(Record::statuses);
            known.any(|(id, _)| written.contains(id))
        };
        let is_edge = client.own_part().is_some_and(|part| part.edge);
        let agent = is_edge.then(|| self.agent_of(client.id.device_id()));
        if is_known(client) || agent.flatten().is_some_and(is_known) {
            return true;
        }
        let identity = self.document_identity(client);
        let row = Row::twin(&client.twin, &identity);
        let matches = |kind| targets.any_matches(kind, row, |id| written.contains(id));
        matches(kind_of(&client.id)) || (is_edge && matches(ContentKind::Modules))
    }

    /// Writes a content into one device's twin or, of a deployment, into those of its modules, once; no
    /// configuration remembers it.
    pub fn apply_content(
        &mut self,
        now: Now,
        id: &DeviceId,
        content: &Content,
        new: &mut NewModules<'_>,
    ) -> Result<(), HubError> {
        let (device, common) = self.reach(&ClientIdentity::Device(id.clone()))?;
        match content.kind() {
            ContentKind::Device => {}
            ContentKind::Module => {
                return Err(HubError::Argument(
                    "moduleContent cannot be applied on a device".to_owned(),
                ));
            }
            ContentKind::Modules => return self.deploy(now, id, content.parts(), new),
        }
        for part in content.parts() {
            let assignments = part.assignments.clone();
            let change = apply::write(now.wall, assignments, &mut device.twin, &common.limits)?;
            device.twin.share_shapes(&mut common.shapes);
            if let Some(change) = change {
                device.notify_desired(now, common, change);
            }
        }
        Ok(())
    }

    /// How many twins of this shard a configuration targets.
    pub fn configuration_counts(&self, id: &ConfigurationId) -> ConfigurationCounts {
        let counts = &self.common.configuration_counts.0;
        counts.get(id).copied().unwrap_or_default()
    }

    /// Adds to each of `counts` how many rows of its metric are among up to `limit` twins after
    /// `after`, devices first. Gives how many twins it looked at and the last of them, if there may be
    /// more.
    pub fn count_rows(
        &self,
        after: Option<ClientIdentity>,
        limit: usize,
        metrics: &[Metric],
        counts: &mut [u64],
    ) -> (usize, Option<ClientIdentity>) {
        let mut last = None;
        let mut seen = 0;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let spots = Spots::default();
        for client in self.indexed(start).take(limit) {
            let id = client.id();
            let collection = if id.module_id().is_none() {
                Collection::Devices
            } else {
                Collection::Modules
            };
            for (metric, count) in metrics.iter().zip(&mut *counts) {
                let query = &metric.query;
                let is_one = query.collection() == collection;
                let matches = is_one && self.with_row(&client, &spots, |row| query.matches(row));
                *count += u64::from(matches);
            }
            seen += 1;
            last = Some(id);
        }
        (seen, last.filter(|_| seen == limit).cloned())
    }
}

/// Which content is for a client's twin.
fn kind_of(id: &ClientIdentity) -> ContentKind {
    match id {
        ClientIdentity::Device(_) => ContentKind::Device,
        ClientIdentity::Module(..) => ContentKind::Module,
    }
}

impl Client {
    fn configure(&mut self, now: Now, common: &mut Common, matching: &[&Target]) {
        if matching.is_empty() && self.configurations.is_none() {
            return;
        }
        let counts = &mut common.configuration_counts;
        counts.forget(self.configurations.as_deref());
        let (at, limits) = (now.wall, &common.limits);
        let record = &mut self.configurations;
        let facts = apply::apply(at, matching, &mut self.twin, record, limits);
        self.twin.share_shapes(&mut common.shapes);
        counts.note(record.as_deref());
        self.tell(now, common, facts);
    }

    /// Has the deployments of the device remembered, whose agent this is.
    pub(super) fn note_deployments(&mut self, now: Now, common: &mut Common, entries: Vec<Entry>) {
        let counts = &mut common.configuration_counts;
        counts.forget(self.configurations.as_deref());
        let facts = apply::note_deployments(&mut self.configurations, entries);
        counts.note(self.configurations.as_deref());
        self.tell(now, common, facts);
    }

    pub(super) fn tell(&mut self, now: Now, common: &mut Common, facts: Vec<Fact>) {
        for fact in facts {
            let kind = match fact {
                Fact::Written(change) => {
                    self.notify_desired(now, common, change);
                    continue;
                }
                Fact::Refused(configuration, message) => EventKind::ConfigurationRefused {
                    configuration,
                    message,
                },
                Fact::Status(configuration, status) => EventKind::ConfigurationChanged {
                    configuration,
                    status,
                },
            };
            common.event(now, &self.id, kind);
        }
    }
}

/// The counts of a shard, kept as twins are evaluated and deleted.
#[derive(Debug, Default)]
pub(super) struct CountsById(BTreeMap<ConfigurationId, ConfigurationCounts>);

impl CountsById {
    /// Counts what a twin has become, or came with.
    pub(super) fn note(&mut self, record: Option<&Record>) {
        for (id, status) in record.into_iter().flat_map(Record::statuses) {
            let counts = self.0.entry(id.clone()).or_default();
            counts.targeted += 1;
            counts.applied += usize::from(status == ConfigurationStatus::Applied);
        }
    }

    /// Takes back what [`CountsById::note`] counted of the same record.
    pub(super) fn forget(&mut self, record: Option<&Record>) {
        for (id, status) in record.into_iter().flat_map(Record::statuses) {
            let Some(counts) = self.0.get_mut(id) else {
                unreachable!("every record was counted");
            };
            counts.targeted -= 1;
            counts.applied -= usize::from(status == ConfigurationStatus::Applied);
            if counts.targeted == 0 {
                self.0.remove(id);
            }
        }
    }
}
