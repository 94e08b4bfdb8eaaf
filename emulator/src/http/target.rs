//! Whom and what a request asks for: the host and the parameters of the query.

use std::borrow::Cow;

use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::{Request, Uri};
use percent_encoding::percent_decode_str;

/// The host asked for, without port: of the request line if it has one, else of the `Host` header.
/// Two such headers name none (RFC 9112, section 3.2): a proxy may have believed the other one.
pub(crate) fn host<B>(request: &Request<B>) -> Option<String> {
    if let Some(host) = request.uri().host() {
        return Some(host.to_owned());
    }
    let mut values = request.headers().get_all(HOST).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let authority = Authority::try_from(value.as_bytes()).ok()?;
    Some(authority.host().to_owned())
}

/// The first query parameter of that name, decoded.
pub(crate) fn query_parameter<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    uri.query()?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_named = decoded(key).eq_ignore_ascii_case(name);
        is_named.then(|| decoded(value))
    })
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
            let request = Request::get("/").header(HOST, header).body(()).unwrap();
            assert_eq!(host(&request).as_deref(), expected, "{header}");
        }
        assert_eq!(host(&Request::get("/").body(()).unwrap()), None);
        let twice = Request::get("/")
            .header(HOST, "localhost")
            .header(HOST, "x");
        assert_eq!(host(&twice.body(()).unwrap()), None);
        let absolute = Request::get("http://hub.localhost:1/")
            .header(HOST, "x")
            .body(())
            .unwrap();
        assert_eq!(host(&absolute).as_deref(), Some("hub.localhost"));
    }

    #[test]
    fn the_first_parameter_of_a_name_is_decoded_whatever_its_case() {
        let uri: Uri = "/d?TOP=1&a%2Db=x%20y&top=2&flag".parse().unwrap();
        let cases = [
            ("top", Some("1")),
            ("a-b", Some("x y")),
            ("flag", Some("")),
            ("none", None),
        ];
        for (name, expected) in cases {
            assert_eq!(query_parameter(&uri, name).as_deref(), expected, "{name}");
        }
    }
}
