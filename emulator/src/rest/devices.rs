//! Device identities: create, read, replace, delete, list.

use hub_core::registry::{
    DeviceIdentity, DeviceSpec, EdgeScopes, IfMatch, PrintedAuthentication, Status,
    connection_state,
};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::DeviceId;
use hyper::Method;
use serde::Serialize;

use super::auth::Need;
use super::authentication::{self, Owner};
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::JsonObject;
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, entity, json, no_content, to_json};

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
        fidelity: Fidelity::Exact,
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
                ErrorCode::InvalidDeviceScope,
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
            summary: "Deletes a device identity with its twin, queue and modules.",
            query: &[],
            headers: &["If-Match"],
            body: Body::None,
            answers: &[(204, "")],
            errors: &[ErrorCode::DeviceNotFound, ErrorCode::PreconditionFailed],
        },
    },
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
    let spec = read_spec(call.device_id()?, &JsonObject::parse(body)?)?;
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

/// Reads what a PUT or a row of a bulk operation says of an identity. Read-only properties are
/// ignored, as is what we do not know.
pub(super) fn read_spec(id: DeviceId, body: &JsonObject<'_>) -> Result<DeviceSpec, Refusal> {
    if let Some(named) = body
        .string("deviceId")?
        .filter(|named| named != id.as_str())
    {
        return Err(Refusal::argument(format!(
            "The deviceId '{named}' of the body is not the one of the path, '{id}'."
        )));
    }
    let status_reason = body.string("statusReason")?;
    let reason_chars = status_reason
        .as_ref()
        .map_or(0, |reason| reason.chars().count());
    if reason_chars > STATUS_REASON_CHARS_MAX {
        return Err(Refusal::argument(format!(
            "statusReason has {reason_chars} characters, at most {STATUS_REASON_CHARS_MAX} are allowed."
        )));
    }
    let authentication = body.object("authentication")?;
    let authentication = authentication::read(authentication.as_ref(), Owner::Device)?;
    let (edge, scopes) = read_edge(body)?;
    Ok(DeviceSpec {
        id,
        authentication,
        status: read_status(body)?,
        status_reason,
        edge,
        scopes,
    })
}

/// Whether the device is to be an Edge device, and where it is to stand among them.
fn read_edge(body: &JsonObject<'_>) -> Result<(bool, EdgeScopes), Refusal> {
    let capabilities = body.object("capabilities")?;
    let edge = capabilities
        .map(|object| object.boolean("iotEdge"))
        .transpose()?
        .flatten();
    let scopes = EdgeScopes {
        device: body.string("deviceScope")?.map(Into::into),
        parents: body.strings("parentScopes")?.unwrap_or_default(),
    };
    Ok((edge.unwrap_or(false), scopes))
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
    authentication: PrintedAuthentication<'a>,
    capabilities: CapabilitiesBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_scopes: Option<&'a [Box<str>]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CapabilitiesBody {
    iot_edge: bool,
}

impl<'a> DeviceBody<'a> {
    fn of(identity: &'a DeviceIdentity) -> Self {
        let parents = &*identity.scopes.parents;
        Self {
            device_id: identity.id.as_str(),
            generation_id: &identity.generation_id,
            etag: &identity.etag,
            connection_state: connection_state(identity.connected),
            status: identity.status.name(),
            status_reason: identity.status_reason.as_deref(),
            connection_state_updated_time: identity.connection_state_updated.to_string(),
            status_updated_time: identity.status_updated.to_string(),
            last_activity_time: identity.last_activity.to_string(),
            cloud_to_device_message_count: identity.c2d_messages,
            authentication: PrintedAuthentication::of(&identity.authentication, true),
            capabilities: CapabilitiesBody {
                iot_edge: identity.edge,
            },
            device_scope: identity.scopes.device.as_deref(),
            parent_scopes: (identity.edge || !parents.is_empty()).then_some(parents),
        }
    }
}
