//! What every operation reads of a request before its own part: verb, api-version, body.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use http_body_util::BodyExt;
use hub_proto::error_code::ErrorCode;
use hyper::body::{Body, Bytes};
use hyper::header::HeaderName;
use hyper::{HeaderMap, Method, Request, Uri};

use super::error::Refusal;
use crate::http::query_parameter;

/// No operation of the hub has a larger body; bulk imports stay well below.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How much of a body that is too large is read all the same.
const DISCARDED_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;
/// How long that may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The verb meant: Java sends `POST` with an override where it cannot send `PATCH`.
pub(super) fn verb<B>(request: &Request<B>) -> Method {
    let is_patch = || {
        let overriding = request.headers().get(METHOD_OVERRIDE);
        overriding.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"PATCH"))
    };
    if *request.method() == Method::POST && is_patch() {
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

/// Reads the whole body, and keeps never more than the bound. A larger one is read on for a while and
/// forgotten: a socket closed with bytes unread is reset, and the client would see that instead of the
/// answer.
pub(super) async fn read_body<B>(body: B) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display + Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > BODY_BYTES_MAX {
        if announced <= DISCARDED_BYTES_MAX {
            // Whether it comes or not, the answer is known.
            let _ = tokio::time::timeout(DISCARD_TIMEOUT, collect(body)).await;
        }
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, collect(body)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err(too_large()),
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

/// The bytes of a body; `None` if they are more than the bound.
async fn collect<B>(body: B) -> Result<Option<Bytes>, B::Error>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let (mut kept, mut bytes) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await.transpose()? {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        // Nearly every body comes in one piece, which needs no copy.
        if bytes == 0 && body.is_end_stream() && data.len() <= BODY_BYTES_MAX {
            return Ok(Some(data));
        }
        bytes = bytes.saturating_add(data.len());
        if bytes > DISCARDED_BYTES_MAX {
            break;
        }
        if bytes <= BODY_BYTES_MAX {
            kept.extend_from_slice(&data);
        }
    }
    Ok((bytes <= BODY_BYTES_MAX).then(|| kept.into()))
}

fn too_large() -> Refusal {
    Refusal::new(
        ErrorCode::GenericRequestEntityTooLarge,
        format!("The body has more than {BODY_BYTES_MAX} bytes."),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body_util::Full;
    use hyper::body::{Frame, SizeHint};

    use super::*;

    #[test]
    fn every_version_a_client_sends_is_accepted_and_nothing_else() {
        // REST-2
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
        // REST-5
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
        // REST-7
        let body = |bytes: usize| Full::new(Bytes::from(vec![b' '; bytes]));
        assert_eq!(
            read_body(body(BODY_BYTES_MAX)).await.unwrap().len(),
            BODY_BYTES_MAX
        );
        let refusal = read_body(body(BODY_BYTES_MAX + 1)).await.unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::GenericRequestEntityTooLarge);
    }

    /// A body of so many megabytes that counts what is taken of it.
    #[derive(Debug)]
    struct Megabytes<'a> {
        left: usize,
        taken: &'a Cell<usize>,
    }

    impl Body for Megabytes<'_> {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            self.left -= 1;
            self.taken.set(self.taken.get() + 1);
            let megabyte = Bytes::from(vec![b' '; 1024 * 1024]);
            Poll::Ready(Some(Ok(Frame::data(megabyte))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.left as u64 * 1024 * 1024)
        }
    }

    /// A client that sent three megabytes saw its socket reset: the refusal came before the body was
    /// read, and closing with bytes unread overtook it.
    #[tokio::test]
    async fn a_body_that_is_too_large_is_read_on_so_that_its_refusal_can_arrive() {
        for (left, expected) in [(3, 3), (16, 16), (17, 0)] {
            let taken = Cell::new(0);
            let body = Megabytes {
                left,
                taken: &taken,
            };
            let refusal = read_body(body).await.unwrap_err();
            assert_eq!(refusal.code(), ErrorCode::GenericRequestEntityTooLarge);
            assert_eq!(taken.get(), expected);
        }
    }
}
