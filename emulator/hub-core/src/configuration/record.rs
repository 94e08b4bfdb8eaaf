//! What a twin remembers of configurations: whose it is, and who wrote which of its values.
//!
//! The record is what makes an evaluation idempotent: a share that was written as it stands now is
//! not written again, so a service's own change of the same section stays until a configuration is
//! written or another one wins (a live hub leaves it alone as well, says mwalser/terraform-provider-iothub
//! `CONCEPT.md`).

use super::id::ConfigurationId;

/// What a configuration is to a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigurationStatus {
    /// The condition matches; another configuration holds a part of the content, or there is no room
    /// for it.
    Targeted,
    /// The condition matches, and the whole content was written.
    Applied,
}

/// The configurations of one twin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// In the order of their ids.
    pub(crate) entries: Vec<Entry>,
    /// Which versions of the desired properties were a configuration's doing, oldest first; only
    /// those that some value still carries.
    pub(crate) writers: Vec<Writer>,
}

/// One configuration that targets the twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: ConfigurationId,
    pub(crate) status: ConfigurationStatus,
    /// Of the share that was written, or could not be.
    pub(crate) fingerprint: u64,
    /// Which write of the configuration the share was written for.
    pub(crate) write: u64,
    /// The twin had no room for it.
    pub(crate) is_refused: bool,
    /// It is a deployment: the twin is that of an Edge device's `$edgeAgent`, which remembers them for all
    /// modules of the device.
    pub(crate) is_deployment: bool,
}

/// Who wrote a version of the desired properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Writer {
    pub(crate) version: u32,
    pub(crate) by: ConfigurationId,
    pub(crate) fingerprint: u64,
}

impl ConfigurationStatus {
    /// As twins name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Targeted => "Targeted",
            Self::Applied => "Applied",
        }
    }
}

impl Record {
    /// The configurations that target the twin, in the order of their ids.
    pub fn statuses(&self) -> impl Iterator<Item = (&ConfigurationId, ConfigurationStatus)> {
        self.entries.iter().map(|entry| (&entry.id, entry.status))
    }

    /// What the configuration named `id` is to the twin.
    pub fn status(&self, id: &str) -> Option<ConfigurationStatus> {
        self.entry(id).map(|entry| entry.status)
    }

    /// Which configuration wrote a version of the desired properties, and the digest of what it wrote.
    pub(crate) fn writer(&self, version: u32) -> Option<(&ConfigurationId, String)> {
        let writer = self
            .writers
            .iter()
            .find(|writer| writer.version == version)?;
        Some((&writer.by, format!("{:016x}", writer.fingerprint)))
    }

    pub(crate) fn entry(&self, id: &str) -> Option<&Entry> {
        let place = self
            .entries
            .binary_search_by(|entry| entry.id.as_str().cmp(id));
        place.ok().map(|place| &self.entries[place])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.writers.is_empty()
    }
}
