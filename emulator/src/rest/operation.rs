//! What an operation of the service endpoint is: a row of the table that its resource keeps.
//!
//! Adding an operation is adding a row to the `OPERATIONS` of its file. Everything else reads the
//! rows: the router ([`route`](super::route)), the check of the caller ([`auth`](super::auth)) and the
//! way of a request ([`serve`](super::serve)). Knows no single operation.

use std::pin::Pin;

use hyper::Method;
use hyper::body::Bytes;

use super::auth::Need;
use super::call::Call;
use super::document::Document;
use super::error::{Refusal, Shape};
use super::reply::Reply;
pub(super) use crate::ledger::Fidelity;

/// One verb on one path.
#[derive(Debug)]
pub(super) struct Operation {
    /// The `operationId` of the service API 2021-04-12 (Azure/azure-iot-hub-python, package
    /// `protocol`), or a name in the same style where that has none. Unique and stable.
    pub(super) name: &'static str,
    pub(super) verb: Method,
    /// Without a leading slash; `{name}` is one segment of the client's choosing. Devices are
    /// `{id}` and modules `{mid}` everywhere, so that [`Call`] can read them.
    pub(super) path: &'static str,
    pub(super) need: Need,
    pub(super) fidelity: Fidelity,
    /// How its refusals are written.
    pub(super) shape: Shape,
    pub(super) answer: Answer,
    /// For the `OpenAPI` document.
    pub(super) document: Document,
}

/// Who answers, and what of the request must have come before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// From the head alone; a body is not read.
    Now(fn(&Call) -> Result<Reply, Refusal>),
    /// From the head and the body.
    WithBody(fn(&Call, &[u8]) -> Result<Reply, Refusal>),
    /// The same, after waiting for something.
    Later(for<'a> fn(&'a Call<'a>, Bytes) -> Waiting<'a>),
    /// An upgrade to a WebSocket.
    WebSocket,
    /// Nobody: the refusal names the gap of [`Fidelity::Absent`].
    NotBuilt,
}

/// An answer that waits: `Box::pin(async move { … })`.
pub(super) type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send + 'a>>;

impl Operation {
    /// Legal on the real hub, not built here. Its caller is not looked at: a developer is told of a
    /// gap before the key.
    pub(super) const fn absent(
        name: &'static str,
        verb: Method,
        path: &'static str,
        gap: &'static str,
    ) -> Self {
        Self {
            name,
            verb,
            path,
            need: Need::Nothing,
            fidelity: Fidelity::Absent(gap),
            shape: Shape::Legacy,
            answer: Answer::NotBuilt,
            document: Document::ABSENT,
        }
    }
}
