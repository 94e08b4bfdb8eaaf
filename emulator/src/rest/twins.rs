//! Twins as the service reads and writes them. The document itself is the core's.

use hub_core::HubError;
use hub_core::twin::{TwinDocument, TwinUpdate, UpdateMode};
use hub_proto::error_code::ErrorCode;
use hyper::Method;

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, entity};

/// Twins of devices and modules.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "Devices_GetTwin",
        verb: Method::GET,
        path: "twins/{id}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(get),
        document: Document {
            summary: "Reads a device twin.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "Twin")],
            errors: &[ErrorCode::DeviceNotFound],
        },
    },
    Operation {
        name: "Devices_UpdateTwin",
        verb: Method::PATCH,
        path: "twins/{id}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(|call, body| update(call, body, UpdateMode::Merge)),
        document: Document {
            summary: "Merges tags and desired properties into a device twin.",
            query: &[],
            headers: &["If-Match"],
            body: Body::Json("Twin"),
            answers: &[(200, "Twin")],
            errors: &[ErrorCode::DeviceNotFound, ErrorCode::PreconditionFailed],
        },
    },
    Operation {
        name: "Devices_ReplaceTwin",
        verb: Method::PUT,
        path: "twins/{id}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(|call, body| update(call, body, UpdateMode::Replace)),
        document: Document {
            summary: "Replaces tags and desired properties of a device twin.",
            query: &[],
            headers: &["If-Match"],
            body: Body::Json("Twin"),
            answers: &[(200, "Twin")],
            errors: &[ErrorCode::DeviceNotFound, ErrorCode::PreconditionFailed],
        },
    },
    Operation {
        name: "Modules_GetTwin",
        verb: Method::GET,
        path: "twins/{id}/modules/{mid}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(get),
        document: Document {
            summary: "Reads a module twin.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "Twin")],
            errors: &[ErrorCode::DeviceNotFound],
        },
    },
    Operation {
        name: "Modules_UpdateTwin",
        verb: Method::PATCH,
        path: "twins/{id}/modules/{mid}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(|call, body| update(call, body, UpdateMode::Merge)),
        document: Document {
            summary: "Merges tags and desired properties into a module twin.",
            query: &[],
            headers: &["If-Match"],
            body: Body::Json("Twin"),
            answers: &[(200, "Twin")],
            errors: &[ErrorCode::DeviceNotFound, ErrorCode::PreconditionFailed],
        },
    },
    Operation {
        name: "Modules_ReplaceTwin",
        verb: Method::PUT,
        path: "twins/{id}/modules/{mid}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(|call, body| update(call, body, UpdateMode::Replace)),
        document: Document {
            summary: "Replaces tags and desired properties of a module twin.",
            query: &[],
            headers: &["If-Match"],
            body: Body::Json("Twin"),
            answers: &[(200, "Twin")],
            errors: &[ErrorCode::DeviceNotFound, ErrorCode::PreconditionFailed],
        },
    },
];

/// `GET /twins/{id}`, and of a module.
fn get(call: &Call) -> Result<Reply, Refusal> {
    Ok(print(call.hub.twin(&call.client()?).map_err(unknown)?))
}

/// `PATCH /twins/{id}` merges, `PUT /twins/{id}` replaces. Etags without quotes are compared like
/// those with quotes: the real hub was reported to ignore them, which loses updates in silence
/// (Azure/azure-iot-sdk-java issue 574, Azure/azure-iot-sdk-node issue 606).
fn update(call: &Call, body: &[u8], mode: UpdateMode) -> Result<Reply, Refusal> {
    let client = call.client()?;
    let update = TwinUpdate::parse(body, call.hub.limits())?;
    let precondition = call.if_match();
    let updated = call.hub.update_twin(&client, update, mode, &precondition);
    let document = updated.map_err(unknown)?;
    Ok(print(document))
}

/// A live hub says `DeviceNotFound` of a module's twin that is not there, and so no SDK looks for
/// another name here.
fn unknown(error: HubError) -> HubError {
    match error {
        HubError::ModuleNotFound(device, _) => HubError::DeviceNotFound(device),
        error => error,
    }
}

fn print(document: TwinDocument) -> Reply {
    entity(document.json, &document.etag)
}
