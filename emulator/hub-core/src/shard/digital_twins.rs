//! Digital twins of devices. Their form is [`digital_twin`](crate::digital_twin)'s.

use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::time::Now;

use super::state::Shard;
use crate::digital_twin::{self, DigitalTwinPatch};
use crate::error::HubError;
use crate::registry::IfMatch;
use crate::twin::{TwinDocument, UpdateMode};

impl Shard {
    /// A digital twin, with the etag of the device twin.
    pub fn digital_twin(&self, device: &DeviceId) -> Result<TwinDocument, HubError> {
        let client = self.look_up(&ClientIdentity::Device(device.clone()))?;
        Ok(TwinDocument {
            json: digital_twin::print(device.as_str(), &client.twin),
            etag: client.twin.etag(),
        })
    }

    /// Changes desired properties by a patch of the digital twin; notifies the device if it listens.
    pub fn update_digital_twin(
        &mut self,
        now: Now,
        device: &DeviceId,
        patch: &DigitalTwinPatch,
        if_match: &IfMatch,
    ) -> Result<TwinDocument, HubError> {
        let id = ClientIdentity::Device(device.clone());
        let (client, common) = self.reach(&id)?;
        let update = patch.update(&client.twin, &common.limits)?;
        self.update_twin(now, &id, update, UpdateMode::Merge, if_match)?;
        self.digital_twin(device)
    }
}
