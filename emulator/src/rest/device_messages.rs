//! The device-side HTTPS API: a device sends messages, takes those that wait for it and settles them.
//!
//! Names of headers: Azure/azure-iot-sdk-node `http.ts`, Azure/azure-iot-sdk-c `iothubtransporthttp.c`. Whether
//! the caller is the device is decided before.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub_core::c2d::{ReceivedMessage, Settlement};
use hub_core::{DeviceMessage, HubError};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::ClientIdentity;
use hub_proto::property_bag::PropertyBag;
use hyper::{Method, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, no_content};
use super::request::{header, pairs};
use crate::http::Head;

/// The device-side HTTPS API.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "Device_SendDeviceEvent",
        verb: Method::POST,
        path: "devices/{id}/messages/events",
        need: Need::DeviceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(send),
        document: Document {
            summary: "A device sends a message, or up to 500 in one request.",
            query: &[],
            headers: &[
                "Content-Type",
                "iothub-messageid",
                "iothub-correlationid",
                "iothub-userid",
                "iothub-contenttype",
                "iothub-contentencoding",
                "iothub-expiry",
                "iothub-ack",
                "iothub-messageschema",
                "iothub-creationtimeutc",
                "iothub-interface-id",
                "dt-subject",
            ],
            body: Body::Bytes,
            answers: &[(204, "")],
            errors: &[
                ErrorCode::ArgumentInvalid,
                ErrorCode::IotHubFormatError,
                ErrorCode::DeviceDisabled,
                ErrorCode::DeviceNotFound,
                ErrorCode::MessageTooLarge,
            ],
        },
    },
    Operation {
        name: "Device_ReceiveDeviceBoundNotification",
        verb: Method::GET,
        path: "devices/{id}/messages/deviceBound",
        need: Need::DeviceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(receive),
        document: Document {
            summary: "A device locks the oldest message for itself; 204 if there is none.",
            query: &["iothub-messagelocktimeout"],
            headers: &["IotHub-MessageLockTimeout"],
            body: Body::None,
            answers: &[(200, ""), (204, "")],
            errors: &[ErrorCode::DeviceDisabled, ErrorCode::DeviceNotFound],
        },
    },
    Operation {
        name: "Device_CompleteDeviceBoundNotification",
        verb: Method::DELETE,
        path: "devices/{id}/messages/deviceBound/{lock}",
        need: Need::DeviceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(complete),
        document: Document {
            summary: "A device has a message, or with `reject` will never want it.",
            query: &["reject"],
            headers: &[],
            body: Body::None,
            answers: &[(204, "")],
            errors: SETTLING,
        },
    },
    Operation {
        name: "Device_AbandonDeviceBoundNotification",
        verb: Method::POST,
        path: "devices/{id}/messages/deviceBound/{lock}/abandon",
        need: Need::DeviceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(abandon),
        document: Document {
            summary: "A device gives a message back, to have it later.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(204, "")],
            errors: SETTLING,
        },
    },
];

const SETTLING: &[ErrorCode] = &[
    ErrorCode::DeviceDisabled,
    ErrorCode::DeviceNotFound,
    ErrorCode::DeviceMessageLockLost,
];

/// `POST /devices/{id}/messages/events`.
fn send(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let client = ClientIdentity::Device(call.device_id()?);
    let max = call.hub.limits().telemetry_bytes;
    if body.len() > max {
        let (what, bytes) = ("the request", body.len());
        return Err(HubError::TooLarge { what, bytes, max }.into());
    }
    let content_type = call.header("content-type").unwrap_or_default();
    let is_batch = content_type
        .get(..BATCH.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(BATCH));
    let messages = if is_batch {
        read_batch(body)?
    } else {
        let application = pairs(call.head(), APPLICATION)?;
        vec![DeviceMessage {
            properties: PropertyBag {
                system: read_system(call.head()),
                application: application.into_iter().filter_map(property).collect(),
            },
            payload: body.to_vec(),
        }]
    };
    call.hub.send_events(&client, messages)?;
    Ok(no_content())
}

/// `GET /devices/{id}/messages/deviceBound`.
fn receive(call: &Call) -> Result<Reply, Refusal> {
    let id = call.device_id()?;
    let lock = read_lock(call)?;
    let Some((token, message)) = call.hub.receive_message(&id, lock)? else {
        return Ok(no_content());
    };
    let mut reply = Reply::new(StatusCode::OK, message.payload.clone());
    for (name, value) in headers_of(&token, &message) {
        reply.push(&name, &value);
    }
    Ok(reply)
}

/// `DELETE /devices/{id}/messages/deviceBound/{lock}`. The path names the lock; If-Match does not count, since no two
/// SDKs write it alike.
fn complete(call: &Call) -> Result<Reply, Refusal> {
    let reject = call.parameter("reject");
    let is_rejected = reject.is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    let settlement = if is_rejected {
        Settlement::Reject
    } else {
        Settlement::Complete
    };
    settle(call, settlement)
}

/// `POST /devices/{id}/messages/deviceBound/{lock}/abandon`.
fn abandon(call: &Call) -> Result<Reply, Refusal> {
    settle(call, Settlement::Abandon)
}

fn settle(call: &Call, settlement: Settlement) -> Result<Reply, Refusal> {
    // Some clients leave the lock in its quotes.
    let lock = call.id("lock").trim_matches('"');
    call.hub
        .settle_message(&call.device_id()?, lock, settlement)?;
    Ok(no_content())
}

/// How long the device wants to hold the message, if it says.
fn read_lock(call: &Call) -> Result<Option<Duration>, Refusal> {
    let by_header = call.header(LOCK_TIMEOUT).map(str::to_owned);
    let Some(text) = by_header.or_else(|| call.parameter(LOCK_TIMEOUT)) else {
        return Ok(None);
    };
    let seconds = text.parse().ok().filter(|seconds| LOCK_S.contains(seconds));
    let Some(seconds) = seconds else {
        return Err(Refusal::argument(format!(
            "{LOCK_TIMEOUT} '{text}' is not a number of seconds from {} to {}.",
            LOCK_S.start(),
            LOCK_S.end()
        )));
    };
    Ok(Some(Duration::from_secs(seconds)))
}

/// The headers of a message. The C SDK compares names with their case.
fn headers_of(token: &str, message: &ReceivedMessage) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| {
        let value = utf8_percent_encode(value, NO_VALUE).to_string();
        headers.push((name.to_owned(), value));
    };
    add("ETag", &format!("\"{token}\""));
    add("Content-Type", "application/octet-stream");
    let system = &message.properties.system;
    for (key, name) in SHOWN {
        if let Some((_, value)) = system.iter().find(|(known, _)| known == key) {
            add(name, value);
        } else if *name == "iothub-ack" {
            add(name, "none");
        }
    }
    add("iothub-sequencenumber", &message.sequence.to_string());
    add("iothub-enqueuedtime", &message.enqueued.to_string());
    add("iothub-deliverycount", &message.abandoned.to_string());
    for (key, value) in &message.properties.application {
        let key = utf8_percent_encode(key, NO_TOKEN);
        add(
            &format!("{APPLICATION}{key}"),
            value.as_deref().unwrap_or_default(),
        );
    }
    headers
}

fn read_system(head: &Head) -> Vec<(String, String)> {
    let read = |(key, name): &(&str, &str)| {
        let value = header(head, name)?;
        Some(((*key).to_owned(), value.to_owned()))
    };
    SENT.iter().filter_map(read).collect()
}

/// An application property of a header. One without a name is none.
fn property((name, value): (String, String)) -> Option<(String, Option<String>)> {
    let key = name
        .get(APPLICATION.len()..)
        .filter(|key| !key.is_empty())?;
    Some((key.to_owned(), Some(value)))
}

/// One message of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    body: String,
    base64_encoded: Option<bool>,
    properties: Option<Map<String, Value>>,
}

/// Several messages in one request: all of them or none.
fn read_batch(body: &[u8]) -> Result<Vec<DeviceMessage>, Refusal> {
    let items: Vec<Item> = serde_json::from_slice(body).map_err(|error| {
        let text = format!("a batch is an array of messages: {error}");
        Refusal::from(HubError::Format(text))
    })?;
    if items.len() > BATCH_MAX {
        let text = format!("{} messages, at most {BATCH_MAX} go at once", items.len());
        return Err(Refusal::argument(text));
    }
    items.into_iter().map(read_item).collect()
}

fn read_item(item: Item) -> Result<DeviceMessage, Refusal> {
    let payload = if item.base64_encoded.unwrap_or(true) {
        let decoded = STANDARD.decode(&item.body);
        decoded.map_err(|error| Refusal::argument(format!("a body is not base64: {error}")))?
    } else {
        item.body.into_bytes()
    };
    let mut properties = PropertyBag::default();
    for (name, value) in item.properties.unwrap_or_default() {
        let Value::String(value) = value else {
            return Err(Refusal::argument(format!(
                "the property '{name}' is not text"
            )));
        };
        let is_named = |(_, known): &&(&str, &str)| known.eq_ignore_ascii_case(&name);
        if let Some((key, _)) = SENT.iter().find(is_named) {
            properties.system.push(((*key).to_owned(), value));
        } else if name
            .get(..APPLICATION.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(APPLICATION))
        {
            properties.application.extend(property((name, value)));
        }
    }
    Ok(DeviceMessage {
        properties,
        payload,
    })
}

const APPLICATION: &str = "iothub-app-";
const LOCK_TIMEOUT: &str = "iothub-messagelocktimeout";
/// As long as a lock on feedback may be.
const LOCK_S: std::ops::RangeInclusive<u64> = 1..=300;
const BATCH: &str = "application/vnd.microsoft.iothub.json";
const BATCH_MAX: usize = 500;

/// The system properties that a device may set, by key as MQTT has them, with the headers that carry
/// them. The request's own content type is not the message's.
const SENT: &[(&str, &str)] = &[
    ("$.mid", "iothub-messageid"),
    ("$.cid", "iothub-correlationid"),
    ("$.uid", "iothub-userid"),
    ("$.ct", "iothub-contenttype"),
    ("$.ce", "iothub-contentencoding"),
    ("$.exp", "iothub-expiry"),
    ("$.ctime", "iothub-creationtimeutc"),
    ("$.schema", "iothub-messageschema"),
    ("$.ifid", "iothub-interface-id"),
    ("$.sub", "dt-subject"),
    ("iothub-ack", "iothub-ack"),
];

/// The system properties that a device is shown, by key, with their headers.
const SHOWN: &[(&str, &str)] = &[
    ("$.mid", "iothub-messageid"),
    ("$.cid", "iothub-correlationid"),
    ("$.uid", "iothub-userid"),
    ("$.to", "iothub-to"),
    ("$.exp", "iothub-expiry"),
    ("iothub-ack", "iothub-ack"),
    ("$.ct", "ContentType"),
    ("$.ce", "ContentEncoding"),
    ("$.schema", "iothub-messageschema"),
    ("$.ctime", "iothub-creationtimeutc"),
];

/// What no header's value may have in it.
const NO_VALUE: &AsciiSet = CONTROLS;
/// Nor a header's name. (RFC 9110, 5.6.2)
const NO_TOKEN: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'(')
    .add(b')')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'{')
    .add(b'}');
