//! The `If-Match` header, in all the forms that clients send.

use hub_core::registry::IfMatch;

use crate::http::{Head, printable};

/// Reads the precondition of a write. Quotes and a leading `W/` do not count, for the star neither:
/// Python, Node, C# and the CLI send `"*"`.
pub(super) fn if_match(head: &Head) -> IfMatch {
    let Some(value) = head.get("if-match") else {
        return IfMatch::Absent;
    };
    // What is not text is no etag of ours either: it matches nothing.
    let text = printable(value).unwrap_or_default().trim();
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
    use super::*;
    use crate::http::testing::head;

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
            let head = head(&format!("PUT / HTTP/1.1\r\nIf-Match: {text}\r\n\r\n"));
            assert_eq!(if_match(&head), expected, "{text}");
        }
        let without = head("PUT / HTTP/1.1\r\n\r\n");
        assert_eq!(if_match(&without), IfMatch::Absent);
    }
}
