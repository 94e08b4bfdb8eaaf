//! Imports and exports: which one runs, and the registry page by page. Carrying them out is the
//! business of [`transfer`](crate::transfer).

use std::sync::{Arc, Mutex, MutexGuard};

use hub_core::HubError;
use hub_core::transfer::{TransferSpec, TransferView, Transfers, device_line, module_line};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::time::Now;

use super::handle::HubHandle;
use crate::random;

/// The imports and exports of a hub.
#[derive(Debug, Default)]
pub(super) struct TransfersSlot(Mutex<Transfers>);

impl TransfersSlot {
    fn lock(&self) -> MutexGuard<'_, Transfers> {
        let locked = self.0.lock();
        locked.expect("a panic with the transfers locked is a bug")
    }
}

/// Some lines of an export.
#[derive(Debug)]
pub(crate) struct ExportPage {
    /// Without their ends; a device is followed by its modules.
    pub(crate) lines: Vec<String>,
    /// How many devices they are of.
    pub(crate) devices: usize,
    /// The last of them, if there may be more.
    pub(crate) next: Option<DeviceId>,
}

/// Import and export jobs.
impl HubHandle {
    /// Every import and export that is remembered, in the order in which they were made.
    pub fn transfers(&self) -> Vec<TransferView> {
        self.with_transfers(Transfers::list)
    }

    /// The import or export of that id.
    pub fn transfer(&self, id: &str) -> Result<TransferView, HubError> {
        self.with_transfers(|transfers, now| transfers.job(now, id))
    }

    /// Stops an import or export at once; one that has ended stays as it is. Lines that were carried
    /// out are not taken back.
    pub fn cancel_transfer(&self, id: &str) -> Result<(), HubError> {
        self.with_transfers(|transfers, now| transfers.cancel(now, id))
    }

    /// Refuses as [`Self::create_transfer`] would now.
    pub(crate) fn check_transfer_quota(&self) -> Result<(), HubError> {
        self.with_transfers(|transfers, _| transfers.check_quota())
    }

    pub(crate) fn create_transfer(&self, spec: TransferSpec) -> Result<TransferView, HubError> {
        self.with_transfers(|transfers, now| transfers.create(now, &random::uuid(), spec))
    }

    pub(crate) fn begin_transfer(&self) -> Option<(Box<str>, Arc<TransferSpec>)> {
        self.with_transfers(|transfers, _| transfers.poll_start())
    }

    /// Whether a job is to go on.
    pub(crate) fn transfer_is_running(&self, id: &str) -> bool {
        !self.is_retired() && self.with_transfers(|jobs, _| jobs.is_running(id))
    }

    /// Notes how far a job is; says whether it is to go on.
    pub(crate) fn transfer_progressed(&self, id: &str, percent: u8) -> bool {
        !self.is_retired() && self.with_transfers(|jobs, _| jobs.progressed(id, percent))
    }

    pub(crate) fn transfer_ended(&self, id: &str, result: Result<(), String>) {
        self.with_transfers(|transfers, now| transfers.ended(now, id, result));
    }

    pub(super) fn clear_transfers(&self) {
        self.with_transfers(|transfers, _| transfers.clear());
    }

    fn with_transfers<R>(&self, command: impl FnOnce(&mut Transfers, Now) -> R) -> R {
        let mut transfers = self.transfers_slot().lock();
        // Read with the lock held, so that time never runs backwards for the jobs.
        command(&mut transfers, self.now())
    }

    /// The next devices behind `after` as lines, in the order of their ids.
    pub(crate) fn export_page(&self, after: Option<&DeviceId>, with_keys: bool) -> ExportPage {
        let slots: Vec<_> = self.slots().collect();
        // Each shard gives its share; what a page of them all can hold ends where the first ends.
        let share = DEVICES_A_PAGE / slots.len().max(1) + 1;
        let (mut devices, mut known_until) = (Vec::new(), None::<DeviceId>);
        for slot in slots {
            let of_shard = slot.read(|shard| shard.devices(after, share));
            if of_shard.len() == share
                && let Some(last) = of_shard.last()
                && known_until.as_ref().is_none_or(|known| last.id < *known)
            {
                known_until = Some(last.id.clone());
            }
            devices.extend(of_shard);
        }
        if let Some(known_until) = &known_until {
            devices.retain(|device| device.id <= *known_until);
        }
        devices.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let mut lines = Vec::with_capacity(devices.len());
        for device in &devices {
            let of_device = self.export_device(&device.id, with_keys);
            // One that was deleted just now is not there.
            lines.extend(of_device.unwrap_or_default());
        }
        ExportPage {
            lines,
            devices: devices.len(),
            next: known_until,
        }
    }

    /// A device and its modules at one moment.
    fn export_device(&self, id: &DeviceId, with_keys: bool) -> Result<Vec<String>, HubError> {
        self.slot_of(id).read(|shard| {
            let twin = shard.twin(&ClientIdentity::Device(id.clone()))?;
            let mut lines = vec![device_line(&shard.device(id)?, &twin, with_keys)];
            for module in shard.modules(id)? {
                let client = ClientIdentity::module(id.clone(), module.id.clone());
                lines.push(module_line(&module, &shard.twin(&client)?, with_keys));
            }
            Ok(lines)
        })
    }
}

/// About so many devices are printed before others may run.
const DEVICES_A_PAGE: usize = 256;
