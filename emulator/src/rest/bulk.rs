//! Many identities in one request: created, replaced, deleted, their twins written; and keys made anew.
//!
//! Each row is an operation of its own: one that fails is told, and the others hold.
//!
//! Source: Azure/azure-iot-hub-python `service.json` (`ExportImportDevice`, `BulkRegistryOperationResult`),
//! Azure/azure-iot-sdk-csharp `RegistryManager.cs` and `HttpClientHelper.cs`, Azure/azure-iot-sdk-node
//! `registry.ts`, Azure/azure-iot-cli-extension (regeneration of keys).

use std::collections::HashSet;

use hub_core::HubError;
use hub_core::registry::{Authentication, DeviceSpec, IfMatch, ModuleSpec, SymmetricKeys};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hyper::{Method, StatusCode};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::{JsonObject, parse_list};
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, to_json, with_json};
use super::{devices, modules};
use crate::hub::HubHandle;
use crate::random::fresh_keys;
use crate::transfer::RowFailure;

/// Operations on many identities.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "BulkRegistry_UpdateRegistry",
        verb: Method::POST,
        path: "devices",
        need: Need::RegistryWrite,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(update),
        document: Document {
            summary: "Creates, replaces or deletes up to 100 identities, or writes their twins.",
            query: &[],
            headers: &[],
            body: Body::Json("ExportImportDevices"),
            answers: &[
                (200, "BulkRegistryOperationResult"),
                (400, "BulkRegistryOperationResult"),
            ],
            errors: &[
                ErrorCode::TooManyDevices,
                ErrorCode::ArgumentNull,
                ErrorCode::BulkRegistryOperationFailure,
            ],
        },
    },
    // Of 2024-03-31 (Azure/azure-iot-cli-extension).
    Operation {
        name: "BulkRegistry_RegenerateDeviceKey",
        verb: Method::POST,
        path: "devices/keys/regenerate",
        need: Need::RegistryWrite,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(regenerate),
        document: Document {
            summary: "Makes new keys for up to 100 identities.",
            query: &[],
            headers: &[],
            body: Body::Json("DeviceKeyRegeneration"),
            answers: &[
                (200, "DeviceKeyRegenerationResult"),
                (207, "DeviceKeyRegenerationResult"),
                (400, "DeviceKeyRegenerationResult"),
            ],
            errors: &[
                ErrorCode::TooManyDevices,
                ErrorCode::ArgumentNull,
                ErrorCode::BulkRegistryOperationFailure,
            ],
        },
    },
];

const ROWS_MAX: usize = 100;
/// C# reads this header, and no other, to learn that the body of a 400 is a result.
const BULK_ERROR: &str = "iothuberrorcode";
const ERROR: &str = "iothub-errorcode";

/// `POST /devices`.
fn update(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let rows = read_rows("The list of devices", body)?;
    let mut seen = HashSet::new();
    let mut errors = Vec::new();
    for (client, row) in rows {
        let done = if seen.insert(client.clone()) {
            carry_out(call.hub, &client, row)
        } else {
            Err(Refusal::new(
                ErrorCode::DeviceDefinedMultipleTimes,
                format!("{client} stands more than once in the request"),
            ))
        };
        let failed = done.err();
        errors.extend(failed.map(|refusal| RowError::of(DEVICE_ID, &client, &refusal)));
    }
    let is_successful = errors.is_empty();
    let result = to_json(&BulkResult {
        is_successful,
        errors,
        warnings: [],
    });
    if is_successful {
        return Ok(with_json(StatusCode::OK, result));
    }
    let mut reply = with_json(StatusCode::BAD_REQUEST, result);
    let name = ErrorCode::BulkRegistryOperationFailure.name();
    reply.set(ERROR, name);
    reply.set(BULK_ERROR, name);
    Ok(reply)
}

/// Rows, and whom each is about: a list in which one names nobody is refused before any is carried
/// out.
fn read_rows<'a>(what: &str, body: &'a [u8]) -> Result<Vec<(ClientIdentity, &'a str)>, Refusal> {
    let rows = parse_list(body)?;
    check_count(what, rows.len())?;
    let read = |row: &'a str| {
        let client = row_client(&JsonObject::parse(row.as_bytes())?)?;
        Ok((client, row))
    };
    rows.into_iter().map(read).collect()
}

fn check_count(what: &str, count: usize) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::argument(format!("{what} is empty."))),
        1..=ROWS_MAX => Ok(()),
        _ => Err(Refusal::new(
            ErrorCode::TooManyDevices,
            format!("{what} has {count} entries, at most {ROWS_MAX} are allowed."),
        )),
    }
}

/// Whom a row is about: `id`, and `moduleId` for a module.
fn row_client(row: &JsonObject<'_>) -> Result<ClientIdentity, Refusal> {
    let device = row.string("id")?.ok_or(HubError::Missing("id"))?;
    let device = DeviceId::parse(&device).map_err(HubError::from)?;
    let Some(module) = row.string("moduleId")?.filter(|module| !module.is_empty()) else {
        return Ok(ClientIdentity::Device(device));
    };
    let module = ModuleId::parse(&module).map_err(HubError::from)?;
    Ok(ClientIdentity::module(device, module))
}

/// A line of an import: the row of a bulk request, with a rule and a freedom of its own.
pub(super) fn import_row(hub: &HubHandle, text: &str) -> Result<(), RowFailure> {
    let row = JsonObject::parse(text.as_bytes()).map_err(|refusal| failure("", &refusal))?;
    let named = row.string("id").ok().flatten().unwrap_or_default();
    import(hub, &row, text).map_err(|refusal| failure(&named, &refusal))
}

fn import(hub: &HubHandle, row: &JsonObject<'_>, text: &str) -> Result<(), Refusal> {
    let client = row_client(row)?;
    // Even of a line that deletes (live record of mwalser/terraform-provider-iothub).
    if !row.is_set("status") {
        return Err(HubError::Missing("status").into());
    }
    // The hub's own modules came with their device and cannot be written; their twins can.
    let is_own = client
        .module_id()
        .is_some_and(|module| module.as_str().starts_with('$'));
    if is_own && exists(hub, &client) && read_mode(row)?.0 == Mode::CreateOrUpdate {
        return write_twin(hub, &client, text, &IfMatch::Any);
    }
    carry_out(hub, &client, text)
}

pub(super) fn failure(id: &str, refusal: &Refusal) -> RowFailure {
    RowFailure {
        id: id.to_owned(),
        code: refusal.code(),
        status: format!("ErrorCode:{};{}", refusal.code().name(), refusal.text()),
    }
}

/// What a row asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Create,
    Update,
    CreateOrUpdate,
    Delete,
    UpdateTwin,
}

/// The mode of a row, and whether an etag must match.
fn read_mode(row: &JsonObject<'_>) -> Result<(Mode, bool), Refusal> {
    // C# leaves out its default.
    let Some(text) = row.string("importMode")? else {
        return Ok((Mode::CreateOrUpdate, false));
    };
    let lower = text.to_ascii_lowercase();
    let (name, with_etag) = match lower.strip_suffix("ifmatchetag") {
        Some(name) => (name, true),
        None => (lower.as_str(), false),
    };
    let mode = match (name, with_etag) {
        ("create", false) => Mode::Create,
        ("update", _) => Mode::Update,
        ("createorupdate", _) => Mode::CreateOrUpdate,
        ("delete", _) => Mode::Delete,
        ("updatetwin", _) => Mode::UpdateTwin,
        _ => {
            return Err(Refusal::argument(format!(
                "The importMode '{text}' is not known."
            )));
        }
    };
    Ok((mode, with_etag))
}

fn carry_out(hub: &HubHandle, client: &ClientIdentity, text: &str) -> Result<(), Refusal> {
    let row = JsonObject::parse(text.as_bytes())?;
    let (mode, with_etag) = read_mode(&row)?;
    let precondition = |name: &str| -> Result<IfMatch, Refusal> {
        if !with_etag {
            return Ok(IfMatch::Any);
        }
        let etag = row.string(name)?.unwrap_or_default();
        match etag.trim_matches('"') {
            "" => Err(Refusal::from(HubError::EtagMissing)),
            "*" => Ok(IfMatch::Any),
            etag => Ok(IfMatch::Etag(etag.to_owned())),
        }
    };
    match mode {
        Mode::Delete => delete(hub, client, &precondition("eTag")?),
        Mode::UpdateTwin => write_twin(hub, client, text, &precondition("twinETag")?),
        Mode::Create => {
            write_identity(hub, client, &row, None)?;
            write_twin(hub, client, text, &IfMatch::Any)
        }
        Mode::Update => {
            let precondition = precondition("eTag")?;
            write_identity(hub, client, &row, Some(&precondition))
        }
        Mode::CreateOrUpdate => {
            if exists(hub, client) {
                let precondition = precondition("eTag")?;
                return write_identity(hub, client, &row, Some(&precondition));
            }
            write_identity(hub, client, &row, None)?;
            write_twin(hub, client, text, &IfMatch::Any)
        }
    }
}

fn exists(hub: &HubHandle, client: &ClientIdentity) -> bool {
    match client {
        ClientIdentity::Device(device) => hub.device(device).is_ok(),
        ClientIdentity::Module(module) => hub.module(module.device(), module.id()).is_ok(),
    }
}

fn delete(hub: &HubHandle, client: &ClientIdentity, if_match: &IfMatch) -> Result<(), Refusal> {
    match client {
        ClientIdentity::Device(device) => hub.delete_device(device, if_match)?,
        ClientIdentity::Module(module) => {
            hub.delete_module(module.device(), module.id(), if_match)?;
        }
    }
    Ok(())
}

/// Creates without a precondition, replaces with one.
fn write_identity(
    hub: &HubHandle,
    client: &ClientIdentity,
    row: &JsonObject<'_>,
    if_match: Option<&IfMatch>,
) -> Result<(), Refusal> {
    match client {
        ClientIdentity::Device(device) => {
            let spec = devices::read_spec(device.clone(), row)?;
            match if_match {
                None => hub.create_device(spec)?,
                Some(if_match) => hub.update_device(spec, if_match)?,
            };
        }
        ClientIdentity::Module(module) => {
            let (device, module) = (module.device(), module.id());
            let spec = modules::read_spec(device.clone(), module.clone(), row)?;
            match if_match {
                None => hub.create_module(spec)?,
                Some(if_match) => hub.update_module(spec, if_match)?,
            };
        }
    }
    Ok(())
}

/// Merges the row's tags and desired properties into the twin. A row without any writes nothing.
fn write_twin(
    hub: &HubHandle,
    client: &ClientIdentity,
    row: &str,
    if_match: &IfMatch,
) -> Result<(), Refusal> {
    let update = TwinUpdate::parse(row.as_bytes(), hub.limits())?;
    hub.update_twin(client, update, UpdateMode::Merge, if_match)?;
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkResult {
    is_successful: bool,
    /// There even when empty: Node reads its length.
    errors: Vec<RowError>,
    warnings: [(); 0],
}

/// What became of a row. The code is a number: C# reads no names here, and numbers print everywhere.
struct RowError {
    /// What the member is called that names the device: the two operations differ.
    name: &'static str,
    client: ClientIdentity,
    code: u32,
    status: String,
}

const DEVICE_ID: &str = "deviceId";
const ID: &str = "id";

impl RowError {
    fn of(name: &'static str, client: &ClientIdentity, refusal: &Refusal) -> Self {
        Self {
            name,
            client: client.clone(),
            code: refusal.code().number(),
            status: failure("", refusal).status,
        }
    }
}

impl Serialize for RowError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("RowError", 4)?;
        row.serialize_field(self.name, self.client.device_id().as_str())?;
        let module = self.client.module_id().map(ModuleId::as_str);
        row.serialize_field("moduleId", &module)?;
        row.serialize_field("errorCode", &self.code)?;
        row.serialize_field("errorStatus", &self.status)?;
        row.end()
    }
}

/// Which keys are made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PolicyKey {
    Primary,
    Secondary,
    Both,
}

impl PolicyKey {
    fn read(text: &str) -> Result<Self, Refusal> {
        match text.to_ascii_lowercase().as_str() {
            "primarykey" => Ok(Self::Primary),
            "secondarykey" => Ok(Self::Secondary),
            "both" => Ok(Self::Both),
            _ => Err(Refusal::argument(format!(
                "The policyKey '{text}' is not primaryKey, secondaryKey or both."
            ))),
        }
    }

    fn renew(self, keys: &SymmetricKeys) -> SymmetricKeys {
        let fresh = fresh_keys();
        match self {
            Self::Primary => SymmetricKeys {
                primary: fresh.primary,
                secondary: keys.secondary.clone(),
            },
            Self::Secondary => SymmetricKeys {
                primary: keys.primary.clone(),
                secondary: fresh.secondary,
            },
            Self::Both => fresh,
        }
    }
}

/// `POST /devices/keys/regenerate`.
fn regenerate(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let body = JsonObject::parse(body)?;
    let text = body
        .string("policyKey")?
        .ok_or(HubError::Missing("policyKey"))?;
    let policy_key = PolicyKey::read(&text)?;
    let rows = body.get("devices").ok_or(HubError::Missing("devices"))?;
    let rows = read_rows("devices", rows.as_bytes())?;
    let (mut rotated, mut errors) = (Vec::new(), Vec::new());
    for (client, _) in rows {
        match renew_keys(call.hub, &client, policy_key) {
            Ok(keys) => rotated.push(RotatedKeys::of(&client, &keys)),
            Err(error) => errors.push(RowError::of(ID, &client, &error.into())),
        }
    }
    let status = match (rotated.is_empty(), errors.is_empty()) {
        (_, true) => StatusCode::OK,
        (false, false) => StatusCode::MULTI_STATUS,
        (true, false) => StatusCode::BAD_REQUEST,
    };
    let result = to_json(&Rotation {
        policy_key: text,
        rotated_keys: rotated,
        errors,
    });
    let mut reply = with_json(status, result);
    if status == StatusCode::BAD_REQUEST {
        let name = ErrorCode::BulkRegenerateDeviceKeyOperationFailure.name();
        reply.set(ERROR, name);
    }
    Ok(reply)
}

fn renew_keys(
    hub: &HubHandle,
    client: &ClientIdentity,
    policy_key: PolicyKey,
) -> Result<SymmetricKeys, HubError> {
    let renew = |authentication: &Authentication| {
        let keys = authentication.keys_of(client)?;
        Ok::<_, HubError>(policy_key.renew(keys))
    };
    // The etag just read: keys that somebody else writes meanwhile are not lost.
    match client {
        ClientIdentity::Device(device) => {
            let now = hub.device(device)?;
            let keys = renew(&now.authentication)?;
            let unchanged = IfMatch::Etag(now.etag.clone());
            let spec = DeviceSpec {
                authentication: Authentication::Sas(keys.clone()),
                ..now.into()
            };
            hub.update_device(spec, &unchanged)?;
            Ok(keys)
        }
        ClientIdentity::Module(module) => {
            let (device, module) = (module.device(), module.id());
            let now = hub.module(device, module)?;
            let keys = renew(&now.authentication)?;
            let unchanged = IfMatch::Etag(now.etag.clone());
            let spec = ModuleSpec {
                authentication: Authentication::Sas(keys.clone()),
                ..now.into()
            };
            hub.update_module(spec, &unchanged)?;
            Ok(keys)
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotation {
    policy_key: String,
    rotated_keys: Vec<RotatedKeys>,
    errors: Vec<RowError>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RotatedKeys {
    id: String,
    module_id: Option<String>,
    primary_key: String,
    secondary_key: String,
}

impl RotatedKeys {
    fn of(client: &ClientIdentity, keys: &SymmetricKeys) -> Self {
        Self {
            id: client.device_id().to_string(),
            module_id: client.module_id().map(ToString::to_string),
            primary_key: keys.primary.expose().to_owned(),
            secondary_key: keys.secondary.expose().to_owned(),
        }
    }
}
