//! Which devices a condition names, some at a time.

use hub_proto::ids::DeviceId;

use super::state::{Client, Shard};
use crate::query::{Condition, Row};

/// A stretch of devices that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTargets {
    /// Those that match, in the order of their ids.
    pub devices: Vec<DeviceId>,
    /// The last device looked at, if there may be more after it.
    pub looked_until: Option<DeviceId>,
}

impl Shard {
    /// Devices after `after` that match a condition of devices: at most `found_max` of them, and at
    /// most `looked_at_max` are looked at, so that nobody waits long behind a search.
    pub fn find_targets(
        &self,
        condition: &Condition,
        after: Option<&DeviceId>,
        found_max: usize,
        looked_at_max: usize,
    ) -> FoundTargets {
        let mut devices = Vec::new();
        for (looked_at, device) in self.devices_after(after).enumerate() {
            if self.is_target(device, condition) {
                devices.push(device.id.device_id().clone());
            }
            if devices.len() >= found_max || looked_at + 1 >= looked_at_max {
                let looked_until = Some(device.id.device_id().clone());
                return FoundTargets {
                    devices,
                    looked_until,
                };
            }
        }
        FoundTargets {
            devices,
            looked_until: None,
        }
    }

    fn is_target(&self, device: &Client, condition: &Condition) -> bool {
        condition.matches(Row::twin(&device.twin, &self.document_identity(device)))
    }
}
