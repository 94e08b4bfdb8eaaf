//! Module identities: create, read, replace, delete, list.

use hub_core::HubError;
use hub_core::registry::{
    IfMatch, ModuleIdentity, ModuleSpec, PrintedAuthentication, connection_state,
};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::{DeviceId, ModuleId};
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

/// The identities of modules.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "Modules_GetModulesOnDevice",
        verb: Method::GET,
        path: "devices/{id}/modules",
        need: Need::RegistryRead,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(list),
        document: Document {
            summary: "Lists the module identities of a device, in the order of their ids.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "Modules")],
            errors: &[],
        },
    },
    Operation {
        name: "Modules_GetIdentity",
        verb: Method::GET,
        path: "devices/{id}/modules/{mid}",
        need: Need::RegistryRead,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(get),
        document: Document {
            summary: "Reads a module identity.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "Module")],
            errors: &[ErrorCode::ModuleNotFound],
        },
    },
    Operation {
        name: "Modules_CreateOrUpdateIdentity",
        verb: Method::PUT,
        path: "devices/{id}/modules/{mid}",
        need: Need::RegistryWrite,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(put),
        document: Document {
            summary: "Creates a module identity; with If-Match replaces it.",
            query: &[],
            headers: &["If-Match"],
            body: Body::Json("Module"),
            answers: &[(200, "Module")],
            errors: &[
                ErrorCode::ModuleNotFound,
                ErrorCode::ModuleAlreadyExistsOnDevice,
                ErrorCode::PreconditionFailed,
                ErrorCode::TooManyDevices,
                ErrorCode::TooManyModulesOnDevice,
                ErrorCode::SystemModuleModifyUnauthorizedAccess,
            ],
        },
    },
    Operation {
        name: "Modules_DeleteIdentity",
        verb: Method::DELETE,
        path: "devices/{id}/modules/{mid}",
        need: Need::RegistryWrite,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(delete),
        document: Document {
            summary: "Deletes a module identity and its twin.",
            query: &[],
            headers: &["If-Match"],
            body: Body::None,
            answers: &[(204, "")],
            errors: &[
                ErrorCode::ModuleNotFound,
                ErrorCode::PreconditionFailed,
                ErrorCode::SystemModuleModifyUnauthorizedAccess,
            ],
        },
    },
];

/// `GET /devices/{id}/modules`.
fn list(call: &Call) -> Result<Reply, Refusal> {
    let device = call.device_id()?;
    check_device(call, &device)?;
    let modules = call.hub.modules(&device)?;
    let bodies: Vec<ModuleBody<'_>> = modules.iter().map(ModuleBody::of).collect();
    Ok(json(to_json(&bodies)))
}

/// `GET /devices/{id}/modules/{mid}`.
fn get(call: &Call) -> Result<Reply, Refusal> {
    let (device, module) = (call.device_id()?, call.module_id()?);
    check_device(call, &device)?;
    Ok(print(&call.hub.module(&device, &module)?))
}

/// `PUT /devices/{id}/modules/{mid}`: creates without `If-Match`, replaces with it.
fn put(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let (device, module) = (call.device_id()?, call.module_id()?);
    let spec = read_spec(device, module, &JsonObject::parse(body)?)?;
    check_device(call, &spec.device)?;
    let identity = match call.if_match() {
        IfMatch::Absent => call.hub.create_module(spec)?,
        precondition => call.hub.update_module(spec, &precondition)?,
    };
    Ok(print(&identity))
}

/// `DELETE /devices/{id}/modules/{mid}`.
fn delete(call: &Call) -> Result<Reply, Refusal> {
    let (device, module) = (call.device_id()?, call.module_id()?);
    check_device(call, &device)?;
    call.hub.delete_module(&device, &module, &call.if_match())?;
    Ok(no_content())
}

/// The real hub answers 401 where the device of a module is not there or disabled (live record of
/// mwalser/terraform-provider-iothub), which no client could guess; the text says what it is about.
fn check_device(call: &Call, device: &DeviceId) -> Result<(), Refusal> {
    let is_there = match call.hub.device(device) {
        Ok(identity) => identity.status == hub_core::registry::Status::Enabled,
        Err(HubError::DeviceNotFound(_)) => false,
        Err(error) => return Err(error.into()),
    };
    if is_there {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::IotHubUnauthorizedAccess,
        format!("Unauthorized: the device '{device}' of the module is not registered or disabled."),
    ))
}

fn print(identity: &ModuleIdentity) -> Reply {
    entity(to_json(&ModuleBody::of(identity)), &identity.etag)
}

/// Reads what a PUT or a row of a bulk operation says of a module.
pub(super) fn read_spec(
    device: DeviceId,
    id: ModuleId,
    body: &JsonObject<'_>,
) -> Result<ModuleSpec, Refusal> {
    for (name, expected) in [("deviceId", device.as_str()), ("moduleId", id.as_str())] {
        if let Some(named) = body.string(name)?.filter(|named| named != expected) {
            return Err(Refusal::argument(format!(
                "The {name} '{named}' of the body is not the one of the path, '{expected}'."
            )));
        }
    }
    let authentication = body.object("authentication")?;
    let authentication = authentication::read(authentication.as_ref(), Owner::Module)?;
    let managed_by = body.string("managedBy")?;
    if managed_by
        .as_ref()
        .is_some_and(|text| text.len() > MANAGED_BY_BYTES_MAX)
    {
        return Err(Refusal::argument(format!(
            "managedBy has more than {MANAGED_BY_BYTES_MAX} bytes"
        )));
    }
    Ok(ModuleSpec {
        device,
        id,
        authentication,
        managed_by,
    })
}

/// No source names a bound; one there must be.
const MANAGED_BY_BYTES_MAX: usize = 1024;

/// A module identity as the registry prints it: this casing, this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModuleBody<'a> {
    module_id: &'a str,
    managed_by: Option<&'a str>,
    device_id: &'a str,
    generation_id: &'a str,
    etag: &'a str,
    connection_state: &'static str,
    connection_state_updated_time: String,
    last_activity_time: String,
    cloud_to_device_message_count: usize,
    authentication: PrintedAuthentication<'a>,
}

impl<'a> ModuleBody<'a> {
    fn of(identity: &'a ModuleIdentity) -> Self {
        Self {
            module_id: identity.id.as_str(),
            managed_by: identity.managed_by.as_deref(),
            device_id: identity.device.as_str(),
            generation_id: &identity.generation_id,
            etag: &identity.etag,
            connection_state: connection_state(identity.connected),
            connection_state_updated_time: identity.connection_state_updated.to_string(),
            last_activity_time: identity.last_activity.to_string(),
            cloud_to_device_message_count: identity.c2d_messages,
            authentication: PrintedAuthentication::of(&identity.authentication, true),
        }
    }
}
