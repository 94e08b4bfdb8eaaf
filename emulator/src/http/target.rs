//! Whom and what a request asks for: the host and the parameters of the query.

use std::borrow::Cow;

use hyper::http::uri::Authority;
use percent_encoding::percent_decode_str;

use super::head::Head;

/// The host asked for, without port: of the request line if it has one, else of the `Host` header.
/// Two such headers name none (RFC 9112, section 3.2): a proxy may have believed the other one.
pub(crate) fn host(head: &Head) -> Option<String> {
    let authority = match head.authority() {
        Some(authority) => authority.as_bytes(),
        None => only_host(head)?,
    };
    let authority = Authority::try_from(authority).ok()?;
    Some(authority.host().to_owned())
}

/// The one header that says all of the host; `None` if the request line or several headers have a say.
pub(crate) fn only_host(head: &Head) -> Option<&[u8]> {
    let mut values = head.all("host");
    let only = values.next().filter(|_| values.next().is_none());
    only.filter(|_| head.authority().is_none())
}

/// The first query parameter of that name, decoded.
pub(crate) fn query_parameter<'a>(head: &'a Head, name: &str) -> Option<Cow<'a, str>> {
    let mut rest = head.query()?;
    loop {
        // Queries are short: to look at each byte is faster than to set up a search.
        let end = rest.bytes().position(|byte| byte == b'&');
        let pair = &rest[..end.unwrap_or(rest.len())];
        let mark = pair.bytes().position(|byte| byte == b'=');
        let (key, value) = mark.map_or((pair, ""), |at| (&pair[..at], &pair[at + 1..]));
        let is_named = key.eq_ignore_ascii_case(name)
            || (key.contains('%') && decoded(key).eq_ignore_ascii_case(name));
        if is_named {
            return Some(decoded(value));
        }
        rest = &rest[end? + 1..];
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    if text.contains('%') {
        percent_decode_str(text).decode_utf8_lossy()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::head;
    use super::*;

    #[test]
    fn the_host_comes_without_port_and_with_brackets_as_sent() {
        let cases = [
            ("localhost", Some("localhost")),
            ("localhost:8443", Some("localhost")),
            ("[::1]:443", Some("[::1]")),
            ("127.0.0.1:443", Some("127.0.0.1")),
            ("", None),
            ("a b", None),
        ];
        for (header, expected) in cases {
            let head = head(&format!("GET / HTTP/1.1\r\nHost: {header}\r\n\r\n"));
            assert_eq!(host(&head).as_deref(), expected, "{header}");
        }
        assert_eq!(host(&head("GET / HTTP/1.1\r\n\r\n")), None);
        let twice = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: x\r\n\r\n";
        assert_eq!(host(&head(twice)), None);
        let absolute = "GET http://hub.localhost:1/ HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(host(&head(absolute)).as_deref(), Some("hub.localhost"));
    }

    #[test]
    fn the_first_parameter_of_a_name_is_decoded_whatever_its_case() {
        let head = head("GET /d?TOP=1&a%2Db=x%20y&top=2&flag HTTP/1.1\r\n\r\n");
        let cases = [
            ("top", Some("1")),
            ("a-b", Some("x y")),
            ("flag", Some("")),
            ("none", None),
        ];
        for (name, expected) in cases {
            assert_eq!(query_parameter(&head, name).as_deref(), expected, "{name}");
        }
    }
}
