//! What connected devices do, on behalf of the front ends that carry them.

use std::sync::Arc;

use hub_core::link::{Credential, LinkClose, LinkId, LinkRefusal, LinkUp, Will};
use hub_core::{HubError, MethodResponse, ReportedPatch, Telemetry};
use hub_proto::ids::DeviceId;
use hub_proto::mqtt::packet::{PacketId, QoS};
use hub_proto::topic::Subscription;

use super::handle::HubHandle;
use super::outlet::LinkOutlet;
use super::slot::Link;

/// What a device brings that wants in; [`LinkUp`] without the id, which the hub gives.
#[derive(Debug)]
pub(crate) struct LinkRequest<'a> {
    pub(crate) device: DeviceId,
    pub(crate) credential: Credential<'a>,
    pub(crate) clean_session: bool,
    pub(crate) will: Option<Will>,
    pub(crate) model_id: Option<String>,
    pub(crate) client_type: Option<String>,
}

/// A device that was let in: its events go through here.
#[derive(Debug)]
pub(crate) struct DeviceLink {
    hub: HubHandle,
    device: DeviceId,
    link: LinkId,
}

impl HubHandle {
    /// Lets a device in or not. What the hub sends goes to `outlet` from here on, first of all
    /// [`LinkOutlet::accepted`].
    pub(crate) fn link_up(
        &self,
        request: LinkRequest<'_>,
        outlet: Arc<dyn LinkOutlet>,
    ) -> Result<DeviceLink, LinkRefusal> {
        let link = self.next_link_id();
        let device = request.device.clone();
        let link_up = LinkUp {
            link,
            device: request.device,
            credential: request.credential,
            clean_session: request.clean_session,
            will: request.will,
            model_id: request.model_id,
            client_type: request.client_type,
        };
        self.slot(&device).command(|cell, now| {
            let accepted = cell.shard.link_up(now, link_up)?;
            // Before the outputs: stored subscriptions may send messages right away, and nothing
            // may precede the acceptance.
            outlet.accepted(accepted);
            cell.links.insert(
                link,
                Link {
                    device: device.clone(),
                    outlet,
                },
            );
            Ok::<_, LinkRefusal>(())
        })?;
        Ok(DeviceLink {
            hub: self.clone(),
            device,
            link,
        })
    }
}

impl HubHandle {
    /// See [`hub_core::Shard::link_refused`].
    pub(crate) fn link_refused(&self, device: &DeviceId, reason: &'static str, message: String) {
        self.slot(device)
            .command(|cell, now| cell.shard.link_refused(now, device, reason, message));
    }
}

impl DeviceLink {
    pub(crate) fn device(&self) -> &DeviceId {
        &self.device
    }

    /// The connection ended. Not due if the hub closed it, but harmless.
    pub(crate) fn down(self, reason: LinkClose) {
        let Self { hub, device, link } = self;
        hub.slot(&device).command(|cell, now| {
            cell.links.remove(&link);
            cell.shard.link_down(now, &device, link, reason);
        });
    }

    /// See [`hub_core::Shard::subscribe`].
    pub(crate) fn subscribe(&self, granted: &[(Subscription, QoS)]) {
        let (device, link) = (&self.device, self.link);
        self.hub
            .slot(device)
            .command(|cell, now| cell.shard.subscribe(now, device, link, granted));
    }

    /// See [`hub_core::Shard::unsubscribe`].
    pub(crate) fn unsubscribe(&self, subscription: &Subscription) {
        let (device, link) = (&self.device, self.link);
        self.hub
            .slot(device)
            .command(|cell, now| cell.shard.unsubscribe(now, device, link, subscription));
    }

    /// See [`hub_core::Shard::twin_get`].
    pub(crate) fn twin_get(&self, rid: &str) {
        let (device, link) = (&self.device, self.link);
        self.hub
            .slot(device)
            .command(|cell, now| cell.shard.twin_get(now, device, link, rid));
    }

    /// See [`hub_core::Shard::patch_reported`].
    pub(crate) fn patch_reported(&self, patch: ReportedPatch<'_>) {
        let (device, link) = (&self.device, self.link);
        self.hub
            .slot(device)
            .command(|cell, now| cell.shard.patch_reported(now, device, link, patch));
    }

    /// See [`hub_core::Shard::method_response`].
    pub(crate) fn method_response(&self, response: MethodResponse<'_>) {
        let (device, link) = (&self.device, self.link);
        self.hub
            .slot(device)
            .command(|cell, now| cell.shard.method_response(now, device, link, response));
    }

    /// See [`hub_core::Shard::telemetry`]. When this returns, the event log has the message.
    pub(crate) fn telemetry(&self, message: Telemetry<'_>) -> Result<(), HubError> {
        let (device, link) = (&self.device, self.link);
        self.hub
            .slot(device)
            .command(|cell, now| cell.shard.telemetry(now, device, link, message))
    }

    /// See [`hub_core::Shard::acknowledge`].
    pub(crate) fn acknowledge(&self, delivery: PacketId) {
        let (device, link) = (&self.device, self.link);
        self.hub
            .slot(device)
            .command(|cell, now| cell.shard.acknowledge(now, device, link, delivery));
    }
}
