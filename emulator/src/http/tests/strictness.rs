//! What no client should send, and what ours and hyper's server make of it. Where ours is stricter, it
//! is so on purpose: what two servers understand differently lets requests be smuggled past the one in front.

use std::fmt::Write;

use super::oracle::hypers;
use super::support::{Outcome, ours, virtually};

/// Name and bytes.
const CASES: &[(&str, &[u8])] = &[
    ("length and chunked", b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunked and length", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
    ("two lengths", b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ("one length twice", b"POST / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\na"),
    ("list of lengths", b"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\na"),
    ("signed length", b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na"),
    ("negative length", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
    ("empty length", b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n"),
    ("hexadecimal length", b"POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\na"),
    ("length beyond 64 bits", b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551617\r\n\r\na"),
    ("chunked twice", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunked in a list twice", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("gzip, chunked", b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked, gzip", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ("identity", b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n"),
    ("xchunked", b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("chunked behind a tab", b"POST / HTTP/1.1\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n"),
    ("chunked behind a vertical tab", b"POST / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("chunked in quotes", b"POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ("chunked in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("space before the colon", b"POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("space in a name", b"GET / HTTP/1.1\r\nA b: c\r\n\r\n"),
    ("no name", b"GET / HTTP/1.1\r\n: c\r\n\r\n"),
    ("no colon", b"GET / HTTP/1.1\r\nAbc\r\n\r\n"),
    ("control in a name", b"GET / HTTP/1.1\r\nA\x01: c\r\n\r\n"),
    ("folded line", b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"),
    ("folded first line", b"GET / HTTP/1.1\r\n A: b\r\n\r\n"),
    ("zero in a value", b"GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n"),
    ("CR in a value", b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n"),
    ("CR CR LF", b"GET / HTTP/1.1\r\nA: b\r\r\n\r\n"),
    ("LF alone behind a value", b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n"),
    ("LF alone behind the request line", b"GET / HTTP/1.1\nA: b\r\n\r\n"),
    ("LF alone everywhere", b"GET / HTTP/1.1\nA: b\n\n"),
    ("LF alone at the end", b"GET / HTTP/1.1\r\nA: b\r\n\n"),
    ("LF alone before the request", b"\nGET / HTTP/1.1\r\n\r\n"),
    ("empty line before the request", b"\r\nGET / HTTP/1.1\r\n\r\n"),
    ("two spaces", b"GET  / HTTP/1.1\r\n\r\n"),
    ("space in the target", b"GET /a b HTTP/1.1\r\n\r\n"),
    ("tab for a space", b"GET\t/ HTTP/1.1\r\n\r\n"),
    ("space at the end", b"GET / HTTP/1.1 \r\n\r\n"),
    ("no version", b"GET /\r\n\r\n"),
    ("HTTP/0.9", b"GET / HTTP/0.9\r\n\r\n"),
    ("HTTP/1.2", b"GET / HTTP/1.2\r\n\r\n"),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\n\r\n"),
    ("http/1.1", b"GET / http/1.1\r\n\r\n"),
    ("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    ("fragment", b"GET /a#b HTTP/1.1\r\n\r\n"),
    ("target without a slash", b"GET a HTTP/1.1\r\n\r\n"),
    ("target of another scheme", b"GET ftp://h/a HTTP/1.1\r\n\r\n"),
    ("quotes in a target", b"GET /\"{}\" HTTP/1.1\r\n\r\n"),
    ("angles in a target", b"GET /<a> HTTP/1.1\r\n\r\n"),
    ("UTF-8 in a target", b"GET /\xc3\xa4 HTTP/1.1\r\n\r\n"),
    ("no UTF-8 in a target", b"GET /\xff HTTP/1.1\r\n\r\n"),
    ("CONNECT", b"CONNECT h:1 HTTP/1.1\r\n\r\n"),
    ("chunk ends in LF", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n"),
    ("chunk without its end", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n"),
    ("signed chunk", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n"),
    ("chunk of 0x1", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n"),
    ("chunk with a space", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n"),
    ("LF in an extension", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nx\r\n0\r\n\r\n"),
    ("CR in an extension", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a\rb\r\nx\r\n0\r\n\r\n"),
    ("chunk of 13 digits", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0000000000001\r\nx\r\n0\r\n\r\n"),
    ("trailer that ends in LF", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n"),
    ("request behind a close", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\n\r\n"),
    ("keep-alive behind a close", b"GET / HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n"),
];

#[test]
fn what_no_client_should_send_is_refused_at_least_as_strictly_as_hyper_does() {
    // REST-14
    let mut table = String::new();
    for (name, bytes) in CASES {
        let (ours, hypers) = virtually(async { (ours(&[bytes]).await, hypers(&[bytes]).await) });
        let whole =
            |outcome: &Outcome| outcome.seen.iter().filter(|one| one.body.is_some()).count();
        assert!(whole(&ours) <= whole(&hypers), "{name}");
        let (ours, hypers) = (told(&ours), told(&hypers));
        let beside = if ours == hypers {
            ""
        } else {
            &*format!("hyper: {hypers}")
        };
        writeln!(
            table,
            "{}",
            format!("{name:34}{ours:18}{beside}").trim_end()
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}

/// Each answer's status, with a dot where a handler saw a request; and whether the connection lives.
fn told(outcome: &Outcome) -> String {
    let bodies = outcome.seen.iter().map(|seen| match seen.body {
        Some(_) => "seen ",
        None => "torn ",
    });
    let end = if outcome.is_alive { "open" } else { "end" };
    let statuses = outcome.statuses().join(" ");
    format!("{}{statuses} {end}", bodies.collect::<String>())
}
