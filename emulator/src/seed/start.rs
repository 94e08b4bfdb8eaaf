//! Seeds of a process that starts or runs: the service endpoint's way of reading is put to use here.

use super::plant::{IfExists, SeedCodec, SeedError, Seeded, plant};
use crate::config::SeedFile;
use crate::emulator::{RunningEmulator, StartError};
use crate::hub::HubHandle;
use crate::rest;

/// As bodies of requests are read.
pub(crate) const CODEC: SeedCodec = rest::SEED_CODEC;

/// Has a hub begin with what a file says.
pub(crate) fn plant_file(hub: &HubHandle, file: &SeedFile) -> Result<(), StartError> {
    let SeedFile { name, text } = file;
    let planted = plant(hub, text, IfExists::Refuse, CODEC);
    planted.map(drop).map_err(|source| StartError::Seed {
        name: name.clone(),
        source,
    })
}

impl RunningEmulator {
    /// Plants a seed into a hub of this process: all of it, or nothing. Its form is that of
    /// `docs/ADMIN.md`.
    pub fn seed(
        &self,
        hub: &HubHandle,
        text: &str,
        if_exists: IfExists,
    ) -> Result<Seeded, SeedError> {
        plant(hub, text, if_exists, CODEC)
    }
}
