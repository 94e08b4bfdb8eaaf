//! Cloud-to-device messages: the service's calls, and those of devices that come over HTTP.

use std::time::Duration;

use hub_core::c2d::{C2dMessage, QueueView, ReceivedMessage, Settlement};
use hub_core::link::{Credential, LinkRefusal};
use hub_core::{DeviceMessage, HubError};
use hub_proto::ids::{ClientIdentity, DeviceId};

use super::admission::bag_bytes;
use super::handle::HubHandle;
use crate::random;

impl HubHandle {
    /// See [`hub_core::Shard::send_to_device`].
    pub fn send_to_device(&self, id: &DeviceId, message: C2dMessage) -> Result<u64, HubError> {
        let bytes = message.payload.len() + bag_bytes(&message.properties);
        let sequence = self
            .slot_of(id)
            .command(|cell, now| cell.shard.send_to_device(now, id, message))?;
        self.spend(bytes);
        Ok(sequence)
    }

    /// See [`hub_core::Shard::purge_messages`].
    pub fn purge_messages(&self, id: &DeviceId) -> Result<usize, HubError> {
        self.slot_of(id)
            .command(|cell, now| cell.shard.purge_messages(now, id))
    }

    /// See [`hub_core::Shard::message_queue`].
    pub fn message_queue(&self, id: &DeviceId) -> Result<QueueView, HubError> {
        self.slot_of(id).read(|shard| shard.message_queue(id))
    }

    /// See [`hub_core::Shard::send_events`].
    pub(crate) fn send_events(
        &self,
        id: &ClientIdentity,
        messages: Vec<DeviceMessage>,
    ) -> Result<(), HubError> {
        self.slot(id)
            .command(|cell, now| cell.shard.send_events(now, id, messages))
    }

    /// See [`hub_core::Shard::check_client`].
    pub(crate) fn check_client(
        &self,
        id: &ClientIdentity,
        credential: Credential<'_>,
    ) -> Result<(), LinkRefusal> {
        self.slot(id)
            .read(|shard| shard.check_client(id, credential))
    }

    /// The oldest message that is free, and the token under which the device is to settle it; see
    /// [`hub_core::Shard::receive_message`].
    pub fn receive_message(
        &self,
        id: &DeviceId,
        lock: Option<Duration>,
    ) -> Result<Option<(String, ReceivedMessage)>, HubError> {
        let token = random::uuid().to_string();
        let received = self.slot_of(id).command(|cell, now| {
            cell.shard
                .receive_message(now, id, token.as_str().into(), lock)
        })?;
        Ok(received.map(|message| (token, message)))
    }

    /// See [`hub_core::Shard::settle_message`].
    pub fn settle_message(
        &self,
        id: &DeviceId,
        token: &str,
        settlement: Settlement,
    ) -> Result<(), HubError> {
        self.slot_of(id)
            .command(|cell, now| cell.shard.settle_message(now, id, token, settlement))
    }
}
