//! Answers: the few forms that every handler needs.

use bytes::Bytes;
use hyper::StatusCode;
use serde::Serialize;

use crate::http::Answer;

/// An answer with its whole body.
pub(super) type Reply = Answer;

/// 200 with a JSON text.
pub(super) fn json(body: impl Into<Bytes>) -> Reply {
    with_json(StatusCode::OK, body)
}

/// Any status with a JSON text.
pub(super) fn with_json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Answer::new(status, body);
    reply.push("content-type", "application/json; charset=utf-8");
    reply
}

/// 200 with a JSON text of one entity, whose etag (without quotes) goes quoted into the header.
///
/// C# overwrites the entity's etag with the header's text and sends that back as `If-Match`, so the
/// quotes must be there.
pub(super) fn entity(body: impl Into<Bytes>, etag: &str) -> Reply {
    let mut reply = json(body);
    set_etag(&mut reply, etag);
    reply
}

/// 204.
pub(super) fn no_content() -> Reply {
    Answer::new(StatusCode::NO_CONTENT, Bytes::new())
}

/// Sets the etag, which is given without its quotes. The C SDK looks for a header of exactly this name
/// (Azure/azure-c-shared-utility httpheaders.c).
pub(super) fn set_etag(reply: &mut Reply, etag: &str) {
    reply.set("ETag", &format!("\"{etag}\""));
}

/// What the hub prints is always JSON.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what the hub prints is JSON")
}
