//! Digital twins (Plug and Play): device twins as a model's clients read and write them, and commands,
//! which are direct methods.

use hub_core::HubError;
use hub_core::digital_twin::DigitalTwinPatch;
use hub_core::method::{InvokeMethod, MethodResult, Timeouts};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::MethodName;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::check;
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, entity, json, no_content, set_etag};

/// Digital twins.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DigitalTwin_GetDigitalTwin",
        verb: Method::GET,
        path: "digitaltwins/{id}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(get),
        document: Document {
            summary: "Reads a digital twin.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "DigitalTwin")],
            errors: &[ErrorCode::DeviceNotFound],
        },
    },
    Operation {
        name: "DigitalTwin_UpdateDigitalTwin",
        verb: Method::PATCH,
        path: "digitaltwins/{id}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(update),
        document: Document {
            summary: "Writes properties and components of a digital twin, by JSON Patch.",
            query: &[],
            headers: &["If-Match"],
            body: Body::Json("DigitalTwinPatch"),
            answers: &[(202, "")],
            errors: &[
                ErrorCode::InvalidDigitalTwinJsonPatch,
                ErrorCode::InvalidDigitalTwinPatch,
                ErrorCode::InvalidDigitalTwinPatchPath,
                ErrorCode::DeviceNotFound,
                ErrorCode::PreconditionFailed,
            ],
        },
    },
    Operation {
        name: "DigitalTwin_InvokeRootLevelCommand",
        verb: Method::POST,
        path: "digitaltwins/{id}/commands/{name}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Structured,
        answer: Answer::Later(|call, body| {
            Box::pin(invoke(call, call.id("name").to_owned(), body))
        }),
        document: COMMAND,
    },
    Operation {
        name: "DigitalTwin_InvokeComponentCommand",
        verb: Method::POST,
        path: "digitaltwins/{id}/components/{component}/commands/{name}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Structured,
        answer: Answer::Later(|call, body| {
            let name = format!("{}*{}", call.id("component"), call.id("name"));
            Box::pin(invoke(call, name, body))
        }),
        document: COMMAND,
    },
];

const COMMAND: Document = Document {
    summary: "Calls a command of a device and waits for its answer, which is the body.",
    query: &["connectTimeoutInSeconds", "responseTimeoutInSeconds"],
    headers: &[],
    body: Body::Bytes,
    answers: &[(200, "CommandPayload")],
    errors: COMMAND_ERRORS,
};

/// A payload that is not JSON, and whatever a direct method may end in.
const COMMAND_ERRORS: &[ErrorCode] = &[
    ErrorCode::IotHubFormatError,
    ErrorCode::ConnectionForcefullyClosedOnNewConnection,
    ErrorCode::DeviceMaximumInflightMethodExceeded,
    ErrorCode::DeviceNotFound,
    ErrorCode::DeviceNotOnline,
    ErrorCode::MessageTooLarge,
    ErrorCode::GenericBadGateway,
    ErrorCode::DeviceUnavailable,
    ErrorCode::GatewayTimeout,
];

/// `GET /digitaltwins/{id}`.
fn get(call: &Call) -> Result<Reply, Refusal> {
    let twin = call.hub.digital_twin(&call.device_id()?)?;
    Ok(entity(twin.json, &twin.etag))
}

/// `PATCH /digitaltwins/{id}`.
fn update(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let id = call.device_id()?;
    let patch = DigitalTwinPatch::parse(body)?;
    let twin = call
        .hub
        .update_digital_twin(&id, &patch, &call.if_match())?;
    let mut reply = no_content();
    reply.set_status(StatusCode::ACCEPTED);
    set_etag(&mut reply, &twin.etag);
    let location = format!("https://{}{}", call.hub.host_name(), call.head().path());
    reply.set("location", &location);
    Ok(reply)
}

/// A command of the root, or of a component as `component*command`.
async fn invoke(call: &Call<'_>, name: String, body: Bytes) -> Result<Reply, Refusal> {
    let client = call.client()?;
    let name = MethodName::parse(&name).map_err(HubError::from)?;
    let timeouts = Timeouts::checked(
        seconds(call, "responseTimeoutInSeconds")?,
        seconds(call, "connectTimeoutInSeconds")?,
    )?;
    let max = call.hub.limits().method_payload_bytes;
    if body.len() > max {
        return Err(HubError::TooLarge {
            what: "the command's payload",
            bytes: body.len(),
            max,
        }
        .into());
    }
    let payload = match body.trim_ascii() {
        [] => b"null".to_vec(),
        payload => {
            check(payload).map_err(|error| {
                HubError::Format(format!("The command's payload is not JSON: {error}"))
            })?;
            payload.to_vec()
        }
    };
    let invoke = InvokeMethod {
        client,
        name,
        payload,
        timeouts,
    };
    print(call.hub.invoke_method(invoke).await?)
}

fn seconds(call: &Call, name: &str) -> Result<Option<i64>, Refusal> {
    let Some(text) = call.parameter(name) else {
        return Ok(None);
    };
    let number = text.parse().map(Some);
    number.map_err(|_| Refusal::argument(format!("{name} must be an integer")))
}

/// The device's body as it is, and its status in a header. What is not JSON is the device's fault, as
/// with direct methods.
fn print(result: MethodResult) -> Result<Reply, Refusal> {
    if !result.payload.is_empty() {
        check(&result.payload).map_err(|error| {
            let text = format!("The device answered with a body that is not JSON: {error}");
            Refusal::new(ErrorCode::GenericBadGateway, text)
        })?;
    }
    let mut reply = json(result.payload);
    reply.set(STATUS_CODE, &result.status.to_string());
    Ok(reply)
}

/// (Azure/azure-iot-sdk-csharp `DigitalTwinClient.cs`)
const STATUS_CODE: &str = "x-ms-command-statuscode";
