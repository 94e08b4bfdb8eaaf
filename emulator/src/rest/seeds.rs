//! How what a seed asks for reads: as the bodies of the service do.

use hub_core::Limits;
use hub_core::configuration::{ConfigurationId, ConfigurationSpec};
use hub_core::registry::{DeviceSpec, ModuleSpec};
use hub_proto::ids::{DeviceId, ModuleId};

use super::error::Refusal;
use super::json::JsonObject;
use super::{configurations, devices, modules};
use crate::seed::SeedCodec;

/// As bodies of requests.
pub(crate) const SEED_CODEC: SeedCodec = SeedCodec {
    device,
    module,
    configuration,
};

fn device(id: DeviceId, text: &str) -> Result<DeviceSpec, String> {
    let body = JsonObject::parse(text.as_bytes());
    let spec = body.and_then(|body| devices::read_spec(id, &body));
    spec.map_err(|refusal| told(&refusal))
}

fn module(device: DeviceId, id: ModuleId, text: &str) -> Result<ModuleSpec, String> {
    let body = JsonObject::parse(text.as_bytes());
    // In a line of an export `id` is the device, which nobody looks at here.
    let spec = body.and_then(|body| modules::read_spec(device, id, &body));
    spec.map_err(|refusal| told(&refusal))
}

fn configuration(
    id: ConfigurationId,
    text: &str,
    limits: &Limits,
) -> Result<ConfigurationSpec, String> {
    let spec = configurations::read_spec(id, text.as_bytes(), limits);
    spec.map_err(|refusal| told(&refusal))
}

fn told(refusal: &Refusal) -> String {
    refusal.text().to_owned()
}
