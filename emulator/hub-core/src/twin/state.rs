//! A twin: its sections, its counters, and what a write does to them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub_proto::time::Timestamp;

use super::patch::{DollarKeys, Patch};
use super::section::{Section, print_replacement};
use super::shape::Shapes;
use super::update::{SectionUpdate, TwinUpdate, UpdateMode, check_body};
use crate::error::HubError;
use crate::json::Reader;
use crate::limits::Limits;

/// A twin: tags, desired and reported properties, with their counters.
#[derive(Clone, Debug)]
pub struct Twin {
    pub(crate) tags: Section,
    pub(crate) desired: Section,
    pub(crate) reported: Section,
    model_id: Box<str>,
    version: u64,
    /// Writes of the service; the etag. A device's reports leave it alone.
    service_writes: u64,
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
        Self {
            tags: Section::new(at),
            desired: Section::new(at),
            reported: Section::new(at),
            model_id: Box::default(),
            version: 2,
            service_writes: 1,
        }
    }

    /// The etag, without quotes: base64 of a big-endian counter of the service's writes.
    pub fn etag(&self) -> String {
        STANDARD.encode(self.service_writes.to_be_bytes())
    }

    /// The version, and the service's writes.
    pub(crate) fn counters(&self) -> (u64, u64) {
        (self.version, self.service_writes)
    }

    /// A twin of its parts: tags, desired, reported; the counters as [`Self::counters`] has them.
    pub(crate) fn from_parts(
        sections: [Section; 3],
        (version, service_writes): (u64, u64),
        model_id: &str,
    ) -> Self {
        let [tags, desired, reported] = sections;
        Self {
            tags,
            desired,
            reported,
            model_id: model_id.into(),
            version,
            service_writes,
        }
    }

    /// Counts every write, the device's too.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The plug and play model the device named when it connected, or empty.
    pub fn model_id(&self) -> &str {
        &self.model_id
    }

    /// Notes the model the device named. Counts as no write.
    pub fn set_model_id(&mut self, model_id: &str) {
        self.model_id = model_id.into();
    }

    /// Has it share the shapes that came with the last writes. To be called after each write of a twin
    /// that stays.
    pub(crate) fn share_shapes(&mut self, shapes: &mut Shapes) {
        for section in [&mut self.tags, &mut self.desired, &mut self.reported] {
            section.share_shape(shapes);
        }
    }

    /// Has it share all its shapes; for a twin that came from elsewhere.
    pub(crate) fn adopt_shapes(&mut self, shapes: &mut Shapes) {
        for section in [&mut self.tags, &mut self.desired, &mut self.reported] {
            section.adopt_shape(shapes);
        }
    }

    /// Carries out a write of the service: whole or, on an error, not at all.
    pub fn update(
        &mut self,
        at: Timestamp,
        update: TwinUpdate,
        mode: UpdateMode,
        limits: &Limits,
    ) -> Result<TwinChange, HubError> {
        let tags = Plan::new(&self.tags, update.tags, mode, at);
        let desired = Plan::new(&self.desired, update.desired, mode, at);
        if let Some(plan) = &tags {
            plan.check_size("tags", &self.tags, limits.tags_bytes)?;
        }
        if let Some(plan) = &desired {
            plan.check_size("properties.desired", &self.desired, limits.desired_bytes)?;
        }
        if tags.is_some() || desired.is_some() {
            self.version += 1;
            self.service_writes += 1;
        }
        Ok(TwinChange {
            desired: desired.map(|plan| {
                let mut text = plan.carry_out(&mut self.desired);
                push_version(&mut text, self.desired.version);
                DesiredChange {
                    version: self.desired.version.into(),
                    notification: text.into(),
                }
            }),
            tags: tags.map(|plan| {
                let text = plan.carry_out(&mut self.tags);
                TagsChange {
                    version: self.version,
                    patch: text.into(),
                }
            }),
        })
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
        let actual = u64::from(self.reported.version);
        if let Some(expected) = if_version.filter(|expected| *expected != actual) {
            return Err(HubError::VersionMismatch { expected, actual });
        }
        let mut reader = Reader::new(check_body(body)?);
        let section = "properties.reported";
        let patch = Patch::read(&mut reader, section, DollarKeys::Refuse, limits)?;
        self.report(at, &patch, limits)
    }

    /// Merges what was read already.
    pub(crate) fn report(
        &mut self,
        at: Timestamp,
        patch: &Patch,
        limits: &Limits,
    ) -> Result<ReportedChange, HubError> {
        let mut text = String::with_capacity(patch.text_bytes());
        patch.print(&mut text);
        let merged = self.reported.merged(patch, at);
        let changed = merged.is_some();
        if let Some(merged) = merged {
            let section = "properties.reported";
            check_size(section, &self.reported, &merged, limits.reported_bytes)?;
            self.reported = merged;
            self.version += 1;
        }
        Ok(ReportedChange {
            version: self.reported.version.into(),
            patch: text.into(),
            changed,
        })
    }
}

/// A write of one section that counts.
struct Plan {
    patch: Patch,
    mode: UpdateMode,
    /// What the section becomes.
    section: Section,
}

impl Plan {
    /// `None` if the update would do nothing.
    fn new(
        section: &Section,
        update: SectionUpdate,
        mode: UpdateMode,
        at: Timestamp,
    ) -> Option<Self> {
        let patch = match (update, mode) {
            (SectionUpdate::Patch(patch), _) => patch,
            (SectionUpdate::Absent, UpdateMode::Merge) => return None,
            (SectionUpdate::Clear, UpdateMode::Merge) => {
                Patch::deleting(section.members().into_iter().map(|member| member.key))
            }
            (SectionUpdate::Absent | SectionUpdate::Clear, UpdateMode::Replace) => Patch::default(),
        };
        let section = match mode {
            UpdateMode::Merge => section.merged(&patch, at),
            UpdateMode::Replace => section.replaced(&patch, at),
        };
        section.map(|section| Self {
            patch,
            mode,
            section,
        })
    }

    fn check_size(&self, name: &str, before: &Section, limit: usize) -> Result<(), HubError> {
        check_size(name, before, &self.section, limit)
    }

    /// Changes the section; gives the change as JSON text.
    fn carry_out(self, section: &mut Section) -> String {
        let mut text = String::with_capacity(self.patch.text_bytes() + VERSION_BYTES);
        match self.mode {
            UpdateMode::Merge => self.patch.print(&mut text),
            UpdateMode::Replace => {
                print_replacement(section.members(), &self.patch, &mut text);
            }
        }
        *section = self.section;
        text
    }
}

/// A section may not grow past its limit; one that is past it may stay or shrink.
fn check_size(name: &str, before: &Section, after: &Section, limit: usize) -> Result<(), HubError> {
    let bytes = after.size();
    if bytes > limit && bytes > before.size() {
        return Err(HubError::Argument(format!(
            "{name}: would have {bytes} bytes (keys and values), at most {limit} are allowed"
        )));
    }
    Ok(())
}

/// What [`push_version`] adds, as a rule.
const VERSION_BYTES: usize = 20;

/// Puts `$version` last into a JSON object that is not empty.
fn push_version(text: &mut String, version: u32) {
    text.pop();
    write!(text, ",\"$version\":{version}}}").expect("a String takes any text");
}
