//! Automatic configurations: evaluating twins, one alone or a chunk at a time, and counting.
//!
//! What a configuration is, and what it does to a twin, is [`crate::configuration`]'s to know; when
//! which twin is evaluated, its store's.

use std::collections::{BTreeMap, BTreeSet};

use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::time::Now;

use super::state::{Client, Common, Shard};
use crate::configuration::apply::{self, Fact};
use crate::configuration::{
    ConfigurationId, ConfigurationStatus, Content, ContentKind, Metric, Record, Targets,
};
use crate::error::HubError;
use crate::event::EventKind;
use crate::query::{Collection, Row};

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
    /// Makes one twin what the configurations that match it want it to be. A twin that is not there
    /// any more is passed over.
    pub fn configure(&mut self, now: Now, id: &ClientIdentity, targets: &Targets) {
        if let Ok((device, common)) = self.reach(id) {
            device.configure(now, common, targets);
        }
    }

    /// The same for up to `limit` twins after `after`, of those that a configuration in `written`
    /// matches or targeted before. Gives the last twin looked at, if there may be more.
    pub fn configure_after(
        &mut self,
        now: Now,
        after: Option<&DeviceId>,
        limit: usize,
        targets: &Targets,
        written: &BTreeSet<ConfigurationId>,
    ) -> Option<DeviceId> {
        let ids: Vec<ClientIdentity> = self
            .devices_after(after)
            .take(limit)
            .map(|device| device.id.clone())
            .collect();
        for id in &ids {
            let (device, common) = self.reach(id).ok()?;
            if device.is_concerned(targets, written) {
                device.configure(now, common, targets);
            }
        }
        let last = ids.into_iter().nth(limit.checked_sub(1)?)?;
        Some(last.device_id().clone())
    }

    /// Writes a content into one twin, once; no configuration remembers it.
    pub fn apply_content(
        &mut self,
        now: Now,
        id: &DeviceId,
        content: &Content,
    ) -> Result<(), HubError> {
        let (device, common) = self.reach(&ClientIdentity::Device(id.clone()))?;
        match content.kind() {
            ContentKind::Device => {}
            ContentKind::Module => {
                return Err(HubError::Argument(
                    "moduleContent cannot be applied on a device".to_owned(),
                ));
            }
            ContentKind::Modules => {
                return Err(HubError::Argument(
                    "Not an Azure IoT Edge device".to_owned(),
                ));
            }
        }
        for part in content.parts() {
            let assignments = part.assignments.clone();
            let change = apply::write(now.wall, assignments, &mut device.twin, &common.limits)?;
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
    /// `after`. Gives the last twin looked at, if there may be more.
    pub fn count_rows(
        &self,
        after: Option<&DeviceId>,
        limit: usize,
        metrics: &[Metric],
        counts: &mut [u64],
    ) -> (usize, Option<DeviceId>) {
        let mut last = None;
        let mut seen = 0;
        for device in self.devices_after(after).take(limit) {
            let identity = self.document_identity(device);
            let row = Row::twin(&device.twin, &identity);
            for (metric, count) in metrics.iter().zip(&mut *counts) {
                let query = &metric.query;
                let matches = query.collection() == Collection::Devices && query.matches(row);
                *count += u64::from(matches);
            }
            seen += 1;
            last = Some(device.id.device_id());
        }
        (seen, last.filter(|_| seen == limit).cloned())
    }
}

impl Client {
    fn configure(&mut self, now: Now, common: &mut Common, targets: &Targets) {
        let Some(part) = self.own_part() else {
            return;
        };
        let identity = self.document_identity(part);
        let row = Row::twin(&self.twin, &identity);
        let matching = targets.matching(ContentKind::Device, row);
        if matching.is_empty() && self.configurations.is_none() {
            return;
        }
        let counts = &mut common.configuration_counts;
        counts.forget(self.configurations.as_deref());
        let (at, limits) = (now.wall, &common.limits);
        let record = &mut self.configurations;
        let facts = apply::apply(at, &matching, &mut self.twin, record, limits);
        counts.note(record.as_deref());
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

    /// Whether one of the configurations in `written` matches, or did when the twin was evaluated
    /// last. What the others say of the twin cannot have changed.
    fn is_concerned(&self, targets: &Targets, written: &BTreeSet<ConfigurationId>) -> bool {
        let record = self.configurations.as_deref();
        let mut known = record.into_iter().flat_map(Record::statuses);
        if known.any(|(id, _)| written.contains(id)) {
            return true;
        }
        let Some(part) = self.own_part() else {
            return false;
        };
        let identity = self.document_identity(part);
        let row = Row::twin(&self.twin, &identity);
        targets.any_matches(ContentKind::Device, row, |id| written.contains(id))
    }
}

/// The counts of a shard, kept as twins are evaluated and deleted.
#[derive(Debug, Default)]
pub(super) struct CountsById(BTreeMap<ConfigurationId, ConfigurationCounts>);

impl CountsById {
    fn note(&mut self, record: Option<&Record>) {
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
