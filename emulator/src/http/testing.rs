//! Requests for tests of the endpoints, which go through the parser as real ones do.

use bytes::BytesMut;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;

use super::body::{Body, Progress};
use super::head::{Framing, Head, Length};
use super::input::Input;
use super::{Answer, Service};

/// A head as it is read.
pub(crate) fn head(text: &str) -> Head {
    let mut buffer = BytesMut::from(text);
    let (head, _) = Head::take(&mut buffer, text.len() + 1).unwrap().unwrap();
    head
}

/// What `service` answers to a request whose client sends all of it and no more.
pub(crate) async fn ask(service: &impl Service, request: Request<Full<Bytes>>) -> Answer {
    use http_body_util::BodyExt;

    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut text = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri).into_bytes();
    for (name, value) in &parts.headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    let bytes_max = text.len() + 1;
    text.extend_from_slice(&body);
    let mut input = Input::default();
    input.buffer.extend_from_slice(&text);
    let (head, framing) = Head::take(&mut input.buffer, bytes_max).unwrap().unwrap();
    read(framing, input, async |body| {
        service.answer(head, body).await
    })
    .await
}

/// What `reader` makes of a body with these bytes.
pub(crate) async fn with_body<T>(bytes: &[u8], reader: impl AsyncFnOnce(Body<'_>) -> T) -> T {
    let framing = Framing {
        length: Length::Bytes(bytes.len() as u64),
        is_kept: true,
        awaits_continue: false,
    };
    let mut input = Input::default();
    input.buffer.extend_from_slice(bytes);
    read(framing, input, reader).await
}

async fn read<T>(framing: Framing, mut input: Input, reader: impl AsyncFnOnce(Body<'_>) -> T) -> T {
    let mut progress = Progress::new(framing);
    let mut io = tokio::io::join(tokio::io::empty(), tokio::io::sink());
    reader(Body::new(&mut progress, &mut input, &mut io)).await
}
