//! What every operation reads of a request before its own part: verb, api-version, body.

use std::time::Duration;

use bytes::Bytes;
use hub_proto::error_code::ErrorCode;
use hyper::Method;

use super::error::Refusal;
use crate::http::{Body, BodyFault, Head, printable, query_parameter};

/// No operation of the hub has a larger body; bulk imports stay well below.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// The verb meant: Java sends `POST` with an override where it cannot send `PATCH`.
pub(super) fn verb(head: &Head) -> &Method {
    let is_patch = || {
        let overriding = head.get("x-http-method-override");
        overriding.is_some_and(|value| value.eq_ignore_ascii_case(b"PATCH"))
    };
    if *head.method() == Method::POST && is_patch() {
        return &Method::PATCH;
    }
    head.method()
}

/// Checks that the client named a version of the API. Every date is as good as the other: the real
/// hub serves versions years apart in the same way.
pub(super) fn check_api_version(head: &Head) -> Result<(), Refusal> {
    let problem = match query_parameter(head, "api-version") {
        Some(version) if is_api_version(&version) => return Ok(()),
        Some(version) => format!("The api-version '{version}' is not a date (YYYY-MM-DD)."),
        None => "The query parameter api-version is missing.".to_owned(),
    };
    Err(Refusal::new(ErrorCode::InvalidProtocolVersion, problem))
}

fn is_api_version(text: &str) -> bool {
    let date = text.strip_suffix("-preview").unwrap_or(text);
    let is_right = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    date.len() == 10 && date.bytes().enumerate().all(is_right)
}

/// A header as text; `None` if it is absent, empty or not text.
pub(super) fn header<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    let text = printable(head.get(name)?)?.trim();
    (!text.is_empty()).then_some(text)
}

/// The headers whose names begin with `prefix` (compared without case): names as they were written, and
/// values. Properties of messages come so, and their names have a case.
pub(super) fn pairs(head: &Head, prefix: &str) -> Result<Vec<(String, String)>, Refusal> {
    let is_one = |name: &[u8]| {
        let start = name.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    let named = head.fields().filter(|(name, _)| is_one(name));
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|error| {
            let text = format!("a property in the headers {prefix}* is not text: {error}");
            Refusal::argument(text)
        })
    };
    named
        .map(|(name, value)| Ok((text(name)?, text(value)?)))
        .collect()
}

/// Reads the whole body, and keeps never more than the bound. What is too large is read on by the
/// connection, so that the refusal can arrive.
pub(super) async fn read_body(mut body: Body<'_>) -> Result<Bytes, Refusal> {
    let fault = match body.whole(BODY_BYTES_MAX, BODY_TIMEOUT).await {
        Ok(body) => return Ok(body),
        Err(fault) => fault,
    };
    Err(match fault {
        BodyFault::TooLarge => Refusal::new(
            ErrorCode::GenericRequestEntityTooLarge,
            format!("The body has more than {BODY_BYTES_MAX} bytes."),
        ),
        BodyFault::Torn(error) => Refusal::new(
            ErrorCode::GenericBadRequest,
            format!("The body could not be read: {error}"),
        ),
        BodyFault::TooSlow => Refusal::new(
            ErrorCode::GenericBadRequest,
            format!(
                "The body did not arrive within {} s.",
                BODY_TIMEOUT.as_secs()
            ),
        ),
    })
}
