//! A twin: its sections, its counters, and what a write does to them.

use hub_proto::time::Timestamp;

use super::{DocumentIdentity, TwinDocument, TwinUpdate, UpdateMode};
use crate::error::HubError;
use crate::limits::Limits;

/// A twin: tags, desired and reported properties, with their counters.
#[derive(Clone, Debug)]
pub struct Twin {
    model_id: Box<str>,
}

/// What a write of the service did. Both are `None` if nothing counted: an empty patch, or one that
/// only deletes what is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TwinChange {
    /// Desired properties were touched.
    pub desired: Option<DesiredChange>,
    /// Tags were touched.
    pub tags: Option<TagsChange>,
}

/// A change of desired properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredChange {
    /// The new desired version.
    pub version: u64,
    /// The body for the device: the patch with its nulls (after a PUT: the new set, and null for each
    /// removed key), `$version` last.
    pub notification: Box<str>,
}

/// A change of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagsChange {
    /// The new version of the twin.
    pub version: u64,
    /// The change as JSON text; removed keys are null.
    pub patch: Box<str>,
}

/// A device's patch of its reported properties, accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedChange {
    /// The reported version after the patch.
    pub version: u64,
    /// The patch as minified JSON text.
    pub patch: Box<str>,
    /// Whether it counted; if not, nothing changed and the version is the old one.
    pub changed: bool,
}

impl Twin {
    /// The twin of a new identity: empty, version 2, etag `AAAAAAAAAAE=`, both `$version` 1.
    pub fn new(at: Timestamp) -> Self {
        todo!("{at}")
    }

    /// The etag, without quotes: base64 of a big-endian counter of the service's writes.
    pub fn etag(&self) -> String {
        todo!()
    }

    /// Counts every write, the device's too.
    pub fn version(&self) -> u64 {
        todo!()
    }

    /// The plug and play model the device named when it connected, or empty.
    pub fn model_id(&self) -> &str {
        &self.model_id
    }

    /// Notes the model the device named. Counts as no write.
    pub fn set_model_id(&mut self, model_id: &str) {
        self.model_id = model_id.into();
    }

    /// Carries out a write of the service: whole or, on an error, not at all.
    pub fn update(
        &mut self,
        at: Timestamp,
        update: TwinUpdate,
        mode: UpdateMode,
        limits: &Limits,
    ) -> Result<TwinChange, HubError> {
        todo!("{at} {update:?} {mode:?} {limits:?}")
    }

    /// Carries out a device's patch: whole or, on an error, not at all. With `if_version` the
    /// reported version must be that one (0 is a real value), or it is a `VersionMismatch`.
    pub fn patch_reported(
        &mut self,
        at: Timestamp,
        body: &[u8],
        if_version: Option<u64>,
        limits: &Limits,
    ) -> Result<ReportedChange, HubError> {
        todo!("{at} {body:?} {if_version:?} {limits:?}")
    }

    /// The body of a device's GET: `{"desired":{…,"$version":n},"reported":{…,"$version":n}}`.
    pub fn device_view(&self) -> Vec<u8> {
        todo!()
    }

    /// The document that the service reads, and a query returns.
    pub fn document(&self, identity: &DocumentIdentity<'_>) -> TwinDocument {
        todo!("{identity:?}")
    }
}
