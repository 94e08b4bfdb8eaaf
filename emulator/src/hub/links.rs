//! What connected devices do, on behalf of the front ends that carry them.

use std::sync::Arc;

use hub_core::link::{Credential, LinkClose, LinkId, LinkRefusal, LinkUp, Will};
use hub_core::{HubError, MethodResponse, ReportedPatch, Telemetry, TelemetryRefused};
use hub_proto::ids::ClientIdentity;
use hub_proto::mqtt::packet::{PacketId, QoS};
use hub_proto::topic::Subscription;

use super::handle::HubHandle;
use super::outlet::LinkOutlet;
use super::slot::Link;
use crate::ledger;

/// What a device brings that wants in; [`LinkUp`] without the id, which the hub gives.
#[derive(Debug)]
pub(crate) struct LinkRequest<'a> {
    pub(crate) client: ClientIdentity,
    pub(crate) credential: Credential<'a>,
    /// The policy whose token it is.
    pub(crate) policy: Option<&'a str>,
    pub(crate) clean_session: bool,
    pub(crate) will: Option<Will>,
    pub(crate) model_id: Option<String>,
    pub(crate) client_type: Option<String>,
}

/// A device that was let in: its events go through here.
#[derive(Debug)]
pub(crate) struct DeviceLink {
    hub: HubHandle,
    client: ClientIdentity,
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
        let asked = request.client.clone();
        let policy = request.policy.map(Box::from);
        let link_up = LinkUp {
            link,
            client: request.client,
            credential: request.credential,
            clean_session: request.clean_session,
            will: request.will,
            model_id: request.model_id,
            client_type: request.client_type,
        };
        let client = self.slot(&asked).command(|cell, now| {
            let accepted = cell.shard.link_up(now, link_up)?;
            let client = cell
                .shard
                .shared_identity(&asked)
                .unwrap_or_else(|| asked.clone());
            // Before the outputs: stored subscriptions may send messages right away, and nothing
            // may precede the acceptance.
            outlet.accepted(accepted);
            cell.links.insert(
                link,
                Link {
                    client: client.clone(),
                    policy,
                    outlet,
                },
            );
            Ok::<_, LinkRefusal>(client)
        })?;
        Ok(DeviceLink {
            hub: self.clone(),
            client,
            link,
        })
    }
}

impl HubHandle {
    /// See [`hub_core::Shard::link_refused`].
    pub(crate) fn link_refused(
        &self,
        client: &ClientIdentity,
        reason: &'static str,
        message: String,
    ) {
        self.slot(client)
            .command(|cell, now| cell.shard.link_refused(now, client, reason, message));
    }
}

impl DeviceLink {
    /// See [`HubHandle::note_use`].
    pub(crate) fn note_use(&self, operation: ledger::Key) {
        self.hub.note_uses(operation, 1);
    }

    /// The same for some at once.
    pub(crate) fn note_uses(&self, operation: ledger::Key, uses: usize) {
        self.hub.note_uses(operation, uses);
    }

    pub(crate) fn client(&self) -> &ClientIdentity {
        &self.client
    }

    /// The connection ended. Not due if the hub closed it, but harmless.
    pub(crate) fn down(self, reason: LinkClose) {
        let Self { hub, client, link } = self;
        hub.slot(&client).command(|cell, now| {
            cell.links.remove(&link);
            cell.shard.link_down(now, &client, link, reason);
        });
    }

    /// See [`hub_core::Shard::subscribe`].
    pub(crate) fn subscribe(&self, granted: &[(Subscription, QoS)]) {
        let (client, link) = (&self.client, self.link);
        self.hub
            .slot(client)
            .command(|cell, now| cell.shard.subscribe(now, client, link, granted));
    }

    /// See [`hub_core::Shard::unsubscribe`].
    pub(crate) fn unsubscribe(&self, subscription: &Subscription) {
        let (client, link) = (&self.client, self.link);
        self.hub
            .slot(client)
            .command(|cell, now| cell.shard.unsubscribe(now, client, link, subscription));
    }

    /// See [`hub_core::Shard::twin_get`].
    pub(crate) fn twin_get(&self, rid: &str) {
        let (client, link) = (&self.client, self.link);
        self.hub
            .slot(client)
            .command(|cell, now| cell.shard.twin_get(now, client, link, rid));
    }

    /// See [`hub_core::Shard::twin_get_refused`].
    pub(crate) fn twin_get_refused(&self, rid: &str, error: &HubError) {
        let (client, link) = (&self.client, self.link);
        self.hub
            .slot(client)
            .command(|cell, now| cell.shard.twin_get_refused(now, client, link, rid, error));
    }

    /// See [`hub_core::Shard::patch_reported_refused`].
    pub(crate) fn patch_reported_refused(&self, rid: Option<&str>, error: &HubError) {
        let (client, link) = (&self.client, self.link);
        self.hub.slot(client).command(|cell, now| {
            cell.shard
                .patch_reported_refused(now, client, link, rid, error);
        });
    }

    /// See [`hub_core::Shard::patch_reported`].
    pub(crate) fn patch_reported(&self, patch: ReportedPatch<'_>) {
        let (client, link) = (&self.client, self.link);
        self.hub
            .slot(client)
            .command(|cell, now| cell.shard.patch_reported(now, client, link, patch));
    }

    /// See [`hub_core::Shard::method_response`].
    pub(crate) fn method_response(&self, response: MethodResponse<'_>) {
        let (client, link) = (&self.client, self.link);
        self.hub
            .slot(client)
            .command(|cell, now| cell.shard.method_response(now, client, link, response));
    }

    /// See [`hub_core::Shard::telemetry`]. When this returns, the event log has what was taken.
    pub(crate) fn telemetry(&self, messages: &[Telemetry<'_>]) -> Result<(), TelemetryRefused> {
        let (client, link) = (&self.client, self.link);
        self.hub
            .slot(client)
            .command(|cell, now| cell.shard.telemetry(now, client, link, messages))
    }

    /// See [`hub_core::Shard::acknowledge`].
    pub(crate) fn acknowledge(&self, delivery: PacketId) {
        let (client, link) = (&self.client, self.link);
        self.hub
            .slot(client)
            .command(|cell, now| cell.shard.acknowledge(now, client, link, delivery));
    }
}
