//! The one place where a refusal becomes a response: status, headers and body.
//!
//! Two shapes of body. Clients of the registry, twins and queries read the legacy one
//! (Azure/azure-iot-sdk-node `service/src/errors.ts` finds its typed 404 only there); callers of
//! direct methods read the structured one, JSON inside a JSON string (Azure/azure-iot-sdk-java
//! `ErrorMessageParser` needs the empty `ExceptionMessage`, C# the `info` that is no object).

use hub_core::HubError;
use hub_proto::error_code::ErrorCode;
use hub_proto::time::Timestamp;
use hyper::StatusCode;
use serde::Serialize;

use super::reply::{Reply, with_json};
use super::route::RouteError;
use crate::random::{self, Uuid};

/// The header that carries the code's name; C# believes a code only if header and body agree.
const ERROR_CODE: &str = "iothub-errorcode";

/// A request that is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: ErrorCode,
    text: String,
    allow: Option<String>,
}

/// How the body of a refusal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `{"Message":"ErrorCode:Name;text","ExceptionMessage":"Tracking ID:…"}`.
    Legacy,
    /// `{"Message":"{\"errorCode\":404103,…}","ExceptionMessage":""}`.
    Structured,
}

/// What ties a response to the log.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    /// A UUID, also sent as `x-ms-request-id`.
    pub(super) id: Uuid,
    /// When the request came.
    pub(super) at: Timestamp,
}

impl Trace {
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            id: random::uuid(),
            at,
        }
    }

    fn tracking_id(&self) -> String {
        format!(
            "{}-G2:-TimeStamp:{}",
            self.id.replace('-', "").to_ascii_uppercase(),
            self.at
        )
    }
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            allow: None,
        }
    }

    /// Legal on the real hub, not built here; `gap` names it.
    pub(super) fn not_implemented(gap: &str) -> Self {
        HubError::NotImplemented(gap.to_owned()).into()
    }

    /// An argument breaks a rule.
    pub(super) fn argument(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::ArgumentInvalid, text)
    }

    pub(super) fn code(&self) -> ErrorCode {
        self.code
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The same refusal with something said before its text.
    pub(super) fn prefixed(mut self, prefix: &str) -> Self {
        self.text.insert_str(0, prefix);
        self
    }

    pub(super) fn into_reply(self, shape: Shape, trace: &Trace) -> Reply {
        let body = match shape {
            Shape::Legacy => Envelope {
                message: format!("ErrorCode:{};{}", self.code.name(), self.text),
                exception_message: format!("Tracking ID:{}", trace.tracking_id()),
            },
            Shape::Structured => {
                let detail = Detail {
                    error_code: self.code.number(),
                    message: &self.text,
                    tracking_id: trace.tracking_id(),
                    timestamp_utc: trace.at.to_string(),
                    info: None,
                };
                Envelope {
                    message: to_json(&detail),
                    exception_message: String::new(),
                }
            }
        };
        let status = StatusCode::from_u16(self.code.http_status())
            .expect("an error code starts with an HTTP status");
        let mut reply = with_json(status, to_json(&body));
        reply.push(ERROR_CODE, self.code.name());
        if let Some(allow) = &self.allow {
            reply.push("allow", allow);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            // The real hub gives no Retry-After, and closes.
            reply.close();
        }
        reply
    }
}

impl From<HubError> for Refusal {
    fn from(error: HubError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<RouteError> for Refusal {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::NotFound => {
                Self::new(ErrorCode::GenericNotFound, "The hub has no such path.")
            }
            RouteError::MethodNotAllowed { allow } => Self {
                code: ErrorCode::GenericMethodNotAllowed,
                text: format!("The path allows {allow}."),
                allow: Some(allow),
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    message: String,
    exception_message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    error_code: u32,
    message: &'a str,
    tracking_id: String,
    timestamp_utc: String,
    /// Always null: C# reads the whole as a map of strings.
    info: Option<()>,
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers are always JSON")
}

#[cfg(test)]
mod tests {
    use hub_proto::ids::DeviceId;

    use super::*;

    fn trace() -> Trace {
        Trace {
            id: Uuid::of(0x28f7_c9fd_8821_474c_ac76_fdd9_fc6a_fe77),
            at: Timestamp::from_unix_seconds(1_786_784_856),
        }
    }

    /// Status with reason, `iothub-errorcode`, and the body.
    async fn seen(refusal: Refusal, shape: Shape) -> (String, String, String) {
        let reply = refusal.into_reply(shape, &trace());
        let code = reply.field("iothub-errorcode").unwrap().to_owned();
        assert_eq!(
            reply.field("content-type").unwrap(),
            "application/json; charset=utf-8"
        );
        let status = reply.status().to_string();
        let body = reply.into_body().await;
        (status, code, String::from_utf8(body).unwrap())
    }

    /// Status, code and message as the captures of real hubs have them (mwalser/
    /// terraform-provider-iothub CONCEPT.md, Azure/azure-iot-sdk-node issue 971).
    #[tokio::test]
    async fn legacy_refusals_read_as_the_hub_writes_them() {
        // REST-3
        let id = DeviceId::parse("dev1").unwrap();
        let cases: [(HubError, &str, &str, &str); 8] = [
            (
                HubError::DeviceAlreadyExists(id.clone()),
                "409 Conflict",
                "DeviceAlreadyExists",
                "A device with ID 'dev1' is already registered.",
            ),
            (
                HubError::DeviceNotFound(id),
                "404 Not Found",
                "DeviceNotFound",
                "dev1",
            ),
            (
                HubError::EtagMismatch,
                "412 Precondition Failed",
                "PreconditionFailed",
                "PreconditionFailed, ETag may be invalid.",
            ),
            (
                HubError::EtagMissing,
                "412 Precondition Failed",
                "PreconditionFailed",
                "PreconditionFailed, Etag missing",
            ),
            (
                HubError::QueueFull(50),
                "403 Forbidden",
                "DeviceMaximumQueueDepthExceeded",
                "the device's cloud-to-device queue holds 50 messages, the most it may hold",
            ),
            (
                HubError::TooLarge {
                    what: "the message",
                    bytes: 70_000,
                    max: 65_536,
                },
                "413 Payload Too Large",
                "MessageTooLarge",
                "the message has 70000 bytes, at most 65536 are allowed",
            ),
            (
                HubError::Missing("query"),
                "400 Bad Request",
                "ArgumentNull",
                "query is required",
            ),
            (
                HubError::NotImplemented("jobs".to_owned()),
                "501 Not Implemented",
                "NotImplemented",
                "Hubnerite does not implement jobs yet",
            ),
        ];
        for (error, status, name, text) in cases {
            let body = format!(
                "{{\"Message\":\"ErrorCode:{name};{text}\",\"ExceptionMessage\":\"Tracking ID:\
                 28F7C9FD8821474CAC76FDD9FC6AFE77-G2:-TimeStamp:2026-08-15T09:07:36.0000000Z\"}}"
            );
            let expected = (status.to_owned(), name.to_owned(), body);
            assert_eq!(seen(error.into(), Shape::Legacy).await, expected);
        }
    }

    #[tokio::test]
    async fn method_refusals_are_json_in_a_json_string_with_null_info() {
        // REST-3
        let (status, code, body) = seen(HubError::DeviceNotOnline.into(), Shape::Structured).await;
        assert_eq!(
            (status.as_str(), code.as_str()),
            ("404 Not Found", "DeviceNotOnline")
        );
        let expected = concat!(
            r#"{"Message":"{\"errorCode\":404103,\"message\":\"The operation failed because the "#,
            r#"requested device isn't online. To learn more, see https://aka.ms/iothub404103\","#,
            r#"\"trackingId\":\"28F7C9FD8821474CAC76FDD9FC6AFE77-G2:-TimeStamp:"#,
            r#"2026-08-15T09:07:36.0000000Z\",\"timestampUtc\":\"2026-08-15T09:07:36.0000000Z\","#,
            r#"\"info\":null}","ExceptionMessage":""}"#,
        );
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn method_refusals_have_the_status_and_number_that_the_sdks_expect() {
        // DM-11
        let cases = [
            (
                HubError::MethodTimedOut,
                "504 Gateway Timeout",
                "GatewayTimeout",
                504_101,
            ),
            (
                HubError::DeviceUnavailable,
                "503 Service Unavailable",
                "DeviceUnavailable",
                503_102,
            ),
            (
                HubError::ConnectionReplaced,
                "400 Bad Request",
                "ConnectionForcefullyClosedOnNewConnection",
                400_027,
            ),
            (
                HubError::TooManyMethodCalls(100),
                "403 Forbidden",
                "DeviceMaximumInflightMethodExceeded",
                403_800,
            ),
            (
                HubError::MethodStatus("x".to_owned()),
                "400 Bad Request",
                "GenericBadRequest",
                400_000,
            ),
        ];
        for (error, status, name, number) in cases {
            let (seen_status, seen_name, body) = seen(error.into(), Shape::Structured).await;
            assert_eq!((seen_status.as_str(), seen_name.as_str()), (status, name));
            let outer: serde_json::Value = serde_json::from_str(&body).unwrap();
            let inner: serde_json::Value =
                serde_json::from_str(outer["Message"].as_str().unwrap()).unwrap();
            assert_eq!(inner["errorCode"], number);
            assert_eq!(outer["ExceptionMessage"], "");
        }
    }

    #[test]
    fn a_wrong_verb_is_answered_with_allow_and_a_throttle_closes() {
        let error = RouteError::MethodNotAllowed {
            allow: "GET, PUT".to_owned(),
        };
        let reply = Refusal::from(error).into_reply(Shape::Legacy, &trace());
        assert_eq!(reply.status(), 405);
        assert_eq!(reply.field("allow").unwrap(), "GET, PUT");
        let throttled = Refusal::new(ErrorCode::ThrottlingException, "slow down");
        assert!(throttled.into_reply(Shape::Legacy, &trace()).closes());
    }

    #[test]
    fn every_code_has_a_status_with_a_reason_phrase() {
        // Python's service client builds its message from the phrase.
        for code in ErrorCode::ALL {
            let reply = Refusal::new(*code, "text").into_reply(Shape::Legacy, &trace());
            assert_eq!(u32::from(reply.status().as_u16()), code.number() / 1000);
            assert!(reply.status().canonical_reason().is_some(), "{code:?}");
            assert_eq!(reply.field("iothub-errorcode").unwrap(), code.name());
        }
    }
}
