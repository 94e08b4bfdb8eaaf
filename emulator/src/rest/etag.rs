//! The `If-Match` header, in all the forms that clients send.

use hub_core::registry::IfMatch;
use hyper::HeaderMap;
use hyper::header::IF_MATCH;

/// Reads the precondition of a write. Quotes and a leading `W/` do not count, for the star neither:
/// Python, Node, C# and the CLI send `"*"`.
pub(super) fn if_match(headers: &HeaderMap) -> IfMatch {
    let Some(value) = headers.get(IF_MATCH) else {
        return IfMatch::Absent;
    };
    // What is not text is no etag of ours either: it matches nothing.
    let text = value.to_str().unwrap_or_default().trim();
    let text = text.strip_prefix("W/").unwrap_or(text);
    let bare = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text);
    match bare {
        "*" => IfMatch::Any,
        etag => IfMatch::Etag(etag.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn every_form_that_clients_send_is_read() {
        // REST-4
        let etag = |text: &str| IfMatch::Etag(text.to_owned());
        let cases = [
            ("*", IfMatch::Any),
            ("\"*\"", IfMatch::Any),
            ("W/\"*\"", IfMatch::Any),
            ("\"AAAAAAAAAAE=\"", etag("AAAAAAAAAAE=")),
            ("AAAAAAAAAAE=", etag("AAAAAAAAAAE=")),
            ("W/\"AAAAAAAAAAE=\"", etag("AAAAAAAAAAE=")),
            ("\"\"", etag("")),
            ("\"", etag("\"")),
            ("\u{e9}", etag("")),
        ];
        for (text, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, HeaderValue::from_bytes(text.as_bytes()).unwrap());
            assert_eq!(if_match(&headers), expected, "{text}");
        }
        assert_eq!(if_match(&HeaderMap::new()), IfMatch::Absent);
    }
}
