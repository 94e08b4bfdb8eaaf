//! Direct methods: the call as the service makes it, and the device's answer as it gets it.

use std::fmt::Write as _;

use hub_core::HubError;
use hub_core::method::{InvokeMethod, MethodResult, Timeouts};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::{ClientIdentity, MethodName};
use hyper::Method;
use hyper::body::Bytes;

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::{self, JsonObject};
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{self, Reply};

/// Direct methods of devices and modules.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "Devices_InvokeMethod",
        verb: Method::POST,
        path: "twins/{id}/methods",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Structured,
        answer: Answer::Later(|call, body| Box::pin(invoke(call, body))),
        document: Document {
            summary: "Calls a direct method of a device and waits for its answer.",
            query: &[],
            headers: &[],
            body: Body::Json("CloudToDeviceMethod"),
            answers: &[(200, "CloudToDeviceMethodResult")],
            errors: METHOD_ERRORS,
        },
    },
    Operation {
        name: "Modules_InvokeMethod",
        verb: Method::POST,
        path: "twins/{id}/modules/{mid}/methods",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Structured,
        answer: Answer::Later(|call, body| Box::pin(invoke(call, body))),
        document: Document {
            summary: "Calls a direct method of a module and waits for its answer.",
            query: &[],
            headers: &[],
            body: Body::Json("CloudToDeviceMethod"),
            answers: &[(200, "CloudToDeviceMethodResult")],
            errors: METHOD_ERRORS,
        },
    },
];

/// How a call may end without the device's answer.
const METHOD_ERRORS: &[ErrorCode] = &[
    ErrorCode::GenericBadRequest,
    ErrorCode::ArgumentNull,
    ErrorCode::ConnectionForcefullyClosedOnNewConnection,
    ErrorCode::DeviceMaximumInflightMethodExceeded,
    ErrorCode::DeviceNotFound,
    ErrorCode::ModuleNotFound,
    ErrorCode::DeviceNotOnline,
    ErrorCode::MessageTooLarge,
    ErrorCode::GenericBadGateway,
    ErrorCode::DeviceUnavailable,
    ErrorCode::GatewayTimeout,
];

/// `POST /twins/{id}/methods`.
async fn invoke(call: &Call<'_>, body: Bytes) -> Result<Reply, Refusal> {
    let max = call.hub.limits().method_payload_bytes;
    let invoke = read(call.client()?, &body, max)?;
    print(&call.hub.invoke_method(invoke).await?)
}

fn read(
    client: ClientIdentity,
    body: &[u8],
    payload_bytes_max: usize,
) -> Result<InvokeMethod, Refusal> {
    let call = read_call(body, payload_bytes_max)?;
    Ok(InvokeMethod {
        client,
        name: call.name,
        payload: call.payload,
        timeouts: call.timeouts,
    })
}

/// A call of a method, without whom it is for.
#[derive(Debug)]
pub(super) struct MethodCall {
    pub(super) name: MethodName,
    pub(super) payload: Vec<u8>,
    pub(super) timeouts: Timeouts,
}

/// Reads the body of a call. The payload's text goes to the device byte for byte.
pub(super) fn read_call(body: &[u8], payload_bytes_max: usize) -> Result<MethodCall, Refusal> {
    let body = JsonObject::parse(body)?;
    let name = body.text("methodName")?.filter(|name| !name.is_empty());
    let name = name.ok_or(HubError::Missing("methodName"))?;
    let name = MethodName::parse(&name).map_err(HubError::from)?;
    let timeouts = Timeouts::checked(
        body.integer("responseTimeoutInSeconds")?,
        body.integer("connectTimeoutInSeconds")?,
    )?;
    let payload = body.get("payload").unwrap_or("null").as_bytes().to_vec();
    if payload.len() > payload_bytes_max {
        let what = "the method's payload";
        return Err(HubError::TooLarge {
            what,
            bytes: payload.len(),
            max: payload_bytes_max,
        }
        .into());
    }
    Ok(MethodCall {
        name,
        payload,
        timeouts,
    })
}

/// The device's answer inside ours. An empty body is `null`. A body that is not JSON cannot stand in
/// a JSON answer: the real hub pastes it all the same (Azure/azure-iot-sdk-node issue 736), and its
/// clients fail in their parser. We say who is at fault, with the status that Node's service client
/// knows as `BadDeviceResponseError`.
fn print(result: &MethodResult) -> Result<Reply, Refusal> {
    let payload = match result.payload.as_slice() {
        [] => "null",
        bytes => json::check(bytes).map_err(|error| {
            Refusal::new(
                ErrorCode::GenericBadGateway,
                format!("The device answered the method with a body that is not JSON: {error}"),
            )
        })?,
    };
    // With a status of the longest, so that it is not moved as it grows.
    let mut body = String::with_capacity(payload.len() + 40);
    body.push_str("{\"status\":");
    push_status(&mut body, result.status);
    body.push_str(",\"payload\":");
    body.push_str(payload);
    body.push('}');
    Ok(reply::json(body))
}

fn push_status(body: &mut String, status: i32) {
    if status == 200 {
        // What formatting a number takes is most of what printing the answer would.
        body.push_str("200");
    } else {
        write!(body, "{status}").expect("a string takes any text");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hub_proto::ids::DeviceId;

    use super::*;

    fn read_text(body: &str) -> Result<InvokeMethod, Refusal> {
        read(
            DeviceId::parse("d").unwrap().into(),
            body.as_bytes(),
            128 * 1024,
        )
    }

    #[test]
    fn calls_of_real_clients_are_read() {
        // Node, with its leftover field, and Python, which leaves out what is not set.
        let node = r#"{"methodName":"reboot","payload":null,"timeoutInSeconds":30,
            "responseTimeoutInSeconds":30,"connectTimeoutInSeconds":0}"#;
        let python = r#"{"methodName": "reboot"}"#;
        for body in [node, python] {
            let call = read_text(body).unwrap();
            assert_eq!(call.name.as_str(), "reboot");
            assert_eq!(call.payload, b"null");
            assert_eq!(call.timeouts.connect, Duration::ZERO);
            assert_eq!(call.timeouts.response, Duration::from_secs(30));
        }
    }

    #[test]
    fn the_payload_goes_on_byte_for_byte() {
        for payload in [
            r#""""#,
            r#""foo""#,
            r#"{ "b":1.0,"a":[1e2, true] }"#,
            "{}",
            "false",
            "[]",
        ] {
            let body = format!(r#"{{"MethodName":"m","Payload": {payload} ,"extra":1}}"#);
            assert_eq!(read_text(&body).unwrap().payload, payload.as_bytes());
        }
        let large = format!(
            r#"{{"methodName":"m","payload":"{}"}}"#,
            "x".repeat(128 * 1024)
        );
        assert_eq!(
            read_text(&large).unwrap_err().code(),
            ErrorCode::MessageTooLarge
        );
    }

    #[test]
    fn arguments_out_of_bounds_say_which_and_how() {
        let response = "responseTimeoutInSeconds must be within [5; 300].";
        let connect = "connectTimeoutInSeconds must be within [0; 300].";
        let longer =
            "Device connection timeout 31 cannot be longer than an overall call timeout 30";
        let cases = [
            (r#"{"payload":1}"#, "methodName is required"),
            (r#"{"methodName":""}"#, "methodName is required"),
            (
                r#"{"methodName":"a/b"}"#,
                "method name contains '/', which is not allowed",
            ),
            (
                r#"{"methodName":"m","responseTimeoutInSeconds":4}"#,
                response,
            ),
            (
                r#"{"methodName":"m","responseTimeoutInSeconds":0}"#,
                response,
            ),
            (
                r#"{"methodName":"m","responseTimeoutInSeconds":"301"}"#,
                response,
            ),
            (
                r#"{"methodName":"m","connectTimeoutInSeconds":-1}"#,
                connect,
            ),
            (
                r#"{"methodName":"m","connectTimeoutInSeconds":301}"#,
                connect,
            ),
            (r#"{"methodName":"m","connectTimeoutInSeconds":31}"#, longer),
            (
                r#"{"methodName":"m","responseTimeoutInSeconds":"soon"}"#,
                "responseTimeoutInSeconds must be an integer",
            ),
        ];
        for (body, text) in cases {
            assert_eq!(read_text(body).unwrap_err().text(), text, "{body}");
        }
    }

    #[tokio::test]
    async fn the_answer_carries_status_and_body_of_the_device() {
        let cases: [(i32, &[u8], &str); 3] = [
            (
                200,
                br#""Reboot started""#,
                r#"{"status":200,"payload":"Reboot started"}"#,
            ),
            (404, b"", r#"{"status":404,"payload":null}"#),
            (
                -1,
                b" {\"a\": 1.0} ",
                r#"{"status":-1,"payload":{"a": 1.0}}"#,
            ),
        ];
        for (status, payload, expected) in cases {
            let reply = print(&MethodResult {
                status,
                payload: payload.to_vec(),
            })
            .unwrap();
            let body = reply.into_body().await;
            assert_eq!(body, expected.as_bytes());
        }
    }

    #[test]
    fn a_body_that_is_not_json_is_the_devices_fault() {
        for payload in [&b"started"[..], b"{", b"\xff", b"1 2"] {
            let result = MethodResult {
                status: 200,
                payload: payload.to_vec(),
            };
            assert_eq!(
                print(&result).unwrap_err().code(),
                ErrorCode::GenericBadGateway
            );
        }
    }
}
