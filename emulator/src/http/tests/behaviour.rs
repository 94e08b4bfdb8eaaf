//! How requests are answered, and what becomes of their connection.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use hyper::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::support::{BOUNDS, Recorder, finished, send, virtually};
use crate::http::{Answer, Body, Head, Service, serve};
use crate::stop::StopSwitch;

/// Answers as the path asks.
#[derive(Debug)]
struct Various;

impl Service for Various {
    async fn answer(&self, head: Head, mut body: Body<'_>) -> Answer {
        let pieces = |last: std::io::Result<Bytes>| {
            let first = Bytes::from_static(b"one");
            Box::pin(stream::iter([Ok(first), Ok(Bytes::new()), last]))
        };
        let two = || Ok(Bytes::from_static(b"two"));
        match head.path() {
            "/none" => Answer::new(StatusCode::NO_CONTENT, "never sent"),
            "/same" => Answer::new(StatusCode::NOT_MODIFIED, "never sent"),
            "/stream" => Answer::stream(pieces(two()), None),
            "/sized" => Answer::stream(pieces(two()), Some(6)),
            "/longer" => Answer::stream(pieces(two()), Some(5)),
            "/shorter" => Answer::stream(pieces(two()), Some(7)),
            "/broken" => Answer::stream(pieces(Err(std::io::Error::other("disk"))), None),
            "/waits" => Answer::stream(Box::pin(stream::pending()), None),
            "/described" => Answer::described(1234),
            "/upgrade" => Answer::new(StatusCode::SWITCHING_PROTOCOLS, Bytes::new()),
            "/closes" => {
                let mut answer = Answer::new(StatusCode::OK, "bye");
                answer.close();
                answer
            }
            "/reads" => {
                let body = body.whole(8, Duration::from_secs(5)).await;
                let text = body.map(|body| String::from_utf8_lossy(&body).into_owned());
                Answer::new(
                    StatusCode::OK,
                    text.unwrap_or_else(|fault| fault.to_string()),
                )
            }
            _ => {
                let mut answer = Answer::new(StatusCode::OK, "text");
                answer.push("ETag", "\"1\"");
                answer.push("x-lower", "a");
                answer.set("X-LOWER", "b");
                answer
            }
        }
    }
}

/// What the server sends, and whether it goes on.
async fn told(pieces: &[&[u8]]) -> (String, bool) {
    let (near, far) = duplex(1024 * 1024);
    let switch = StopSwitch::new();
    let stop = switch.token();
    tokio::select! {
        told = send(near, pieces) => told,
        () = finished(serve(far, BOUNDS, stop, &Various)) => unreachable!(),
    }
}

fn ask(line: &str) -> (String, bool) {
    virtually(told(&[format!("{line}\r\nHost: h\r\n\r\n").as_bytes()]))
}

#[test]
fn names_go_out_as_they_are_written_and_versions_get_their_own_keep_alive() {
    // REST-13
    let head = "ETag: \"1\"\r\nX-LOWER: b\r\ncontent-length: 4\r\n";
    let (answer, is_alive) = ask("GET / HTTP/1.1");
    assert_eq!(answer, format!("HTTP/1.1 200 OK\r\n{head}\r\ntext"));
    assert!(is_alive);
    let (answer, is_alive) = ask("GET / HTTP/1.0");
    let close = "connection: close\r\n";
    assert_eq!(answer, format!("HTTP/1.0 200 OK\r\n{head}{close}\r\ntext"));
    assert!(!is_alive);
    let (answer, is_alive) = ask("GET / HTTP/1.0\r\nConnection: Keep-Alive");
    let kept = "connection: keep-alive\r\n";
    assert_eq!(answer, format!("HTTP/1.0 200 OK\r\n{head}{kept}\r\ntext"));
    assert!(is_alive);
    let (answer, is_alive) = ask("GET / HTTP/1.1\r\nConnection: x, CLOSE");
    assert_eq!(answer, format!("HTTP/1.1 200 OK\r\n{head}{close}\r\ntext"));
    assert!(!is_alive);
    let (answer, is_alive) = ask("GET /closes HTTP/1.1");
    assert!(answer.contains("connection: close\r\n\r\nbye") && !is_alive);
}

#[test]
fn an_answer_has_a_body_where_http_has_one() {
    let cases = [
        (
            "HEAD /",
            "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nX-LOWER: b\r\ncontent-length: 4\r\n\r\n",
        ),
        (
            "HEAD /described",
            "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n",
        ),
        (
            "HEAD /stream",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        ),
        ("GET /none", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET /same", "HTTP/1.1 304 Not Modified\r\n\r\n"),
        (
            "GET /sized",
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nonetwo",
        ),
        (
            "GET /stream",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
        ),
    ];
    for (asked, expected) in cases {
        let (answer, is_alive) = ask(&format!("{asked} HTTP/1.1"));
        assert_eq!((answer.as_str(), is_alive), (expected, true), "{asked}");
    }
    let (answer, is_alive) = ask("GET /stream HTTP/1.0\r\nConnection: keep-alive");
    assert_eq!(answer, "HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nonetwo");
    assert!(!is_alive);
}

#[test]
fn a_body_that_is_not_what_its_head_says_breaks_the_connection() {
    for (path, end) in [
        ("/broken", "3\r\none\r\n"),
        ("/longer", "\r\n\r\none"),
        ("/shorter", "\r\n\r\nonetwo"),
    ] {
        let (answer, is_alive) = ask(&format!("GET {path} HTTP/1.1"));
        assert!(answer.ends_with(end) && !is_alive, "{answer}");
    }
}

#[test]
fn a_client_that_waits_to_be_asked_for_its_body_is_asked_when_it_is_wanted() {
    let head = "POST /reads HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n";
    let (answer, is_alive) = virtually(told(&[head.as_bytes()]));
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert!(answer.ends_with("it did not come in time") && !is_alive);
    let (answer, is_alive) = virtually(told(&[head.as_bytes(), b"body"]));
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert!(answer.ends_with("\r\n\r\nbody") && is_alive);
    // One that did not wait is not asked.
    let (answer, is_alive) = virtually(told(&[format!("{head}body").as_bytes()]));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && is_alive);
    // A body that nobody wants may come or not: the connection cannot go on.
    for (path, length) in [("/", 4), ("/reads", 9)] {
        let head = "HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length:";
        let (answer, is_alive) = virtually(told(&[
            format!("POST {path} {head} {length}\r\n\r\n").as_bytes()
        ]));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && !is_alive);
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    // HTTP/1.0 knows no such thing.
    let old = head.replace("HTTP/1.1", "HTTP/1.0");
    let (answer, _) = virtually(told(&[old.as_bytes(), b"body"]));
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
}

#[test]
fn a_body_that_nobody_reads_is_read_over_if_it_is_short() {
    for (length, is_kept) in [
        (0, true),
        (5, true),
        (64 * 1024, true),
        (64 * 1024 + 1, false),
    ] {
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        let body = vec![b'x'; length];
        let next = b"GET /reads HTTP/1.1\r\n\r\n";
        let (answer, _) = virtually(told(&[head.as_bytes(), &body, next]));
        assert_eq!(
            answer.matches("HTTP/1.1 200").count(),
            1 + usize::from(is_kept)
        );
        assert_eq!(answer.contains("connection: close"), !is_kept, "{length}");
    }
    // Chunks: those that came with the head.
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let (answer, is_alive) = virtually(told(&[chunked.as_bytes()]));
    assert!(is_alive && !answer.contains("connection: close"));
    let (head, rest) = chunked.split_at(chunked.len() - 7);
    let (answer, is_alive) = virtually(told(&[head.as_bytes(), rest.as_bytes()]));
    assert!(
        !is_alive && answer.contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn requests_at_once_are_answered_in_their_order() {
    let all = b"GET /none HTTP/1.1\r\n\r\nPOST /reads HTTP/1.1\r\nContent-Length: 2\r\n\r\nab\
        GET /stream HTTP/1.1\r\n\r\nGET /same HTTP/1.1\r\n\r\n";
    let (answer, is_alive) = virtually(told(&[all]));
    let statuses: Vec<&str> = answer
        .split("HTTP/1.1 ")
        .map(|one| &one[..3.min(one.len())])
        .collect();
    assert_eq!(statuses, ["", "204", "200", "200", "304"]);
    assert!(is_alive);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_said_all_gets_its_answers() {
    let (mut near, far) = duplex(1024);
    let switch = StopSwitch::new();
    let all = b"GET /none HTTP/1.1\r\n\r\nGET /sized HTTP/1.1\r\n\r\n";
    near.write_all(all).await.unwrap();
    near.shutdown().await.unwrap();
    serve(far, BOUNDS, switch.token(), &Various).await.unwrap();
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("onetwo"), "{answer}");
    // In the middle of a request it has said nothing.
    for part in [
        "GET / HT",
        "POST /reads HTTP/1.1\r\nContent-Length: 3\r\n\r\nab",
    ] {
        let (mut near, far) = duplex(1024);
        near.write_all(part.as_bytes()).await.unwrap();
        near.shutdown().await.unwrap();
        serve(far, BOUNDS, switch.token(), &Various).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_an_end_ends_with_its_client() {
    let (mut near, far) = duplex(1024);
    let switch = StopSwitch::new();
    let serving = tokio::spawn(async move {
        let stop = switch.token();
        serve(far, BOUNDS, stop, &Various).await.is_err()
    });
    near.write_all(b"GET /waits HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    // The head does not wait for the first piece.
    let mut start = [0; 15];
    near.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    assert!(!serving.is_finished());
    drop(near);
    assert!(serving.await.unwrap());
}

#[tokio::test]
async fn a_connection_is_handed_over_with_what_was_read_of_it() {
    let (mut near, far) = duplex(1024);
    let switch = StopSwitch::new();
    near.write_all(b"GET /upgrade HTTP/1.1\r\n\r\nframes")
        .await
        .unwrap();
    let upgraded = serve(far, BOUNDS, switch.token(), &Various).await.unwrap();
    let mut upgraded = upgraded.unwrap();
    assert_eq!(upgraded.read, &b"frames"[..]);
    upgraded.io.write_all(b"answer").await.unwrap();
    drop(upgraded);
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(answer.ends_with("\r\n\r\nanswer") && !answer.contains("content-length"));
    // Frames behind a body would be taken for the body, or the other way round.
    let torn = b"GET /upgrade HTTP/1.1\r\nContent-Length: 9\r\n\r\nframes";
    let (answer, is_alive) = told(&[torn]).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && !is_alive, "{answer}");
}

#[test]
fn names_of_a_request_are_as_they_were_written_and_found_in_any_case() {
    #[derive(Debug, Default)]
    struct Names(Mutex<Vec<String>>);

    impl Service for Names {
        async fn answer(&self, head: Head, _: Body<'_>) -> Answer {
            assert_eq!(head.get("HOST"), Some(&b"h"[..]));
            assert_eq!(head.text("x-prop"), Some("1"));
            assert_eq!(head.all("X-PROP").count(), 2);
            let names = head
                .fields()
                .map(|(name, _)| String::from_utf8_lossy(name).into_owned());
            self.0.lock().unwrap().extend(names);
            Answer::new(StatusCode::OK, "")
        }
    }
    let names = Names::default();
    virtually(async {
        let (near, far) = duplex(1024);
        let switch = StopSwitch::new();
        let stop = switch.token();
        let request: &[&[u8]] = &[b"GET / HTTP/1.1\r\nHost: h\r\nX-Prop: 1\r\nx-pROP: 2\r\n\r\n"];
        tokio::select! {
            _ = send(near, request) => {}
            () = finished(serve(far, BOUNDS, stop, &names)) => {}
        }
    });
    assert_eq!(*names.0.lock().unwrap(), ["Host", "X-Prop", "x-pROP"]);
}

#[tokio::test]
async fn an_answer_brings_the_date() {
    let (mut near, far) = duplex(1024);
    let switch = StopSwitch::new();
    near.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    serve(far, BOUNDS, switch.token(), &Various).await.unwrap();
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    let date = answer.lines().find_map(|line| line.strip_prefix("date: "));
    let date = httpdate::parse_http_date(date.unwrap()).unwrap();
    let date = date.duration_since(std::time::UNIX_EPOCH).unwrap();
    let apart = crate::clock::unix_time().abs_diff(date);
    assert!(apart < Duration::from_mins(1), "{answer}");
}

/// A pipe of a thousand idle connections must not hold a thousand buffers.
#[test]
fn an_idle_connection_holds_next_to_nothing() {
    let (_near, far) = duplex(16);
    let (switch, recorder) = (StopSwitch::new(), Recorder::default());
    let served = serve(far, BOUNDS, switch.token(), &recorder);
    let bytes = size_of_val(&served);
    assert!(bytes <= 1024, "{bytes}");
}

#[tokio::test]
async fn pieces_of_an_answer_can_be_collected() {
    let answer = Answer::stream(
        Box::pin(stream::iter([Ok("a".into()), Ok("b".into())])),
        None,
    );
    assert_eq!(answer.into_pieces().count().await, 2);
}
