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
    pub(crate) status_reason: Option<Box<str>>,
    pub(crate) status_updated: Timestamp,
    pub(crate) edge: bool,
    pub(crate) scopes: EdgeScopes,
}

impl Registered {
    /// A new device identity.
    pub(crate) fn device(spec: DeviceSpec, stamp: Stamp) -> Self {
        let part = DevicePart {
            status: spec.status,
            status_reason: spec.status_reason.map(Into::into),
            status_updated: Timestamp::NEVER,
            edge: spec.edge,
            scopes: spec.scopes,
        };
        Self::new(spec.authentication, stamp, Kind::Device(part))
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
        self.kind = Kind::Device(DevicePart {
            status: spec.status,
            status_reason: spec.status_reason.map(Into::into),
            status_updated,
            edge: spec.edge,
            scopes: spec.scopes,
        });
        self.authentication = spec.authentication;
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
            status_reason: self.status_reason.as_deref(),
            status_updated: self.status_updated,
            edge: self.edge,
            device_scope: self.scopes.device.as_deref(),
            parent_scopes: &self.scopes.parents,
            connected: false,
            last_activity: Timestamp::NEVER,
            c2d_messages: 0,
            configurations: None,
        }
    }
}
