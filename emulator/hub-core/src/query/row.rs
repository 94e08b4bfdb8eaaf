//! What a query looks at: one row of a collection, and what its attributes are.

use std::borrow::Cow;
use std::fmt;

use super::find::{Found, find_in_text, find_in_twin};
use super::path::{Path, Root, Step};
use super::spots::Spots;
use crate::configuration::ConfigurationStatus;
use crate::twin::document::{push_configurations, push_strings, push_thumbprints};
use crate::twin::{DocumentIdentity, Twin};

/// One row, borrowed from where it lives. Nothing is copied or printed to look at it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a>(Source<'a>);

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Twin(TwinRow<'a>),
    Json(&'a str),
}

#[derive(Clone, Copy)]
struct TwinRow<'a> {
    twin: &'a Twin,
    identity: IdentitySource<'a>,
    spots: Option<&'a Spots>,
}

/// What a document shows of the identity is spread over much memory, and most conditions do not ask.
#[derive(Clone, Copy)]
enum IdentitySource<'a> {
    Known(&'a DocumentIdentity<'a>),
    Asked(&'a dyn ShowIdentity),
}

/// Who knows the identity of one row.
pub(crate) trait ShowIdentity {
    /// What documents show of it.
    fn identity(&self) -> DocumentIdentity<'_>;
}

impl fmt::Debug for TwinRow<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = out.debug_struct("TwinRow");
        row.field("twin", self.twin).finish_non_exhaustive()
    }
}

impl<'a> Row<'a> {
    /// A row of `devices` or `devices.modules`: the twin with what its document shows of the identity.
    pub fn twin(twin: &'a Twin, identity: &'a DocumentIdentity<'a>) -> Self {
        Self(Source::Twin(TwinRow {
            twin,
            identity: IdentitySource::Known(identity),
            spots: None,
        }))
    }

    /// The same as one of many rows: the identity is asked for if it is needed, and `spots` are of the
    /// rows before.
    pub(crate) fn one_of_many(
        twin: &'a Twin,
        identity: &'a dyn ShowIdentity,
        spots: &'a Spots,
    ) -> Self {
        Self(Source::Twin(TwinRow {
            twin,
            identity: IdentitySource::Asked(identity),
            spots: Some(spots),
        }))
    }

    /// A row of `devices.jobs`: the text of a JSON object, without white space. Text that is no JSON
    /// has no members.
    pub fn json(text: &'a str) -> Self {
        Self(Source::Json(text))
    }

    /// What a path leads to, if it leads to anything.
    pub(super) fn find(self, path: &Path) -> Option<Found<'a>> {
        match self.0 {
            Source::Twin(row) => row.find(path),
            Source::Json(text) => {
                let attribute = [Step::Key(path.root.name()?.into())];
                let found = find_in_text(find_in_text(text, &attribute)?, &path.steps)?;
                Some(Found::Json(Cow::Borrowed(found)))
            }
        }
    }

    /// The row as it is.
    pub(super) fn document(self) -> Cow<'a, str> {
        match self.0 {
            Source::Twin(row) => Cow::Owned(row.twin.document(&row.identity()).json),
            Source::Json(text) => Cow::Borrowed(text),
        }
    }
}

impl<'a> TwinRow<'a> {
    fn find(self, path: &Path) -> Option<Found<'a>> {
        match path.root {
            Root::Tags | Root::Desired | Root::Reported => {
                let writers = || self.identity().configurations;
                find_in_twin(self.twin, path.root, &path.steps, writers, self.spots)
            }
            Root::X509Thumbprint => self.thumbprint(&path.steps),
            Root::Capabilities => self.capability(&path.steps),
            Root::ParentScopes => self.parent_scope(&path.steps),
            Root::Configurations => self.configuration(&path.steps),
            // The rest are scalars, `properties` apart, whose own members are resolved already.
            root if path.steps.is_empty() => self.attribute(root),
            _ => None,
        }
    }

    fn identity(self) -> DocumentIdentity<'a> {
        match self.identity {
            IdentitySource::Known(identity) => *identity,
            IdentitySource::Asked(asked) => asked.identity(),
        }
    }

    fn attribute(self, root: Root) -> Option<Found<'a>> {
        let identity = self.identity();
        Some(match root {
            Root::DeviceId => text(identity.client.device_id().as_str()),
            Root::ModuleId => text(identity.client.module_id()?.as_str()),
            Root::Etag => Found::Text(Cow::Owned(self.twin.etag())),
            Root::DeviceEtag => text(identity.etag),
            Root::Status => text(identity.status.name()),
            Root::StatusReason => text(identity.status_reason?),
            Root::StatusUpdateTime => Found::Time(identity.status_updated),
            Root::ConnectionState => text(identity.connection_state_name()),
            Root::LastActivityTime => Found::Time(identity.last_activity),
            Root::CloudToDeviceMessageCount => Found::Count(identity.c2d_messages as u64),
            Root::AuthenticationType => text(identity.authentication.kind()),
            Root::ModelId => text(self.twin.model_id()),
            Root::Version => Found::Count(self.twin.version()),
            Root::Properties => Found::Properties(self.twin, identity.configurations),
            Root::DeviceScope if self.is_device() => text(identity.device_scope?),
            Root::DeviceScope
            | Root::Configurations
            | Root::ParentScopes
            | Root::Tags
            | Root::Desired
            | Root::Reported
            | Root::X509Thumbprint
            | Root::Capabilities
            | Root::JobId
            | Root::JobType
            | Root::StartTime
            | Root::EndTime
            | Root::CreatedTime
            | Root::LastUpdatedTime
            | Root::Outcome
            | Root::Error
            | Root::Unknown => return None,
        })
    }

    /// A module has no capabilities, and no place of its own among Edge devices.
    fn is_device(self) -> bool {
        self.identity().client.module_id().is_none()
    }

    /// Documents and Microsoft's descriptions spell the members differently.
    fn thumbprint(self, steps: &[Step]) -> Option<Found<'a>> {
        let identity = self.identity();
        let both = identity.authentication.thumbprints();
        let one = |thumbprint: Option<&'a str>| thumbprint.map_or(Found::Null, text);
        match steps {
            [] => Some(printed(|out| push_thumbprints(out, &identity))),
            [Step::Key(key)] if key.eq_ignore_ascii_case("primaryThumbprint") => {
                Some(one(both.and_then(|both| both.primary.as_deref())))
            }
            [Step::Key(key)] if key.eq_ignore_ascii_case("secondaryThumbprint") => {
                Some(one(both.and_then(|both| both.secondary.as_deref())))
            }
            _ => None,
        }
    }

    fn capability(self, steps: &[Step]) -> Option<Found<'a>> {
        let is_edge = self.identity().edge;
        match steps {
            _ if !self.is_device() => None,
            [] => Some(printed(|out| {
                out.push_str(if is_edge {
                    r#"{"iotEdge":true}"#
                } else {
                    r#"{"iotEdge":false}"#
                });
            })),
            [Step::Key(key)] if key.eq_ignore_ascii_case("iotEdge") => Some(Found::Bool(is_edge)),
            _ => None,
        }
    }

    fn parent_scope(self, steps: &[Step]) -> Option<Found<'a>> {
        let scopes = self.identity().parent_scopes;
        match steps {
            _ if !self.is_device() || scopes.is_empty() => None,
            [] => Some(printed(|out| push_strings(out, scopes))),
            [Step::Index(index)] => scopes.get(*index).map(|scope| text(scope)),
            _ => None,
        }
    }

    fn configuration(self, steps: &[Step]) -> Option<Found<'a>> {
        let record = self.identity().targeting()?;
        let status = |id: &str| record.status(id).map(ConfigurationStatus::name);
        match steps {
            [] => Some(printed(|out| push_configurations(out, record))),
            [Step::Key(id)] => {
                let status = status(id)?;
                let text = format!(r#"{{"status":"{status}"}}"#);
                Some(Found::Json(Cow::Owned(text)))
            }
            [Step::Key(id), Step::Key(name)] if **name == *"status" => status(id).map(text),
            _ => None,
        }
    }
}

fn text(text: &str) -> Found<'_> {
    Found::Text(Cow::Borrowed(text))
}

fn printed(print: impl FnOnce(&mut String)) -> Found<'static> {
    let mut text = String::new();
    print(&mut text);
    Found::Json(Cow::Owned(text))
}
