//! Queries over twins, page by page.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hub_core::HubError;
use hub_core::query::Query;
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::DeviceId;
use hyper::header::HeaderName;
use hyper::{HeaderMap, Method};
use sha1::{Digest, Sha1};

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::JsonObject;
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, json, set};
use super::request::header;

/// Queries.
pub(super) const OPERATIONS: &[Operation] = &[Operation {
    name: "Query_GetTwins",
    verb: Method::POST,
    path: "devices/query",
    need: Need::ServiceConnect,
    fidelity: Fidelity::Partial("the greater part of the query language"),
    shape: Shape::Legacy,
    answer: Answer::WithBody(run),
    document: Document {
        summary: "Runs a query, page by page.",
        query: &[],
        headers: &["x-ms-continuation", "x-ms-max-item-count"],
        body: Body::Json("QuerySpecification"),
        answers: &[(200, "QueryResult")],
        errors: &[ErrorCode::ArgumentNull],
    },
}];

const ITEMS_DEFAULT: usize = 100;
/// A client that asks for more gets this many: the real hub clamps as well.
const ITEMS_MAX: usize = 1000;
const QUERY_CHARS_MAX: usize = 8192;
/// Half of a SHA-1: enough to notice another query.
const DIGEST_BYTES: usize = 10;
pub(super) const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
pub(super) const ITEM_TYPE: HeaderName = HeaderName::from_static("x-ms-item-type");

/// `POST /devices/query`.
fn run(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let text = read_text(body)?;
    let query = Query::parse(&text).map_err(|error| match HubError::from(error) {
        gap @ HubError::NotImplemented(_) => Refusal::from(gap),
        // The real hub says "BadRequest" and no more; what follows is for the developer.
        error => Refusal::argument(error.to_string()).prefixed("BadRequest: "),
    })?;
    let limit = read_limit(call.headers())?;
    let after = match call.header(CONTINUATION.as_str()) {
        Some(token) => Some(read_token(token, &text)?),
        None => None,
    };
    let page = call.hub.query(&query, after.as_ref(), limit)?;
    let mut reply = json(format!("[{}]", page.items.join(",")));
    // C# parses this with an eye on case.
    set(&mut reply, ITEM_TYPE, "Twin");
    if let Some(next_after) = page.next_after {
        // Left out on the last page: Node takes an empty text for one more page, for ever.
        set(&mut reply, CONTINUATION, &print_token(&next_after, &text));
    }
    Ok(reply)
}

fn read_text(body: &[u8]) -> Result<String, Refusal> {
    let text = JsonObject::parse(body)?.string("query")?;
    let text =
        text.ok_or_else(|| Refusal::from(HubError::Missing("query")).prefixed("BadRequest: "))?;
    if text.chars().count() > QUERY_CHARS_MAX {
        return Err(Refusal::argument(format!(
            "BadRequest: the query has more than {QUERY_CHARS_MAX} characters"
        )));
    }
    Ok(text)
}

fn read_limit(headers: &HeaderMap) -> Result<usize, Refusal> {
    let Some(text) = header(headers, "x-ms-max-item-count") else {
        return Ok(ITEMS_DEFAULT);
    };
    page_size(text, "x-ms-max-item-count")
}

/// Reads the size of a page; nothing is the usual one, and a larger one than there are is the largest.
pub(super) fn page_size(text: &str, name: &str) -> Result<usize, Refusal> {
    match text.parse::<usize>() {
        Ok(limit) if limit > 0 => Ok(limit.min(ITEMS_MAX)),
        _ if text.is_empty() => Ok(ITEMS_DEFAULT),
        _ => Err(Refusal::argument(format!(
            "{name} '{text}' is not a page size"
        ))),
    }
}

/// A token says after which device to go on, and of which query it is. It holds no state of ours, so
/// it is good for ever and on any connection.
fn print_token(after: &DeviceId, query: &str) -> String {
    let mut token = digest(query).to_vec();
    token.extend_from_slice(after.as_str().as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(token)
}

fn read_token(token: &str, query: &str) -> Result<DeviceId, Refusal> {
    let unreadable = || Refusal::argument("BadRequest: the continuation token cannot be read");
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| unreadable())?;
    let (of_query, after) = bytes
        .split_at_checked(DIGEST_BYTES)
        .ok_or_else(unreadable)?;
    if of_query != digest(query) {
        return Err(Refusal::argument(
            "BadRequest: the continuation token is of another query",
        ));
    }
    let after = std::str::from_utf8(after).map_err(|_| unreadable())?;
    DeviceId::parse(after).map_err(|_| unreadable())
}

fn digest(query: &str) -> [u8; DIGEST_BYTES] {
    let whole = Sha1::digest(query.as_bytes());
    std::array::from_fn(|index| whole[index])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_query_only() {
        // Q-3
        let id = DeviceId::parse("dev#1").unwrap();
        let token = print_token(&id, "SELECT * FROM devices");
        assert!(token.is_ascii());
        assert_eq!(read_token(&token, "SELECT * FROM devices"), Ok(id));
        let other = read_token(&token, "SELECT * FROM devices ").unwrap_err();
        assert_eq!(
            other.text(),
            "BadRequest: the continuation token is of another query"
        );
        for broken in ["token-from-previous-page", "?", "", "AAAA"] {
            assert!(
                read_token(broken, "SELECT * FROM devices").is_err(),
                "{broken}"
            );
        }
    }

    #[test]
    fn page_sizes_are_clamped_and_nonsense_is_refused() {
        let limit = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-ms-max-item-count", text.parse().unwrap());
            read_limit(&headers).ok()
        };
        assert_eq!(read_limit(&HeaderMap::new()), Ok(100));
        let cases = [
            ("1", Some(1)),
            ("1000", Some(1000)),
            ("5000", Some(1000)),
            ("", Some(100)),
        ];
        for (text, expected) in cases {
            assert_eq!(limit(text), expected, "{text}");
        }
        for text in ["0", "-1", "many"] {
            assert_eq!(limit(text), None, "{text}");
        }
    }

    #[test]
    fn a_body_without_a_query_says_so() {
        assert_eq!(
            read_text(b"{}").unwrap_err().text(),
            "BadRequest: query is required"
        );
        assert_eq!(
            read_text(br#"{"query":null}"#).unwrap_err().text(),
            "BadRequest: query is required"
        );
        let long = format!(r#"{{"query":"{}"}}"#, "x".repeat(QUERY_CHARS_MAX + 1));
        assert!(read_text(long.as_bytes()).is_err());
        assert_eq!(read_text(br#"{"Query":"SELECT"}"#), Ok("SELECT".to_owned()));
    }

    proptest! {
        #[test]
        fn any_token_is_read_or_refused(token in "\\PC{0,48}", id in "[A-Za-z0-9#$]{1,16}") {
            let _ = read_token(&token, "SELECT");
            let id = DeviceId::parse(&id).unwrap();
            prop_assert_eq!(read_token(&print_token(&id, "SELECT"), "SELECT"), Ok(id));
        }
    }
}
