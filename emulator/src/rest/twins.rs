//! Twins as the service reads and writes them. The document itself is the core's.

use hub_core::twin::{TwinDocument, TwinUpdate, UpdateMode};
use hub_proto::ids::DeviceId;
use hyper::HeaderMap;

use super::error::Refusal;
use super::etag::if_match;
use super::reply::{Reply, entity};
use crate::hub::HubHandle;

/// `GET /twins/{id}`.
pub(super) fn get(hub: &HubHandle, id: &DeviceId) -> Result<Reply, Refusal> {
    Ok(print(hub.twin(id)?))
}

/// `PATCH /twins/{id}` merges, `PUT /twins/{id}` replaces. Etags without quotes are compared like
/// those with quotes: the real hub was reported to ignore them, which loses updates in silence
/// (Azure/azure-iot-sdk-java issue 574, Azure/azure-iot-sdk-node issue 606).
pub(super) fn update(
    hub: &HubHandle,
    id: &DeviceId,
    mode: UpdateMode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, Refusal> {
    let update = TwinUpdate::parse(body, hub.limits())?;
    Ok(print(hub.update_twin(
        id,
        update,
        mode,
        &if_match(headers),
    )?))
}

fn print(document: TwinDocument) -> Reply {
    entity(document.json, &document.etag)
}
