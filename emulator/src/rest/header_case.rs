//! The names of a request's headers as its client wrote them, upper and lower case as they were.
//!
//! HTTP compares names of headers without their case, and hyper hands them out in lower case; names of
//! a message's properties do have one. Hyper keeps the names as they came
//! (`http1::Builder::preserve_header_case`) where only hyper itself can read them: it prints them again
//! when it sends the request on. So the head is sent on, to nowhere, and its names are read there. That
//! leaves one parser of requests, whose limits and guards hold.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::task::{Context, Waker};

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::reply::Reply;
use crate::http::NamesAsWritten;

/// The headers whose names begin with `prefix` (compared without case): names as they were written, and
/// values. An error: a value is no text.
pub(super) async fn pairs(head: &Parts, prefix: &str) -> io::Result<Vec<(String, String)>> {
    let mut sent_on = Request::new(Empty::<Bytes>::new());
    *sent_on.uri_mut() = Uri::from_static("/");
    *sent_on.extensions_mut() = head.extensions.clone();
    for (name, value) in &head.headers {
        if starts_with(name.as_str(), prefix) {
            sent_on.headers_mut().append(name.clone(), value.clone());
        }
    }
    if sent_on.headers().is_empty() {
        return Ok(Vec::new());
    }
    let text = print(sent_on).await?;
    let pairs = text.lines().skip(1).filter_map(|line| line.split_once(':'));
    Ok(pairs
        .filter(|(name, _)| starts_with(name, prefix))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect())
}

/// Puts headers into an answer whose names go out as they are written here. Hyper keeps that with what it
/// reads, and heeds it in what it answers: so a head with these names is read, from nowhere.
pub(super) fn write(reply: &mut Reply, headers: &[(String, String)]) {
    let mut head = String::from("GET / HTTP/1.1\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    let read = Cell::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        read.set(Some(request.into_parts().0));
        std::future::pending::<Result<Reply, Infallible>>()
    });
    let io = TokioIo::new(tokio::io::join(head.as_bytes(), tokio::io::sink()));
    let mut server = hyper::server::conn::http1::Builder::new();
    server
        .preserve_header_case(true)
        .max_headers(headers.len() + 1)
        .max_header_size(head.len() + 1);
    let connection = pin!(server.serve_connection(io, service));
    // All of it is there, so it takes one step.
    let _ = connection.poll(&mut Context::from_waker(Waker::noop()));
    if let Some(parts) = read.take() {
        reply.headers_mut().extend(parts.headers);
        reply.extensions_mut().extend(parts.extensions);
        reply.extensions_mut().insert(NamesAsWritten);
    }
}

/// The head of a request as hyper writes it.
async fn print(request: Request<Empty<Bytes>>) -> io::Result<String> {
    // Room for the largest head that a request may have, so that nothing has to wait.
    let (near, far) = tokio::io::duplex(HEAD_BYTES_MAX);
    let (mut sender, connection) = http1::handshake(TokioIo::new(near))
        .await
        .map_err(io::Error::other)?;
    let answer = sender.send_request(request);
    tokio::select! {
        biased;
        text = read_head(far) => text,
        Err(error) = connection => Err(io::Error::other(error)),
        Err(error) = answer => Err(io::Error::other(error)),
        else => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

async fn read_head(mut from: impl AsyncRead + Unpin) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if from.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn starts_with(name: &str, prefix: &str) -> bool {
    let start = name.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

const HEAD_BYTES_MAX: usize = 64 * 1024;
