//! Digital twins of devices.

use hub_core::HubError;
use hub_core::digital_twin::DigitalTwinPatch;
use hub_core::registry::IfMatch;
use hub_core::twin::TwinDocument;
use hub_proto::ids::DeviceId;

use super::handle::HubHandle;

impl HubHandle {
    /// See [`hub_core::Shard::digital_twin`].
    pub fn digital_twin(&self, id: &DeviceId) -> Result<TwinDocument, HubError> {
        self.slot_of(id).read(|shard| shard.digital_twin(id))
    }

    /// See [`hub_core::Shard::update_digital_twin`].
    pub fn update_digital_twin(
        &self,
        id: &DeviceId,
        patch: &DigitalTwinPatch,
        if_match: &IfMatch,
    ) -> Result<TwinDocument, HubError> {
        self.slot_of(id)
            .command(|cell, now| cell.shard.update_digital_twin(now, id, patch, if_match))
    }
}
