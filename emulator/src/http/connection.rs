//! One connection of HTTP/1.1, from its first byte until its client goes or the emulator stops.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::header::ETAG;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::names::{self, NamesAsWritten};
use crate::stop::StopToken;

/// What a client may take up before anything of it is understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadBounds {
    /// How long the head of a request may take, and how long a kept-alive connection may be idle.
    pub(crate) within: Duration,
    /// The largest head.
    pub(crate) bytes: usize,
}

/// Serves `io`; what becomes of a connection after its upgrade is not waited for. The error says
/// why the connection ended early.
pub(crate) async fn serve<I, F, A, B>(
    io: I,
    bounds: HeadBounds,
    mut stop: StopToken,
    answer: F,
) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Response<B>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let names = names::of_answers().await;
    let service = service_fn(|request| {
        let answer = answer(request);
        async move {
            let mut answer = answer.await;
            let is_named = answer.extensions().get::<NamesAsWritten>().is_some();
            if answer.headers().contains_key(ETAG) && !is_named {
                answer.extensions_mut().extend(names.clone());
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.within)
        .max_header_size(bounds.bytes)
        // At most 100 headers, hyper's default: naming it costs each request two tables more.
        // Names of a message's properties come in names of headers, and have a case.
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}
