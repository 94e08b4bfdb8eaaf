//! Who may use the device side of the endpoint: the device that the path names, by a token of one of its own
//! keys, and a policy that permits it.
//!
//! As on the service side, whatever is wrong with a token is one and the same 401. Only who has a good one is told
//! that the device is disabled.

use hub_core::link::{Credential, LinkRefusal};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::ClientIdentity;
use hub_proto::sas::{Resource, SasError, SasToken};
use hub_proto::time::Timestamp;
use thiserror::Error;
use tracing::warn;

use super::auth::{is_bearer, without_port};
use super::error::Refusal;
use super::route::Route;
use crate::http::Head;
use crate::hub::HubHandle;

/// Why a caller is not let in. For the log alone, but for a device that is disabled.
#[derive(Debug, Error)]
enum Fault {
    #[error("there is no Authorization header that is text")]
    NoHeader,
    #[error(transparent)]
    Token(#[from] SasError),
    #[error("the token ran out at {0}, more than the grace ago")]
    Expired(Timestamp),
    #[error("the token is not for the device that the path names")]
    Audience,
    #[error("there is no policy {0:?}")]
    UnknownPolicy(String),
    #[error("the signature was not made with a key of policy {0:?}")]
    Signature(String),
    #[error("policy {0:?} does not permit DeviceConnect")]
    Permission(String),
    #[error(transparent)]
    Client(#[from] LinkRefusal),
}

/// Checks that the caller may act as the device of `route`.
pub(super) fn authorise(hub: &HubHandle, head: &Head, route: &Route<'_>) -> Result<(), Refusal> {
    if is_bearer(head) {
        return Err(Refusal::not_implemented(
            "Entra ID tokens (Authorization: Bearer)",
        ));
    }
    check(hub, head, route.client().as_ref()).map_err(|fault| {
        if let Fault::Client(LinkRefusal::Disabled(_)) = fault {
            return Refusal::new(ErrorCode::DeviceDisabled, fault.to_string());
        }
        let operation = route.operation.name;
        warn!(reason = %fault, operation, "a request of a device was refused with 401");
        Refusal::new(ErrorCode::IotHubUnauthorizedAccess, "Unauthorized")
    })
}

/// `device` is `None` where the path names none that could be.
fn check(hub: &HubHandle, head: &Head, device: Option<&ClientIdentity>) -> Result<(), Fault> {
    let token = SasToken::parse(head.text("authorization").ok_or(Fault::NoHeader)?)?;
    let grace = hub.limits().sas_connect_grace;
    if hub.now().wall > token.expiry().saturating_add(grace) {
        return Err(Fault::Expired(token.expiry()));
    }
    let resource = device.map_or(Resource::Hub, Resource::Client);
    if !token.covers(|host| hub.is_host(without_port(host)), resource) {
        return Err(Fault::Audience);
    }
    let Some(name) = token.key_name().filter(|name| !name.is_empty()) else {
        let device = device.ok_or(Fault::Audience)?;
        return Ok(hub.check_client(device, Credential::DeviceToken(&token))?);
    };
    let policies = hub.policies();
    let policy = policies
        .get(name)
        .ok_or_else(|| Fault::UnknownPolicy(name.into()))?;
    if !policy.has_signed(&token) {
        return Err(Fault::Signature(name.to_owned()));
    }
    if !policy.permissions.device_connect {
        return Err(Fault::Permission(name.to_owned()));
    }
    match device.map(|device| hub.check_client(device, Credential::Policy)) {
        // Whether it is there is for the operation to say.
        None | Some(Ok(()) | Err(LinkRefusal::UnknownDevice(_))) => Ok(()),
        Some(Err(refusal)) => Err(refusal.into()),
    }
}
