//! MQTT inside WebSocket: the upgrade of an HTTP request, and the byte stream over its frames.
//!
//! Knows nothing of packets, nor of which path leads here.

use std::fmt;

use hyper::{Request, Response};

use crate::listener::ConnectionContext;

/// Why a request is not upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpgradeRefusal {
    /// Not a WebSocket handshake by RFC 6455: answered with 400.
    #[error("not a WebSocket handshake: {0}")]
    NotAHandshake(&'static str),
    /// The sub-protocol `mqtt` is not offered: answered with 400.
    #[error("the WebSocket sub-protocol mqtt is not offered")]
    SubProtocol,
    /// AMQP over WebSocket is asked for: answered with 501.
    #[error("Hubnerite does not implement AMQP over WebSocket (sub-protocol AMQPWSB10) yet")]
    Amqp,
}

/// Reads a handshake. The answer is 101 with an empty body; once the caller has returned it to
/// hyper, which must serve with upgrades, the MQTT connection runs in a task of its own.
pub(crate) fn upgrade<B: fmt::Debug>(
    request: Request<B>,
    context: ConnectionContext,
) -> Result<Response<()>, UpgradeRefusal> {
    todo!("{request:?} {context:?}")
}
