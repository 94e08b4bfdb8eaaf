//! The client's end of MQTT inside WebSocket: the handshake, and a stream of bytes over frames.
//!
//! An MQTT packet may span frames and a frame may hold several packets [MQTT-6.0.0-4], so frames
//! leave no trace in what is read. Knows nothing of packets.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::Stream;

/// Asks the hub of this name, at the other end of `stream`, for MQTT over WebSocket.
pub(super) async fn open(
    stream: Box<dyn Stream>,
    name: &str,
) -> io::Result<WebSocketIo<Box<dyn Stream>>> {
    let uri = format!("wss://{name}{PATH}");
    let mut request = uri.into_client_request().map_err(io_error)?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
    let (frames, _) = client_async_with_config(request, stream, Some(config()))
        .await
        .map_err(io_error)?;
    Ok(WebSocketIo {
        frames,
        unread: Bytes::new(),
    })
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        // Allocated for every connection, idle or not.
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        // One frame of ours, made when nothing waits, and what pongs there are.
        .max_write_buffer_size(2 * MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// The bytes inside a WebSocket's binary frames.
#[derive(Debug)]
pub(super) struct WebSocketIo<S> {
    frames: WebSocketStream<S>,
    /// What is not yet read of the frame that came last.
    unread: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.frames).poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                // [MQTT-6.0.0-1] Only binary frames carry MQTT.
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "a text frame on an MQTT WebSocket",
                    )));
                }
                // Pings are answered, and closes echoed, by the next poll.
                Some(Ok(
                    Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_),
                )) => {}
                Some(Err(error)) => return end(error),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocketIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // The frame before is written out, so that at most one is held.
        ready!(Pin::new(&mut self.frames).poll_flush(context)).map_err(io_error)?;
        let count = bytes.len().min(MESSAGE_BYTES_MAX);
        let message = Message::Binary(Bytes::copy_from_slice(&bytes[..count]));
        Pin::new(&mut self.frames)
            .start_send(message)
            .map_err(io_error)?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.frames)
            .poll_flush(context)
            .map_err(io_error)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.frames).poll_close(context)) {
            Err(error) => end(error),
            Ok(()) => Poll::Ready(Ok(())),
        }
    }
}

/// A connection that is over is the end of the stream; anything else is a fault.
fn end(error: Error) -> Poll<io::Result<()>> {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Poll::Ready(Ok(())),
        other => Poll::Ready(Err(io_error(other))),
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::Http(answer) => io::Error::other(format!(
            "the hub answered the WebSocket handshake with {}",
            answer.status()
        )),
        other => io::Error::other(other),
    }
}

/// Where an IoT Hub takes MQTT over WebSocket.
const PATH: &str = "/$iothub/websocket";
/// The hub's own limit of 256 KiB for a packet, and room for its topic.
const MESSAGE_BYTES_MAX: usize = 512 * 1024;

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_tungstenite::accept_hdr_async;
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

    use super::*;

    #[tokio::test]
    async fn the_handshake_asks_for_mqtt_and_bytes_pass_both_ways_whatever_the_frames() {
        let (client, server) = duplex(4096);
        let hub = tokio::spawn(async move {
            #[expect(clippy::result_large_err, reason = "the signature is the library's")]
            let check = |request: &Request, mut response: Response| {
                assert_eq!(request.uri().path(), "/$iothub/websocket");
                assert_eq!(request.headers()["host"], "hub.example");
                assert_eq!(request.headers()["sec-websocket-protocol"], "mqtt");
                let mqtt = HeaderValue::from_static("mqtt");
                response
                    .headers_mut()
                    .insert("Sec-WebSocket-Protocol", mqtt);
                Ok(response)
            };
            let mut frames = accept_hdr_async(server, check).await.unwrap();
            let first = frames.next().await.unwrap().unwrap();
            assert_eq!(first, Message::Binary(Bytes::from_static(b"CONNECT")));
            for part in [&b"CON"[..], b"", b"NACK"] {
                let frame = Message::Binary(Bytes::from_static(part));
                frames.send(frame).await.unwrap();
            }
            frames.close(None).await.unwrap();
            while frames.next().await.is_some() {}
        });
        let mut stream = open(Box::new(client), "hub.example").await.unwrap();
        stream.write_all(b"CONNECT").await.unwrap();
        stream.flush().await.unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"CONNACK");
        drop(stream);
        hub.await.unwrap();
    }
}
