//! Typed calls to the hub: finds the shard, carries out its outputs.
//!
//! A shard sits behind a short mutex and is called in place; no lock is held across an `.await`.
//! Outputs are carried out under the same lock, so what one device sees is in the order in which the
//! shard decided it.

use std::sync::Arc;

use hub_core::c2d::C2dMessage;
use hub_core::method::{InvokeMethod, MethodResult};
use hub_core::query::Query;
use hub_core::registry::{DeviceIdentity, DeviceSpec, IfMatch};
use hub_core::twin::{TwinDocument, TwinUpdate, UpdateMode};
use hub_core::{HubError, Limits};
use hub_proto::ids::DeviceId;
use hub_proto::time::Now;

use crate::config::Policies;
use crate::event_log::EventLog;

/// One hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HubHandle(Arc<Hub>);

#[derive(Debug)]
struct Hub {}

/// One page of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPage {
    /// Documents, as JSON texts.
    pub items: Vec<String>,
    /// The last device of the page, if there may be more.
    pub next_after: Option<DeviceId>,
}

impl HubHandle {
    /// The time now, by the hub's clock.
    pub fn now(&self) -> Now {
        todo!("{:?}", self.0)
    }

    /// The hub's bounds.
    pub fn limits(&self) -> &Limits {
        todo!()
    }

    /// Whether `host` (as in a user name, a token or a `Host` header, without port) is this hub.
    pub fn is_host(&self, host: &str) -> bool {
        todo!("{host}")
    }

    /// The hub's shared access policies.
    pub fn policies(&self) -> &Policies {
        todo!()
    }

    /// The log of everything that happens.
    pub fn event_log(&self) -> &EventLog {
        todo!()
    }

    /// See [`hub_core::Shard::create_device`].
    pub fn create_device(&self, spec: DeviceSpec) -> Result<DeviceIdentity, HubError> {
        todo!("{spec:?}")
    }

    /// See [`hub_core::Shard::update_device`].
    pub fn update_device(
        &self,
        spec: DeviceSpec,
        if_match: &IfMatch,
    ) -> Result<DeviceIdentity, HubError> {
        todo!("{spec:?} {if_match:?}")
    }

    /// See [`hub_core::Shard::delete_device`].
    pub fn delete_device(&self, id: &DeviceId, if_match: &IfMatch) -> Result<(), HubError> {
        todo!("{id} {if_match:?}")
    }

    /// See [`hub_core::Shard::device`].
    pub fn device(&self, id: &DeviceId) -> Result<DeviceIdentity, HubError> {
        todo!("{id}")
    }

    /// Up to `limit` identities of all shards, in the order of their ids.
    pub fn devices(&self, limit: usize) -> Vec<DeviceIdentity> {
        todo!("{limit}")
    }

    /// See [`hub_core::Shard::twin`].
    pub fn twin(&self, id: &DeviceId) -> Result<TwinDocument, HubError> {
        todo!("{id}")
    }

    /// See [`hub_core::Shard::update_twin`].
    pub fn update_twin(
        &self,
        id: &DeviceId,
        update: TwinUpdate,
        mode: UpdateMode,
        if_match: &IfMatch,
    ) -> Result<TwinDocument, HubError> {
        todo!("{id} {update:?} {mode:?} {if_match:?}")
    }

    /// Up to `limit` matching twins of all shards, in the order of their ids, after `after`.
    pub fn query(
        &self,
        query: &Query,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<QueryPage, HubError> {
        todo!("{query:?} {after:?} {limit}")
    }

    /// Calls a direct method and waits for its end. Dropping the future cancels nothing in the hub.
    pub async fn invoke_method(&self, invoke: InvokeMethod) -> Result<MethodResult, HubError> {
        todo!("{invoke:?}")
    }

    /// See [`hub_core::Shard::send_to_device`].
    pub fn send_to_device(&self, id: &DeviceId, message: C2dMessage) -> Result<(), HubError> {
        todo!("{id} {message:?}")
    }

    /// See [`hub_core::Shard::purge_messages`].
    pub fn purge_messages(&self, id: &DeviceId) -> Result<usize, HubError> {
        todo!("{id}")
    }
}
