//! A request as its handler sees it: the hub, the head, and the ids of the path.

use std::borrow::Cow;

use hub_core::HubError;
use hub_core::registry::IfMatch;
use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};

use super::error::Refusal;
use super::etag;
use super::request;
use super::route::Route;
use crate::http::{Head, query_parameter};
use crate::hub::HubHandle;

/// A request that was let in. Its body comes apart from it, to the handlers that want one.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) hub: &'a HubHandle,
    head: &'a Head,
    route: Route<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(hub: &'a HubHandle, head: &'a Head, route: Route<'a>) -> Self {
        Self { hub, head, route }
    }

    pub(super) fn head(&self) -> &'a Head {
        self.head
    }

    /// What stands in the path at `{name}`, decoded once and not checked. The operation's path must
    /// have that name.
    pub(super) fn id(&self, name: &str) -> &str {
        self.route
            .id(name)
            .expect("an operation asks for the names of its own path")
    }

    /// The device at `{id}`.
    pub(super) fn device_id(&self) -> Result<DeviceId, Refusal> {
        Ok(DeviceId::parse(self.id("id")).map_err(HubError::from)?)
    }

    /// The module at `{mid}`.
    pub(super) fn module_id(&self) -> Result<ModuleId, Refusal> {
        Ok(ModuleId::parse(self.id("mid")).map_err(HubError::from)?)
    }

    /// The module at `{mid}` of the device at `{id}`; the device itself where the path has no
    /// `{mid}`.
    pub(super) fn client(&self) -> Result<ClientIdentity, Refusal> {
        let device = self.device_id()?;
        Ok(match self.route.id("mid") {
            Some(_) => ClientIdentity::module(device, self.module_id()?),
            None => ClientIdentity::Device(device),
        })
    }

    /// Whether the whole path came as one segment, as `IoT` Explorer sends it.
    pub(super) fn is_path_encoded_whole(&self) -> bool {
        self.route.is_encoded_whole()
    }

    /// The first query parameter of that name, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        query_parameter(self.head, name).map(Cow::into_owned)
    }

    /// A header as text; `None` if it is absent, empty or not text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        request::header(self.head, name)
    }

    /// The precondition of a write.
    pub(super) fn if_match(&self) -> IfMatch {
        etag::if_match(self.head)
    }
}
