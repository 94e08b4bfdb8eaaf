//! What the registry holds of a client.

use hub_proto::ids::ClientIdentity;
use hub_proto::time::Timestamp;

use super::authentication::Authentication;
use super::device::{DeviceSpec, EdgeScopes, Status};
use super::module::ModuleSpec;
use super::stamp::Stamp;
use crate::twin::DocumentIdentity;

/// What the registry holds of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) authentication: Authentication,
    pub(crate) etag: Box<str>,
    pub(crate) generation: Stamp,
    pub(crate) kind: Kind,
}

/// What only a device has, or only a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Device(DevicePart),
    Module { managed_by: Option<Box<str>> },
}

/// What only a device has. A module shows and obeys its device's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DevicePart {
    pub(crate) status: Status,
    pub(crate) status_updated: Timestamp,
    pub(crate) edge: bool,
    rare: Option<Box<RarePart>>,
}

/// What few devices have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct RarePart {
    status_reason: Option<Box<str>>,
    scopes: EdgeScopes,
}

impl DevicePart {
    /// Without a reason or scopes.
    pub(crate) fn new(status: Status, status_updated: Timestamp, edge: bool) -> Self {
        Self {
            status,
            status_updated,
            edge,
            rare: None,
        }
    }

    fn of_spec(spec: DeviceSpec, status_updated: Timestamp) -> (Self, Authentication) {
        let mut part = Self::new(spec.status, status_updated, spec.edge);
        part.set_rare(spec.status_reason.map(Into::into), spec.scopes);
        (part, spec.authentication)
    }

    pub(crate) fn set_rare(&mut self, status_reason: Option<Box<str>>, scopes: EdgeScopes) {
        let is_there = status_reason.is_some() || scopes != EdgeScopes::default();
        self.rare = is_there.then(|| {
            Box::new(RarePart {
                status_reason,
                scopes,
            })
        });
    }

    pub(crate) fn set_device_scope(&mut self, scope: Box<str>) {
        self.rare.get_or_insert_default().scopes.device = Some(scope);
    }

    pub(crate) fn status_reason(&self) -> Option<&str> {
        self.rare.as_ref()?.status_reason.as_deref()
    }

    pub(crate) fn device_scope(&self) -> Option<&str> {
        self.rare.as_ref()?.scopes.device.as_deref()
    }

    pub(crate) fn parent_scopes(&self) -> &[Box<str>] {
        let rare = self.rare.as_ref();
        rare.map_or(&[][..], |rare| &rare.scopes.parents)
    }

    pub(crate) fn scopes(&self) -> EdgeScopes {
        let rare = self.rare.as_ref();
        rare.map(|rare| rare.scopes.clone()).unwrap_or_default()
    }
}

impl Registered {
    /// A new device identity.
    pub(crate) fn device(spec: DeviceSpec, stamp: Stamp) -> Self {
        let (part, authentication) = DevicePart::of_spec(spec, Timestamp::NEVER);
        Self::new(authentication, stamp, Kind::Device(part))
    }

    /// A new module identity.
    pub(crate) fn module(spec: ModuleSpec, stamp: Stamp) -> Self {
        let managed_by = spec.managed_by.map(Into::into);
        Self::new(spec.authentication, stamp, Kind::Module { managed_by })
    }

    fn new(authentication: Authentication, stamp: Stamp, kind: Kind) -> Self {
        Self {
            authentication,
            etag: stamp.etag(),
            generation: stamp,
            kind,
        }
    }

    /// As a snapshot has it.
    pub(crate) fn from_image(
        authentication: Authentication,
        etag: &str,
        generation_ticks: i64,
        kind: Kind,
    ) -> Self {
        Self {
            authentication,
            etag: etag.into(),
            generation: Stamp::from_ticks(generation_ticks),
            kind,
        }
    }

    /// A PUT replaces the whole identity but for its generation.
    pub(crate) fn replace_device(&mut self, at: Timestamp, spec: DeviceSpec, stamp: Stamp) {
        let status_updated = match &self.kind {
            Kind::Device(part) if part.status == spec.status => part.status_updated,
            _ => at,
        };
        let (part, authentication) = DevicePart::of_spec(spec, status_updated);
        self.kind = Kind::Device(part);
        self.authentication = authentication;
        self.etag = stamp.etag();
    }

    /// The same of a module.
    pub(crate) fn replace_module(&mut self, spec: ModuleSpec, stamp: Stamp) {
        let managed_by = spec.managed_by.map(Into::into);
        self.kind = Kind::Module { managed_by };
        self.authentication = spec.authentication;
        self.etag = stamp.etag();
    }
}

impl DevicePart {
    /// The identity as twin documents and queries show it of a client of this device, if nobody has
    /// seen the client yet.
    pub(crate) fn document_identity<'a>(
        &'a self,
        client: &'a ClientIdentity,
        registered: &'a Registered,
    ) -> DocumentIdentity<'a> {
        DocumentIdentity {
            client,
            etag: &registered.etag,
            authentication: &registered.authentication,
            status: self.status,
            status_reason: self.status_reason(),
            status_updated: self.status_updated,
            edge: self.edge,
            device_scope: self.device_scope(),
            parent_scopes: self.parent_scopes(),
            connected: false,
            last_activity: Timestamp::NEVER,
            c2d_messages: 0,
            configurations: None,
        }
    }
}
