//! How devices connect over HTTPS: the WebSocket that carries their MQTT.

use hyper::Method;

use super::auth::Need;
use super::document::{Body, Document};
use super::error::Shape;
use super::operation::{Answer, Fidelity, Operation};

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
