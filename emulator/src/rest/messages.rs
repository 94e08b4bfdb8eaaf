//! Messages for devices over HTTP, as IoT Explorer sends them; and the purge of a device's queue.

use std::borrow::Cow;

use hub_core::HubError;
use hub_core::c2d::C2dMessage;
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::DeviceId;
use hub_proto::property_bag::PropertyBag;
use hub_proto::time::Timestamp;
use hyper::Method;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, json, no_content};
use super::request::{header, pairs};
use crate::http::Head;

/// The service's side of a device's queue.
pub(super) const OPERATIONS: &[Operation] = &[
    // Not in the service API; IoT Explorer sends so (Azure/azure-iot-explorer `devicesService.ts`).
    Operation {
        name: "CloudToDeviceMessages_Send",
        verb: Method::POST,
        path: "devices/{id}/messages/deviceBound",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(send),
        document: Document {
            summary: "Queues a message for a device.",
            query: &[],
            headers: &[
                "iothub-messageid",
                "iothub-correlationid",
                "iothub-userid",
                "iothub-expiry",
                "iothub-ack",
                "iothub-creationtimeutc",
                "iothub-messageschema",
                "iothub-contenttype",
                "iothub-contentencoding",
                "Content-Type",
                "Content-Encoding",
            ],
            body: Body::Bytes,
            answers: &[(204, "")],
            errors: &[
                ErrorCode::ArgumentInvalid,
                ErrorCode::InvalidMessageExpiryTime,
                ErrorCode::DeviceMaximumQueueDepthExceeded,
                ErrorCode::DeviceNotFound,
                ErrorCode::MessageTooLarge,
            ],
        },
    },
    Operation {
        name: "CloudToDeviceMessages_PurgeCloudToDeviceMessageQueue",
        verb: Method::DELETE,
        path: "devices/{id}/commands",
        need: Need::RegistryWriteOrServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(purge),
        document: Document {
            summary: "Empties a device's queue.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "PurgeMessageQueueResult")],
            errors: &[ErrorCode::DeviceNotFound],
        },
    },
];

/// `POST /devices/{id}/messages/deviceBound`.
fn send(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let id = receiver(call)?;
    let application = pairs(call.head(), APPLICATION)?;
    let expires = read_expiry(call.head(), call.hub.now().wall)?;
    let message = C2dMessage {
        properties: PropertyBag {
            system: read_system(call.head())?,
            application: application.into_iter().filter_map(property).collect(),
        },
        payload: body.to_vec(),
        expires,
    };
    call.hub.send_to_device(&id, message)?;
    Ok(no_content())
}

/// IoT Explorer encodes the device id of a message once more before it encodes the whole path
/// (Azure/azure-iot-explorer `devicesService.ts`); nobody else encodes twice.
fn receiver(call: &Call) -> Result<DeviceId, Refusal> {
    let id = call.id("id");
    let id = if call.is_path_encoded_whole() {
        let decoded = percent_decode_str(id).decode_utf8();
        decoded.unwrap_or(Cow::Borrowed(id))
    } else {
        Cow::Borrowed(id)
    };
    Ok(DeviceId::parse(&id).map_err(HubError::from)?)
}

/// `DELETE /devices/{id}/commands`.
fn purge(call: &Call) -> Result<Reply, Refusal> {
    let id = call.device_id()?;
    let body = PurgeBody {
        device_id: id.as_str(),
        total_messages_purged: call.hub.purge_messages(&id)?,
        module_id: None,
    };
    Ok(json(
        serde_json::to_string(&body).expect("texts and numbers are always JSON"),
    ))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PurgeBody<'a> {
    device_id: &'a str,
    total_messages_purged: usize,
    module_id: Option<()>,
}

fn read_expiry(head: &Head, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = header(head, "iothub-expiry") else {
        return Ok(None);
    };
    let refusal = |problem: &str| {
        let text = format!("iothub-expiry '{text}' {problem}");
        Refusal::new(ErrorCode::InvalidMessageExpiryTime, text)
    };
    let expires =
        timestamp(text).ok_or_else(|| refusal("is not a time such as 2026-11-22T10:00:00Z"))?;
    if expires <= now {
        return Err(refusal("has passed"));
    }
    Ok(Some(expires))
}

fn timestamp(text: &str) -> Option<Timestamp> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(Timestamp::from_unix_seconds(at.unix_timestamp()))
}

/// The system properties that a service may set, by key on the wire to the device, with the headers
/// that carry them: the first that is there counts. `iothub-to` is the hub's to say, `iothub-operation`
/// makes the Java SDK throw.
const SYSTEM: [(&str, &[&str]); 7] = [
    ("$.mid", &["iothub-messageid"]),
    ("$.cid", &["iothub-correlationid"]),
    ("$.uid", &["iothub-userid"]),
    ("$.ct", &["iothub-contenttype", "content-type"]),
    ("$.ce", &["iothub-contentencoding", "content-encoding"]),
    ("$.schema", &["iothub-messageschema"]),
    ("iothub-ack", &["iothub-ack"]),
];

fn read_system(head: &Head) -> Result<Vec<(String, String)>, Refusal> {
    let mut system = Vec::new();
    for (key, names) in SYSTEM {
        let mut values = names.iter().filter_map(|name| header(head, name));
        system.extend(
            values
                .next()
                .map(|value| (key.to_owned(), value.to_owned())),
        );
    }
    if let Some(text) = header(head, "iothub-creationtimeutc") {
        // C# reads it in the round-trip format only.
        let at = timestamp(text).ok_or_else(|| {
            Refusal::argument(format!("iothub-creationtimeutc '{text}' is not a time"))
        })?;
        system.push(("$.ctime".to_owned(), at.to_string()));
    }
    Ok(system)
}

const APPLICATION: &str = "iothub-app-";

/// An application property of a header. One without a name is none.
fn property((name, value): (String, String)) -> Option<(String, Option<String>)> {
    let key = name
        .get(APPLICATION.len()..)
        .filter(|key| !key.is_empty())?;
    Some((key.to_owned(), Some(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    fn headers(pairs: &[(&str, &str)]) -> Head {
        let lines = pairs
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        testing::head(&format!(
            "POST / HTTP/1.1\r\n{}\r\n",
            lines.collect::<String>()
        ))
    }

    #[test]
    fn system_properties_come_from_headers_and_other_headers_stay_out() {
        // C2D-3
        let system = read_system(&headers(&[
            ("host", "localhost"),
            ("iothub-messageid", "m1"),
            ("iothub-to", "/devices/d/messages/deviceBound"),
            ("content-type", "application/octet-stream"),
            ("iothub-contenttype", "application/json"),
            ("iothub-creationtimeutc", "1970-01-01T01:20:00+01:00"),
            ("iothub-ack", "full"),
            ("iothub-operation", "x"),
            ("iothub-app-alert", "a&b"),
        ]));
        let pairs = [
            ("$.mid", "m1"),
            ("$.ct", "application/json"),
            ("iothub-ack", "full"),
            ("$.ctime", "1970-01-01T00:20:00.0000000Z"),
        ];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(system.unwrap(), pairs);
        assert!(read_system(&headers(&[("iothub-creationtimeutc", "now")])).is_err());
    }

    #[test]
    fn an_expiry_is_a_time_to_come() {
        let now = Timestamp::from_unix_seconds(1_000);
        let read = |text: &'static str| read_expiry(&headers(&[("iothub-expiry", text)]), now);
        let at = |seconds| Ok(Some(Timestamp::from_unix_seconds(seconds)));
        assert_eq!(read("1970-01-01T00:20:00.1234567Z"), at(1200));
        assert_eq!(read("1970-01-01T01:20:00+01:00"), at(1200));
        assert_eq!(read_expiry(&headers(&[]), now), Ok(None));
        for text in ["1970-01-01T00:16:40Z", "tomorrow", "1200"] {
            assert_eq!(
                read(text).unwrap_err().code(),
                ErrorCode::InvalidMessageExpiryTime,
                "{text}"
            );
        }
    }
}
