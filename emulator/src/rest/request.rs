//! What every operation reads of a request before its own part: verb, api-version, body.

use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hub_proto::error_code::ErrorCode;
use hyper::body::{Body, Bytes};
use hyper::{HeaderMap, Method, Request, Uri};

use super::error::Refusal;
use crate::http::query_parameter;

/// No operation of the hub has a larger body; bulk imports stay well below.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// The verb meant: Java sends `POST` with an override where it cannot send `PATCH`.
pub(super) fn verb<B>(request: &Request<B>) -> Method {
    let overriding = request.headers().get("x-http-method-override");
    let is_patch = overriding.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"PATCH"));
    if is_patch && *request.method() == Method::POST {
        return Method::PATCH;
    }
    request.method().clone()
}

/// Checks that the client named a version of the API. Every date is as good as the other: the real
/// hub serves versions years apart in the same way.
pub(super) fn check_api_version(uri: &Uri) -> Result<(), Refusal> {
    let problem = match query_parameter(uri, "api-version") {
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
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then_some(text)
}

/// Reads the whole body, never more than the bound.
pub(super) async fn read_body<B>(body: B) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display + Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > BODY_BYTES_MAX {
        return Err(too_large());
    }
    let whole = Limited::new(body, BODY_BYTES_MAX).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::new(
            ErrorCode::GenericBadRequest,
            format!("The body could not be read: {error}"),
        )),
        Err(_) => Err(Refusal::new(
            ErrorCode::GenericBadRequest,
            format!(
                "The body did not arrive within {} s.",
                BODY_TIMEOUT.as_secs()
            ),
        )),
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        ErrorCode::GenericRequestEntityTooLarge,
        format!("The body has more than {BODY_BYTES_MAX} bytes."),
    )
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn every_version_a_client_sends_is_accepted_and_nothing_else() {
        let good = [
            "2021-04-12",
            "2020-05-31-preview",
            "2016-11-14",
            "2024-03-31",
        ];
        for version in good {
            let uri = format!("/devices?top=1&api-version={version}")
                .parse()
                .unwrap();
            assert_eq!(check_api_version(&uri), Ok(()), "{version}");
        }
        let bad = [
            "/devices",
            "/d?api-version=",
            "/d?api-version=1",
            "/d?api-version=2021-04-1x",
        ];
        for path in bad {
            let refusal = check_api_version(&path.parse().unwrap()).unwrap_err();
            assert_eq!(refusal.code(), ErrorCode::InvalidProtocolVersion, "{path}");
        }
    }

    #[test]
    fn only_a_post_can_be_overridden_to_patch() {
        let verb_of = |method: Method| {
            let request = Request::builder()
                .method(method)
                .header("X-HTTP-Method-Override", "PATCH");
            verb(&request.body(()).unwrap())
        };
        assert_eq!(verb_of(Method::POST), Method::PATCH);
        assert_eq!(verb_of(Method::GET), Method::GET);
    }

    #[tokio::test]
    async fn a_body_over_the_bound_is_refused_and_one_at_the_bound_is_not() {
        let body = |bytes: usize| Full::new(Bytes::from(vec![b' '; bytes]));
        assert_eq!(
            read_body(body(BODY_BYTES_MAX)).await.unwrap().len(),
            BODY_BYTES_MAX
        );
        let refusal = read_body(body(BODY_BYTES_MAX + 1)).await.unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::GenericRequestEntityTooLarge);
    }
}
