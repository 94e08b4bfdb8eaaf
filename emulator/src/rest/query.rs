//! Queries over twins, page by page.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hub_core::HubError;
use hub_core::jobs::{JobNumber, RowCursor};
use hub_core::query::{GroupKey, Query};
use hub_proto::error_code::ErrorCode;
use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hyper::Method;
use hyper::body::Bytes;
use sha1::{Digest, Sha1};

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::JsonObject;
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, json};
use super::request::header;
use crate::http::Head;
use crate::hub::{QueryCursor, QueryPlace};

/// Queries.
pub(super) const OPERATIONS: &[Operation] = &[Operation {
    name: "Query_GetTwins",
    verb: Method::POST,
    path: "devices/query",
    need: Need::ServiceConnect,
    fidelity: Fidelity::Exact,
    shape: Shape::Legacy,
    answer: Answer::Later(|call, body| Box::pin(run(call, body))),
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
pub(super) const CONTINUATION: &str = "x-ms-continuation";
pub(super) const ITEM_TYPE: &str = "x-ms-item-type";

/// `POST /devices/query`.
async fn run(call: &Call<'_>, body: Bytes) -> Result<Reply, Refusal> {
    let text = read_text(&body)?;
    let query = Query::parse(&text).map_err(|error| {
        // The real hub says "BadRequest" and no more; what follows is for the developer.
        Refusal::argument(error.to_string()).prefixed("BadRequest: ")
    })?;
    let limit = read_limit(call.head())?;
    let after = match call.header(CONTINUATION) {
        Some(token) => Some(read_token(token, &text)?),
        None => None,
    };
    let page = call.hub.query(&query, after.as_ref(), limit).await?;
    let mut reply = json(format!("[{}]", page.items.join(",")));
    // C# parses this with an eye on case.
    reply.set(ITEM_TYPE, query.item_type().as_str());
    if let Some(next) = page.next {
        // Left out on the last page: Node takes an empty text for one more page, for ever.
        reply.set(CONTINUATION, &print_token(&next, &text));
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

fn read_limit(head: &Head) -> Result<usize, Refusal> {
    let Some(text) = header(head, "x-ms-max-item-count") else {
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

/// A token says of which query it is, how many items were served, and behind what to go on. It holds no
/// state of ours, so it is good for ever and on any connection.
fn print_token(cursor: &QueryCursor, query: &str) -> String {
    let mut token = digest(query).to_vec();
    token.extend(cursor.served.to_be_bytes());
    match &cursor.place {
        QueryPlace::Client(client) => {
            token.push(CLIENT);
            token.extend(client.to_string().as_bytes());
        }
        QueryPlace::Group(key) => {
            token.push(GROUP);
            token.extend(key.as_bytes());
        }
        QueryPlace::JobRow(cursor) => {
            token.push(JOB_ROW);
            token.extend(cursor.job.0.to_be_bytes());
            // Rows are as many as devices, which 32 bits count.
            token.extend(u32::try_from(cursor.row).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    BASE64_URL_SAFE_NO_PAD.encode(token)
}

const CLIENT: u8 = b'c';
const GROUP: u8 = b'g';
const JOB_ROW: u8 = b'j';

fn read_token(token: &str, query: &str) -> Result<QueryCursor, Refusal> {
    let unreadable = || Refusal::argument("BadRequest: the continuation token cannot be read");
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| unreadable())?;
    let (of_query, rest) = bytes
        .split_first_chunk::<DIGEST_BYTES>()
        .ok_or_else(unreadable)?;
    if *of_query != digest(query) {
        return Err(Refusal::argument(
            "BadRequest: the continuation token is of another query",
        ));
    }
    let (served, place) = rest.split_first_chunk().ok_or_else(unreadable)?;
    Ok(QueryCursor {
        served: u64::from_be_bytes(*served),
        place: read_place(place).ok_or_else(unreadable)?,
    })
}

fn read_place(bytes: &[u8]) -> Option<QueryPlace> {
    let (kind, rest) = bytes.split_first()?;
    match *kind {
        CLIENT => {
            let name = std::str::from_utf8(rest).ok()?;
            // No id has a slash.
            let (device, module) = match name.split_once('/') {
                Some((device, module)) => (device, Some(module)),
                None => (name, None),
            };
            let device = DeviceId::parse(device).ok()?;
            Some(QueryPlace::Client(match module {
                Some(module) => ClientIdentity::module(device, ModuleId::parse(module).ok()?),
                None => ClientIdentity::Device(device),
            }))
        }
        GROUP => Some(QueryPlace::Group(GroupKey::new(rest))),
        JOB_ROW => {
            let (job, row) = rest.split_first_chunk()?;
            let row = u32::from_be_bytes(row.try_into().ok()?);
            Some(QueryPlace::JobRow(RowCursor {
                job: JobNumber(u64::from_be_bytes(*job)),
                row: usize::try_from(row).ok()?,
            }))
        }
        _ => None,
    }
}

fn digest(query: &str) -> [u8; DIGEST_BYTES] {
    let whole = Sha1::digest(query.as_bytes());
    std::array::from_fn(|index| whole[index])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::testing::head;

    fn cursor(client: &str) -> QueryCursor {
        let mut place = vec![CLIENT];
        place.extend(client.as_bytes());
        QueryCursor {
            served: 7,
            place: read_place(&place).unwrap(),
        }
    }

    #[test]
    fn a_token_is_good_for_its_own_query_only() {
        // Q-3
        let group = QueryCursor {
            served: u64::MAX,
            place: QueryPlace::Group(GroupKey::new(&[0, 255, 5])),
        };
        let row = QueryCursor {
            served: 0,
            place: QueryPlace::JobRow(RowCursor {
                job: JobNumber(3),
                row: 1_000_000,
            }),
        };
        for cursor in [cursor("dev#1"), cursor("dev#1/$edgeAgent"), group, row] {
            let token = print_token(&cursor, "SELECT * FROM devices");
            assert!(token.is_ascii());
            assert_eq!(read_token(&token, "SELECT * FROM devices"), Ok(cursor));
            let other = read_token(&token, "SELECT * FROM devices ").unwrap_err();
            assert_eq!(
                other.text(),
                "BadRequest: the continuation token is of another query"
            );
        }
        for broken in ["token-from-previous-page", "?", "", "AAAA"] {
            assert!(
                read_token(broken, "SELECT * FROM devices").is_err(),
                "{broken}"
            );
        }
        for place in [
            "",
            "x",
            "c",
            "cdev/",
            "c/m",
            "cdev 1",
            "cd/m/n",
            "j",
            "j12345678",
        ] {
            assert_eq!(read_place(place.as_bytes()), None, "{place}");
        }
    }

    #[test]
    fn page_sizes_are_clamped_and_nonsense_is_refused() {
        let limit = |text: &str| {
            let line = format!("x-ms-max-item-count: {text}");
            read_limit(&head(&format!("POST / HTTP/1.1\r\n{line}\r\n\r\n"))).ok()
        };
        assert_eq!(read_limit(&head("POST / HTTP/1.1\r\n\r\n")), Ok(100));
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
            let cursor = cursor(&id);
            let token = print_token(&cursor, "SELECT");
            prop_assert_eq!(read_token(&token, "SELECT"), Ok(cursor));
        }
    }
}
