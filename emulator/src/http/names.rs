//! How the names of an answer's headers are written: in lower case, but for `ETag`.
//!
//! HTTP compares them without their case, and two SDKs do not. The C SDK looks for exactly `ETag` and
//! `iothub-…` (Azure/azure-c-shared-utility httpheaders.c), the Java SDK's digital twins for exactly
//! `x-ms-command-statuscode` (Azure/autorest-clientruntime-for-java), as the hub writes them.
//!
//! Hyper writes names in lower case, or each as a message that it has read had them; what holds those is
//! its own alone. So it is let read a message with the names.

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::http::Extensions;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::sync::{OnceCell, mpsc};

/// Goes with an answer that has its own names, and brings what hyper has read them from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamesAsWritten;

/// What an answer is given so that its names are written so.
pub(super) async fn of_answers() -> &'static Extensions {
    static NAMES: OnceCell<Extensions> = OnceCell::const_new();
    NAMES.get_or_init(read).await
}

async fn read() -> Extensions {
    let (mut near, far) = tokio::io::duplex(MESSAGE.len());
    let (sender, mut names) = mpsc::channel(1);
    let service = service_fn(|request: Request<_>| {
        let read: Request<hyper::body::Incoming> = request;
        // There is one message, and room for it.
        let _ = sender.try_send(read.extensions().clone());
        async { Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let connection = http1::Builder::new()
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(far), service);
    // The buffer holds the whole message.
    let _ = near.write_all(MESSAGE).await;
    tokio::select! {
        biased;
        read = names.recv() => read.unwrap_or_default(),
        _ = connection => names.try_recv().unwrap_or_default(),
    }
}

const MESSAGE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nETag: \"\"\r\n\r\n";

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn an_etag_has_its_capitals_and_all_else_is_lower_case() {
        // REST-13
        let (mut near, far) = tokio::io::duplex(1024);
        let service = service_fn(|_| async {
            let mut answer = Response::builder()
                .header("etag", "\"1\"")
                .header("iothub-errorcode", "x")
                .header("content-type", "text/plain")
                .body(Empty::<Bytes>::new())
                .unwrap();
            answer.extensions_mut().extend(of_answers().await.clone());
            Ok::<_, std::convert::Infallible>(answer)
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(far), service);
        let request = b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
        near.write_all(request).await.unwrap();
        connection.await.unwrap();
        let mut text = String::new();
        near.read_to_string(&mut text).await.unwrap();
        for line in [
            "ETag: \"1\"",
            "iothub-errorcode: x",
            "content-type: text/plain",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
        }
    }
}
