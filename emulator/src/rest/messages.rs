//! Messages for devices over HTTP, as IoT Explorer sends them; and the purge of a device's queue.
//!
//! A name of an application property comes in a header's name, and HTTP header names have no case:
//! they reach the device in lower case.

use std::borrow::Cow;

use hub_core::HubError;
use hub_core::c2d::C2dMessage;
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::DeviceId;
use hub_proto::property_bag::PropertyBag;
use hub_proto::time::Timestamp;
use hyper::{HeaderMap, Method};
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
use super::request::header;

/// The service's side of a device's queue.
pub(super) const OPERATIONS: &[Operation] = &[
    // Not in the service API; IoT Explorer sends so (Azure/azure-iot-explorer `devicesService.ts`).
    Operation {
        name: "CloudToDeviceMessages_Send",
        verb: Method::POST,
        path: "devices/{id}/messages/deviceBound",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Approximate(
            "names of properties arrive in lower case, as HTTP headers; feedback (iothub-ack) is refused",
        ),
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
                "Content-Type",
                "Content-Encoding",
            ],
            body: Body::Bytes,
            answers: &[(204, "")],
            errors: &[
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
    refuse_feedback(call.headers())?;
    let expires = read_expiry(call.headers(), call.hub.now().wall)?;
    let message = C2dMessage {
        properties: read_properties(call.headers()),
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

fn refuse_feedback(headers: &HeaderMap) -> Result<(), Refusal> {
    match header(headers, "iothub-ack") {
        None => Ok(()),
        Some(ack) if ack.eq_ignore_ascii_case("none") => Ok(()),
        Some(ack) => Err(Refusal::not_implemented(&format!(
            "cloud-to-device feedback (iothub-ack: {ack})"
        ))),
    }
}

fn read_expiry(headers: &HeaderMap, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = header(headers, "iothub-expiry") else {
        return Ok(None);
    };
    let refusal = |problem: &str| {
        let text = format!("iothub-expiry '{text}' {problem}");
        Refusal::new(ErrorCode::InvalidMessageExpiryTime, text)
    };
    let at = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| refusal("is not a time such as 2026-11-22T10:00:00Z"))?;
    let expires = Timestamp::from_unix_seconds(at.unix_timestamp());
    if expires <= now {
        return Err(refusal("has passed"));
    }
    Ok(Some(expires))
}

/// The system properties that a service may set, by header and by key on the wire to the device.
const SYSTEM: [(&str, &str); 5] = [
    ("iothub-messageid", "$.mid"),
    ("iothub-correlationid", "$.cid"),
    ("iothub-userid", "$.uid"),
    ("content-type", "$.ct"),
    ("content-encoding", "$.ce"),
];

fn read_properties(headers: &HeaderMap) -> PropertyBag {
    let system = SYSTEM.iter().filter_map(|(name, key)| {
        header(headers, name).map(|value| ((*key).to_owned(), value.to_owned()))
    });
    let application = headers.iter().filter_map(|(name, value)| {
        let key = name.as_str().strip_prefix("iothub-app-")?;
        let value = value.to_str().ok()?;
        Some((key.to_owned(), Some(value.to_owned())))
    });
    PropertyBag {
        system: system.collect(),
        application: application.collect(),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn properties_come_from_headers_and_other_headers_stay_out() {
        let bag = read_properties(&headers(&[
            ("host", "localhost"),
            ("iothub-messageid", "m1"),
            ("iothub-to", "/devices/d/messages/deviceBound"),
            ("content-type", "application/json"),
            ("iothub-app-alert", "a&b"),
        ]));
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            bag.system,
            [pair("$.mid", "m1"), pair("$.ct", "application/json")]
        );
        assert_eq!(
            bag.application,
            [("alert".to_owned(), Some("a&b".to_owned()))]
        );
    }

    #[test]
    fn feedback_is_refused_aloud_and_none_is_not_asking_for_it() {
        // C2D-6
        for ack in ["positive", "negative", "full"] {
            let refusal = refuse_feedback(&headers(&[("iothub-ack", ack)])).unwrap_err();
            assert_eq!(refusal.code(), ErrorCode::NotImplemented, "{ack}");
        }
        assert_eq!(refuse_feedback(&headers(&[("iothub-ack", "None")])), Ok(()));
        assert_eq!(refuse_feedback(&headers(&[])), Ok(()));
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
