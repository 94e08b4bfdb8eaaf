//! Our server beside hyper's: the same bytes, torn in the same places, show their handlers the same
//! requests, and leave the connection in the same state.

use std::convert::Infallible;
use std::sync::Mutex;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use proptest::prelude::*;
use tokio::io::duplex;

use super::support::{BOUNDS, Outcome, Seen, finished, ours, send, torn, virtually};

/// What hyper's server makes of `pieces`.
pub(super) async fn hypers(pieces: &[&[u8]]) -> Outcome {
    let (near, far) = duplex(1024 * 1024);
    let seen = Mutex::new(Vec::new());
    let service = service_fn(|request: Request<Incoming>| {
        let query = request.uri().query().map(|query| format!("?{query}"));
        let (method, path) = (request.method(), request.uri().path());
        let line = format!("{method} {path}{}", query.unwrap_or_default());
        let fields = request.headers().iter();
        let fields = fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        let mut one = Seen::new(line, fields);
        let seen = &seen;
        async move {
            let body = request.into_body().collect().await;
            one.body = body.ok().map(|body| body.to_bytes().to_vec());
            seen.lock().unwrap().push(one);
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("ok")))
        }
    });
    let mut builder = http1::Builder::new();
    let builder = builder
        .timer(TokioTimer::new())
        .header_read_timeout(BOUNDS.within)
        .max_header_size(BOUNDS.bytes);
    let served = builder.serve_connection(TokioIo::new(far), service);
    let (answers, is_alive) = tokio::select! {
        told = send(near, pieces) => told,
        () = finished(served) => unreachable!("the client ends first"),
    };
    Outcome {
        seen: seen.into_inner().unwrap(),
        answers,
        is_alive,
    }
}

/// One request of a stream of them.
#[derive(Clone, Debug)]
struct Sent {
    verb: &'static str,
    target: String,
    is_http_10: bool,
    connection: Option<&'static str>,
    fields: Vec<(String, String)>,
    body: SentBody,
}

#[derive(Clone, Debug)]
enum SentBody {
    None,
    Sized(Vec<u8>),
    Chunked(Vec<Vec<u8>>, bool),
}

impl Sent {
    fn print(&self, out: &mut Vec<u8>) {
        let version = if self.is_http_10 { "1.0" } else { "1.1" };
        let (verb, target) = (self.verb, &self.target);
        out.extend_from_slice(format!("{verb} {target} HTTP/{version}\r\n").as_bytes());
        for (name, value) in &self.fields {
            out.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
        }
        if let Some(connection) = self.connection {
            out.extend_from_slice(format!("Connection: {connection}\r\n").as_bytes());
        }
        match &self.body {
            SentBody::None => out.extend_from_slice(b"\r\n"),
            SentBody::Sized(body) => {
                out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                out.extend_from_slice(body);
            }
            SentBody::Chunked(chunks, has_trailer) => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in chunks {
                    out.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(if *has_trailer {
                    b"0\r\nX-Trailer: y\r\n\r\n"
                } else {
                    b"0\r\n\r\n"
                });
            }
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let verb = prop::sample::select(vec![
        "GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "X-Y",
    ]);
    let target = prop_oneof![
        "/[a-zA-Z0-9/%._~:@$&+;=-]{0,40}(\\?[a-zA-Z0-9=&%/?-]{0,30})?",
        Just("*".to_owned()),
        "http://hub\\.localhost(:80)?(/[a-z]{0,5})?(\\?[a-z]{0,3})?",
    ];
    let connection = prop::option::of(prop::sample::select(vec![
        "close",
        "keep-alive",
        "Keep-Alive",
        "x, Close",
        "x",
    ]));
    let fields = prop::collection::vec(
        (
            "[xX]-[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}",
            "[ \t]{0,2}[!-~][ -~]{0,20}[!-~][ \t]{0,2}",
        ),
        0..6,
    );
    let bytes = || prop::collection::vec(any::<u8>(), 1..60);
    let body = prop_oneof![
        2 => Just(SentBody::None),
        2 => bytes().prop_map(SentBody::Sized),
        1 => (prop::collection::vec(bytes(), 0..4), any::<bool>())
            .prop_map(|(chunks, has_trailer)| SentBody::Chunked(chunks, has_trailer)),
    ];
    let parts = (
        verb,
        target,
        prop::bool::weighted(0.2),
        connection,
        fields,
        body,
    );
    parts.prop_map(|(verb, target, is_http_10, connection, fields, body)| {
        let is_chunked = matches!(body, SentBody::Chunked(..));
        Sent {
            verb,
            target,
            is_http_10: is_http_10 && !is_chunked,
            connection,
            fields,
            body,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn requests_are_understood_as_hyper_understands_them(
        requests in prop::collection::vec(sent(), 1..4),
        places in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut bytes = Vec::new();
        for request in &requests {
            request.print(&mut bytes);
        }
        let pieces = torn(&bytes, &places);
        let (ours, hypers) = virtually(async { (ours(&pieces).await, hypers(&pieces).await) });
        prop_assert_eq!(&ours.seen, &hypers.seen);
        prop_assert_eq!(ours.statuses(), hypers.statuses());
        prop_assert_eq!(ours.is_alive, hypers.is_alive);
    }

    #[test]
    fn bytes_of_any_kind_neither_panic_nor_wake_a_handler_that_hypers_would_not(
        start in prop_oneof![Just(""), Just("GET / HTTP/1.1\r\n"), Just("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")],
        noise in "[ -~\r\n\t\u{0}\u{7f}\u{e4}:0-9a-f]{0,80}",
        places in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let bytes = format!("{start}{noise}").into_bytes();
        let pieces = torn(&bytes, &places);
        let (ours, hypers) = virtually(async { (ours(&pieces).await, hypers(&pieces).await) });
        prop_assert!(ours.seen.len() <= hypers.seen.len());
        for (ours, hypers) in ours.seen.iter().zip(&hypers.seen) {
            prop_assert_eq!(&ours.line, &hypers.line);
            if ours.body.is_some() {
                prop_assert_eq!(&ours, &hypers);
            }
        }
    }
}

#[test]
fn requests_torn_at_every_place_are_the_same_requests() {
    let stream = b"PUT /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
        POST /d HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nxy\r\n1;e=f\r\nz\r\n0\r\nT: t\r\n\r\n\
        \r\nGET http://h/e HTTP/1.1\r\n\r\nGET /f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n\
        DELETE /g HTTP/1.1\r\nCONNECTION: Close\r\n\r\n";
    let whole = virtually(ours(&[stream]));
    assert_eq!(whole.statuses(), ["200"; 5]);
    assert!(!whole.is_alive);
    assert_eq!(whole.seen, virtually(hypers(&[stream])).seen);
    for at in 1..stream.len() {
        let (front, back) = stream.split_at(at);
        assert_eq!(virtually(ours(&[front, back])), whole, "{at}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(virtually(ours(&bytes)), whole);
}
