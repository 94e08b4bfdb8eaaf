//! Answers: the few forms that every handler needs.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// An answer with its whole body.
pub(super) type Reply = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// 200 with a JSON text.
pub(super) fn json(body: impl Into<Bytes>) -> Reply {
    with_json(StatusCode::OK, body)
}

/// Any status with a JSON text.
pub(super) fn with_json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// 200 with a JSON text of one entity, whose etag (without quotes) goes quoted into the header.
///
/// C# overwrites the entity's etag with the header's text and sends that back as `If-Match`, so the
/// quotes must be there.
pub(super) fn entity(body: impl Into<Bytes>, etag: &str) -> Reply {
    let mut reply = json(body);
    set(&mut reply, ETAG, &format!("\"{etag}\""));
    reply
}

/// 204.
pub(super) fn no_content() -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// Sets a header to a text that the hub made.
pub(super) fn set(reply: &mut Reply, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).expect("the hub's own header values are printable");
    reply.headers_mut().insert(name, value);
}

/// What the hub prints is always JSON.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what the hub prints is JSON")
}
