//! Device identities: create, read, replace, delete, list.

use hub_core::registry::{
    Authentication, DeviceIdentity, DeviceSpec, IfMatch, Status, SymmetricKeys,
};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::DeviceId;
use hub_proto::sas::{SasError, SasKey};
use hyper::Method;
use serde::Serialize;

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::JsonObject;
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, entity, json, no_content};
use crate::random;

/// The identities of devices.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "Devices_GetDevices",
        verb: Method::GET,
        path: "devices",
        need: Need::RegistryRead,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(|call| Ok(list(call))),
        document: Document {
            summary: "Lists device identities, in the order of their ids.",
            query: &["top"],
            headers: &[],
            body: Body::None,
            answers: &[(200, "Devices")],
            errors: &[],
        },
    },
    Operation {
        name: "Devices_GetIdentity",
        verb: Method::GET,
        path: "devices/{id}",
        need: Need::RegistryRead,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(get),
        document: Document {
            summary: "Reads a device identity.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "Device")],
            errors: &[ErrorCode::DeviceNotFound],
        },
    },
    Operation {
        name: "Devices_CreateOrUpdateIdentity",
        verb: Method::PUT,
        path: "devices/{id}",
        need: Need::RegistryWrite,
        fidelity: Fidelity::Partial("X.509, IoT Edge devices and parents"),
        shape: Shape::Legacy,
        answer: Answer::WithBody(put),
        document: Document {
            summary: "Creates a device identity; with If-Match replaces it.",
            query: &[],
            headers: &["If-Match"],
            body: Body::Json("Device"),
            answers: &[(200, "Device")],
            errors: &[
                ErrorCode::DeviceNotFound,
                ErrorCode::DeviceAlreadyExists,
                ErrorCode::PreconditionFailed,
                ErrorCode::TooManyDevices,
            ],
        },
    },
    Operation {
        name: "Devices_DeleteIdentity",
        verb: Method::DELETE,
        path: "devices/{id}",
        need: Need::RegistryWrite,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(delete),
        document: Document {
            summary: "Deletes a device identity, its twin and its queue.",
            query: &[],
            headers: &["If-Match"],
            body: Body::None,
            answers: &[(204, "")],
            errors: &[ErrorCode::DeviceNotFound, ErrorCode::PreconditionFailed],
        },
    },
    Operation::absent(
        "BulkRegistry_UpdateRegistry",
        Method::POST,
        "devices",
        "bulk device operations",
    ),
    // Of 2024-03-31 (Azure/azure-iot-cli-extension).
    Operation::absent(
        "BulkRegistry_RegenerateDeviceKey",
        Method::POST,
        "devices/keys/regenerate",
        "regeneration of device keys",
    ),
];

/// What a listing gives at most, and when the client does not say or says something else.
const LIST_MAX: usize = 1000;
/// The longest status reason, in characters.
const STATUS_REASON_CHARS_MAX: usize = 128;

/// `GET /devices?top=N`.
fn list(call: &Call) -> Reply {
    let top = call.parameter("top").and_then(|top| top.parse().ok());
    let limit = top
        .filter(|top| (1..=LIST_MAX).contains(top))
        .unwrap_or(LIST_MAX);
    let devices = call.hub.devices(limit);
    let bodies: Vec<DeviceBody<'_>> = devices.iter().map(DeviceBody::of).collect();
    json(to_json(&bodies))
}

/// `GET /devices/{id}`.
fn get(call: &Call) -> Result<Reply, Refusal> {
    Ok(print(&call.hub.device(&call.device_id()?)?))
}

/// `PUT /devices/{id}`: creates without `If-Match`, replaces with it.
fn put(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let spec = read_spec(call.device_id()?, body)?;
    let identity = match call.if_match() {
        IfMatch::Absent => call.hub.create_device(spec)?,
        precondition => call.hub.update_device(spec, &precondition)?,
    };
    Ok(print(&identity))
}

/// `DELETE /devices/{id}`.
fn delete(call: &Call) -> Result<Reply, Refusal> {
    call.hub
        .delete_device(&call.device_id()?, &call.if_match())?;
    Ok(no_content())
}

fn print(identity: &DeviceIdentity) -> Reply {
    entity(to_json(&DeviceBody::of(identity)), &identity.etag)
}

/// Reads the body of a PUT. Read-only properties are ignored, as is what we do not know.
fn read_spec(id: DeviceId, body: &[u8]) -> Result<DeviceSpec, Refusal> {
    let body = JsonObject::parse(body)?;
    if let Some(named) = body
        .string("deviceId")?
        .filter(|named| named != id.as_str())
    {
        return Err(Refusal::argument(format!(
            "The deviceId '{named}' of the body is not the one of the path, '{id}'."
        )));
    }
    refuse_what_is_not_built(&body)?;
    let status_reason = body.string("statusReason")?;
    let reason_chars = status_reason
        .as_ref()
        .map_or(0, |reason| reason.chars().count());
    if reason_chars > STATUS_REASON_CHARS_MAX {
        return Err(Refusal::argument(format!(
            "statusReason has {reason_chars} characters, at most {STATUS_REASON_CHARS_MAX} are allowed."
        )));
    }
    let keys = read_keys(body.object("authentication")?.as_ref())?;
    Ok(DeviceSpec {
        status: read_status(&body)?,
        status_reason,
        ..DeviceSpec::enabled(id, Authentication::Sas(keys))
    })
}

fn refuse_what_is_not_built(body: &JsonObject<'_>) -> Result<(), Refusal> {
    let capabilities = body.object("capabilities")?;
    let is_edge = capabilities
        .map(|object| object.boolean("iotEdge"))
        .transpose()?
        .flatten();
    if is_edge == Some(true) {
        return Err(Refusal::not_implemented(
            "IoT Edge devices (capabilities.iotEdge)",
        ));
    }
    if body.is_set("deviceScope") || body.is_set("parentScopes") {
        return Err(Refusal::not_implemented(
            "IoT Edge parents (deviceScope, parentScopes)",
        ));
    }
    Ok(())
}

fn read_status(body: &JsonObject<'_>) -> Result<Status, Refusal> {
    let Some(status) = body.string("status")? else {
        return Ok(Status::Enabled);
    };
    match status.to_ascii_lowercase().as_str() {
        "enabled" => Ok(Status::Enabled),
        "disabled" => Ok(Status::Disabled),
        _ => Err(Refusal::argument(format!(
            "The status '{status}' is not enabled or disabled."
        ))),
    }
}

/// The caller's keys, or fresh ones where the caller gave none: missing, null and empty are alike
/// (Node sends empty texts, Explorer nulls, Python an empty object).
fn read_keys(authentication: Option<&JsonObject<'_>>) -> Result<SymmetricKeys, Refusal> {
    let Some(authentication) = authentication else {
        return Ok(fresh_keys());
    };
    check_is_sas(authentication)?;
    let Some(keys) = authentication.object("symmetricKey")? else {
        return Ok(fresh_keys());
    };
    let primary = keys.string("primaryKey")?.filter(|key| !key.is_empty());
    let secondary = keys.string("secondaryKey")?.filter(|key| !key.is_empty());
    match (primary, secondary) {
        (None, None) => Ok(fresh_keys()),
        (Some(primary), Some(secondary)) => Ok(SymmetricKeys {
            primary: read_key(&primary)?,
            secondary: read_key(&secondary)?,
        }),
        _ => Err(Refusal::argument("Either no keys or both keys can be set")),
    }
}

fn check_is_sas(authentication: &JsonObject<'_>) -> Result<(), Refusal> {
    let thumbprints = authentication.object("x509Thumbprint")?;
    let has_thumbprint = thumbprints.is_some_and(|thumbprints| {
        thumbprints.is_set("primaryThumbprint") || thumbprints.is_set("secondaryThumbprint")
    });
    let missing = if has_thumbprint { "selfSigned" } else { "sas" };
    let kind = authentication
        .string("type")?
        .unwrap_or_else(|| missing.to_owned());
    match kind.to_ascii_lowercase().as_str() {
        "sas" => Ok(()),
        "selfsigned" | "certificateauthority" => Err(Refusal::not_implemented(&format!(
            "X.509 authentication (type {kind})"
        ))),
        "none" => Err(Refusal::argument("DeviceAuthenticationTypeIsMissing")),
        _ => Err(Refusal::argument(format!(
            "The authentication type '{kind}' is not known."
        ))),
    }
}

fn read_key(text: &str) -> Result<SasKey, Refusal> {
    SasKey::from_base64(text).map_err(|error| match error {
        SasError::KeyLength { .. } => Refusal::argument("Invalid device key length"),
        other => Refusal::argument(format!("Invalid device key: {other}")),
    })
}

fn fresh_keys() -> SymmetricKeys {
    SymmetricKeys {
        primary: random::sas_key(),
        secondary: random::sas_key(),
    }
}

/// An identity as the registry prints it: this casing, this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceBody<'a> {
    device_id: &'a str,
    generation_id: &'a str,
    etag: &'a str,
    connection_state: &'static str,
    status: &'static str,
    status_reason: Option<&'a str>,
    connection_state_updated_time: String,
    status_updated_time: String,
    last_activity_time: String,
    cloud_to_device_message_count: usize,
    authentication: AuthenticationBody<'a>,
    capabilities: CapabilitiesBody,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthenticationBody<'a> {
    symmetric_key: SymmetricKeyBody<'a>,
    x509_thumbprint: ThumbprintBody<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SymmetricKeyBody<'a> {
    primary_key: Option<&'a str>,
    secondary_key: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThumbprintBody<'a> {
    primary_thumbprint: Option<&'a str>,
    secondary_thumbprint: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CapabilitiesBody {
    iot_edge: bool,
}

impl<'a> DeviceBody<'a> {
    fn of(identity: &'a DeviceIdentity) -> Self {
        let keys = identity.authentication.keys();
        let thumbprints = identity.authentication.thumbprints();
        Self {
            device_id: identity.id.as_str(),
            generation_id: &identity.generation_id,
            etag: &identity.etag,
            connection_state: if identity.connected {
                "Connected"
            } else {
                "Disconnected"
            },
            status: identity.status.name(),
            status_reason: identity.status_reason.as_deref(),
            connection_state_updated_time: identity.connection_state_updated.to_string(),
            status_updated_time: identity.status_updated.to_string(),
            last_activity_time: identity.last_activity.to_string(),
            cloud_to_device_message_count: identity.c2d_messages,
            authentication: AuthenticationBody {
                symmetric_key: SymmetricKeyBody {
                    primary_key: keys.map(|keys| keys.primary.expose()),
                    secondary_key: keys.map(|keys| keys.secondary.expose()),
                },
                x509_thumbprint: ThumbprintBody {
                    primary_thumbprint: thumbprints.and_then(|both| both.primary.as_deref()),
                    secondary_thumbprint: thumbprints.and_then(|both| both.secondary.as_deref()),
                },
                kind: identity.authentication.kind(),
            },
            capabilities: CapabilitiesBody {
                iot_edge: identity.edge,
            },
        }
    }
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("an identity is always JSON")
}
