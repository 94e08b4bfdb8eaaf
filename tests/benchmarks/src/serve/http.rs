//! A fixed answer to every request, by bare hyper: what HTTP alone costs.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Answers with a body of so many bytes.
pub(super) async fn serve(listener: TcpListener, body_bytes: usize) {
    let body = Bytes::from(vec![b' '; body_bytes]);
    while let Ok((stream, _)) = listener.accept().await {
        // A connection that fails is the client's to notice.
        let _ = stream.set_nodelay(true);
        let body = body.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |_: Request<Incoming>| {
                let mut answer = Response::new(Full::new(body.clone()));
                let kind = HeaderValue::from_static("application/json; charset=utf-8");
                answer.headers_mut().insert(CONTENT_TYPE, kind);
                async move { Ok::<_, Infallible>(answer) }
            });
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            let _ = served.await;
        });
    }
}
