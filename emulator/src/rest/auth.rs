//! Who may do what on the service endpoint: shared access policies and their permissions.
//!
//! A request is authenticated, then authorised; only then is anything looked up, so that a bad token
//! never learns whether a device exists. Whatever is wrong, the client sees one and the same 401; the
//! log says which it was, without the secret parts.

use std::sync::Arc;

use hub_proto::error_code::ErrorCode;
use hub_proto::sas::{Resource, SasError, SasToken};
use hub_proto::time::Timestamp;
use thiserror::Error;
use tracing::warn;

use super::error::Refusal;
use super::operation::Operation;
use crate::config::{Permissions, Policies};
use crate::http::{Head, printable};
use crate::hub::HubHandle;

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The caller is not looked at here: a WebSocket's device shows itself by its CONNECT.
    Nothing,
    RegistryRead,
    RegistryWrite,
    ServiceConnect,
    /// No source ties the purge of a queue to one permission.
    RegistryWriteOrServiceConnect,
    /// Nor the reading of configurations.
    RegistryReadOrServiceConnect,
    /// The device of the path itself, by its own key or a policy's; see [`device_auth`](super::device_auth).
    DeviceConnect,
}

impl Need {
    fn is_met_by(self, permissions: Permissions) -> bool {
        match self {
            Self::Nothing => true,
            Self::RegistryRead => permissions.registry_read || permissions.registry_write,
            Self::RegistryWrite => permissions.registry_write,
            Self::ServiceConnect => permissions.service_connect,
            Self::DeviceConnect => permissions.device_connect,
            Self::RegistryWriteOrServiceConnect => {
                permissions.registry_write || permissions.service_connect
            }
            Self::RegistryReadOrServiceConnect => {
                permissions.registry_read
                    || permissions.registry_write
                    || permissions.service_connect
            }
        }
    }
}

/// Why a caller is not let in. For the log alone.
#[derive(Debug, Error)]
enum Fault {
    #[error("there is no Authorization header")]
    NoHeader,
    #[error("the Authorization header is not text")]
    NotText,
    #[error(transparent)]
    Token(SasError),
    #[error("the token is for a device's own key (no skn), which opens no service operation")]
    DeviceKey,
    #[error("there is no policy {0:?}")]
    UnknownPolicy(String),
    #[error("the signature was not made with a key of policy {0:?}")]
    Signature(String),
    #[error("the token ran out at {0}, more than the grace ago")]
    Expired(Timestamp),
    #[error("the token's audience does not cover the hub that the request names")]
    Audience,
    #[error("policy {policy:?} does not give the permission {need:?}")]
    Permission { policy: String, need: Need },
}

/// Somebody whose token was found good: signed by a policy of the hub, and for the hub.
#[derive(Debug)]
pub(super) struct Bearer {
    /// The whole header; clients send the same one until their token is about to run out.
    authorization: Unprinted,
    /// As they were when the signature was checked.
    policies: Arc<Policies>,
    policy: String,
    permissions: Permissions,
    expiry: Timestamp,
}

/// A value that is a secret.
struct Unprinted(Box<[u8]>);

impl std::fmt::Debug for Unprinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Checks that the caller may do what `operation` asks. `known` is a bearer that this hub has let in, or
/// nobody; the new one takes its place.
pub(super) fn authorise(
    hub: &HubHandle,
    head: &Head,
    operation: &Operation,
    known: &mut Option<Bearer>,
) -> Result<(), Refusal> {
    let need = operation.need;
    if need == Need::Nothing {
        return Ok(());
    }
    if is_bearer(head) {
        return Err(Refusal::not_implemented(
            "Entra ID tokens (Authorization: Bearer)",
        ));
    }
    check(hub, head, need, known).map_err(|fault| {
        let operation = operation.name;
        warn!(reason = %fault, operation, "a service request was refused with 401");
        Refusal::new(ErrorCode::IotHubUnauthorizedAccess, "Unauthorized")
    })
}

pub(super) fn is_bearer(head: &Head) -> bool {
    let scheme = head.get("authorization").and_then(|value| value.get(..7));
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
}

fn check(
    hub: &HubHandle,
    head: &Head,
    need: Need,
    known: &mut Option<Bearer>,
) -> Result<(), Fault> {
    let authorization = head.get("authorization").ok_or(Fault::NoHeader)?;
    let policies = hub.policies();
    let bearer = match known.take() {
        Some(bearer) if bearer.is_still(authorization, &policies) => bearer,
        _ => identify(hub, authorization, policies)?,
    };
    let bearer = known.insert(bearer);
    if hub.now().wall > bearer.expiry.saturating_add(hub.limits().sas_connect_grace) {
        return Err(Fault::Expired(bearer.expiry));
    }
    if !need.is_met_by(bearer.permissions) {
        let policy = bearer.policy.clone();
        return Err(Fault::Permission { policy, need });
    }
    Ok(())
}

impl Bearer {
    /// Whether nothing has changed since the token was looked at.
    fn is_still(&self, authorization: &[u8], policies: &Arc<Policies>) -> bool {
        Arc::ptr_eq(&self.policies, policies) && *self.authorization.0 == *authorization
    }
}

/// Who bears a token, run out or not.
fn identify(
    hub: &HubHandle,
    authorization: &[u8],
    policies: Arc<Policies>,
) -> Result<Bearer, Fault> {
    let text = printable(authorization).ok_or(Fault::NotText)?;
    let token = SasToken::parse(text).map_err(Fault::Token)?;
    let name = token
        .key_name()
        .filter(|name| !name.is_empty())
        .ok_or(Fault::DeviceKey)?;
    let policy = policies
        .get(name)
        .ok_or_else(|| Fault::UnknownPolicy(name.into()))?;
    if !policy.has_signed(&token) {
        return Err(Fault::Signature(name.to_owned()));
    }
    if !token.covers(|host| hub.is_host(without_port(host)), Resource::Hub) {
        return Err(Fault::Audience);
    }
    Ok(Bearer {
        authorization: Unprinted(authorization.into()),
        policy: name.to_owned(),
        permissions: policy.permissions,
        expiry: token.expiry(),
        policies,
    })
}

/// Python and the CLI sign the host as it stands in the connection string, with its port if it has
/// one.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // An IPv6 address without brackets is colons all the way.
        Some((name, port)) if port.parse::<u16>().is_ok() && !is_bare_address(host) => name,
        _ => host,
    }
}

fn is_bare_address(host: &str) -> bool {
    host.parse::<std::net::Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_a_signed_host_does_not_count() {
        let cases = [
            ("localhost", "localhost"),
            ("localhost:8443", "localhost"),
            ("127.0.0.1:443", "127.0.0.1"),
            ("[::1]:443", "[::1]"),
            ("[::1]", "[::1]"),
            ("::1", "::1"),
            ("localhost:x", "localhost:x"),
            ("localhost:99999", "localhost:99999"),
        ];
        for (host, expected) in cases {
            assert_eq!(without_port(host), expected);
        }
    }
}
