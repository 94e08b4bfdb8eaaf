//! What devices ask of the HTTPS endpoint: the WebSocket that carries their MQTT, and the device-side
//! HTTPS API, which is not built and refused by name.

use hyper::Method;

use super::auth::Need;
use super::document::{Body, Document};
use super::error::Shape;
use super::operation::{Answer, Fidelity, Operation};

const GAP: &str = "the device-side HTTPS endpoint";

/// How devices connect over HTTPS.
pub(super) const CONNECTIONS: &[Operation] = &[Operation {
    name: "Device_OpenWebSocket",
    verb: Method::GET,
    path: "$iothub/websocket",
    need: Need::Nothing,
    fidelity: Fidelity::Partial("AMQP (sub-protocol AMQPWSB10)"),
    shape: Shape::Legacy,
    answer: Answer::WebSocket,
    document: Document {
        summary: "Opens a WebSocket that carries MQTT.",
        query: &[],
        headers: &[
            "Connection",
            "Upgrade",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Protocol",
            "Sec-WebSocket-Version",
        ],
        body: Body::None,
        answers: &[(101, "")],
        errors: &[],
    },
}];

/// The device-side HTTPS API.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::absent(
        "Device_SendDeviceEvent",
        Method::POST,
        "devices/{id}/messages/events",
        GAP,
    ),
    Operation::absent(
        "Device_SendModuleEvent",
        Method::POST,
        "devices/{id}/modules/{mid}/messages/events",
        GAP,
    ),
    Operation::absent(
        "Device_ReceiveDeviceBoundNotification",
        Method::GET,
        "devices/{id}/messages/deviceBound",
        GAP,
    ),
    Operation::absent(
        "Device_CompleteDeviceBoundNotification",
        Method::DELETE,
        "devices/{id}/messages/deviceBound/{lock}",
        GAP,
    ),
    Operation::absent(
        "Device_AbandonDeviceBoundNotification",
        Method::POST,
        "devices/{id}/messages/deviceBound/{lock}/abandon",
        GAP,
    ),
];
