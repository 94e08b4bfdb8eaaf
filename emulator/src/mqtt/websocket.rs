//! MQTT inside WebSocket: the upgrade of an HTTP request, and the byte stream over its frames.
//!
//! An MQTT packet may span frames and a frame may hold several packets [MQTT-6.0.0-4], so what comes
//! out is a plain stream of bytes. Knows nothing of packets, nor of which path leads here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use futures_util::{Sink, Stream};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::link;
use crate::http::{Answer, Head, Transport, printable};
use crate::listener::ConnectionContext;

/// Why a request is not upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpgradeRefusal {
    /// Not a WebSocket handshake by RFC 6455: answered with 400.
    #[error("not a WebSocket handshake: {0}")]
    NotAHandshake(&'static str),
    /// The sub-protocol `mqtt` is not offered: answered with 400.
    #[error("the WebSocket sub-protocol mqtt is not offered")]
    SubProtocol,
    /// AMQP over WebSocket is asked for: answered with 501.
    #[error("Hubnerite does not implement AMQP over WebSocket (sub-protocol AMQPWSB10) yet")]
    Amqp,
}

/// Reads a handshake. The answer is 101; once it is written, the connection goes on with [`open`].
///
/// Extensions are declined by silence (RFC 6455, section 9.1): SDKs offer permessage-deflate.
pub(crate) fn upgrade(head: &Head) -> Result<Answer, UpgradeRefusal> {
    let (accept, protocol) = read_handshake(head)?;
    let mut answer = Answer::new(StatusCode::SWITCHING_PROTOCOLS, Bytes::new());
    answer.push("connection", "Upgrade");
    answer.push("upgrade", "websocket");
    answer.push("sec-websocket-accept", &accept);
    answer.push("sec-websocket-protocol", protocol);
    Ok(answer)
}

/// A device connection in a WebSocket, until its end.
pub(crate) type Link = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Speaks MQTT inside the frames on `io`, of which `read` was read already.
pub(crate) async fn open<I>(io: I, read: Bytes, context: ConnectionContext) -> Link
where
    I: Transport + 'static,
{
    let read = read.into();
    let frames = WebSocketStream::from_partially_read(io, read, Role::Server, Some(config())).await;
    Box::pin(link::serve(WebSocketIo::new(frames), context))
}

/// The values of `Sec-WebSocket-Accept` and `Sec-WebSocket-Protocol`.
fn read_handshake(head: &Head) -> Result<(String, &str), UpgradeRefusal> {
    use UpgradeRefusal::{Amqp, NotAHandshake, SubProtocol};
    let has =
        |name: &str, token: &str| tokens(head, name).any(|value| value.eq_ignore_ascii_case(token));
    if *head.method() != Method::GET || head.is_http_10() {
        return Err(NotAHandshake("it is no GET of HTTP/1.1"));
    }
    if !has("upgrade", "websocket") || !has("connection", "upgrade") {
        return Err(NotAHandshake("it does not ask for an upgrade to websocket"));
    }
    if !has("sec-websocket-version", "13") {
        return Err(NotAHandshake("the version is not 13"));
    }
    let key = head
        .get("sec-websocket-key")
        .ok_or(NotAHandshake("there is no key"))?;
    if !is_key(key) {
        return Err(NotAHandshake("the key is not 16 bytes in base64"));
    }
    let mut protocols = tokens(head, PROTOCOL);
    let Some(protocol) = protocols.find(|offered| offered.eq_ignore_ascii_case("mqtt")) else {
        return Err(if has(PROTOCOL, "AMQPWSB10") {
            Amqp
        } else {
            SubProtocol
        });
    };
    // Echoed as spelled: clients compare.
    Ok((derive_accept_key(key), protocol))
}

/// Whether a key decodes as RFC 6455, section 4.2.1, wants it. The bits of its last digit that do not
/// count may be set: some clients draw the text instead of the bytes.
fn is_key(key: &[u8]) -> bool {
    let engine = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    let bytes = engine.decode(key);
    bytes.is_ok_and(|bytes| bytes.len() == KEY_BYTES)
}

/// The comma-separated values of a header, over all its lines.
fn tokens<'a>(head: &'a Head, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = head.all(name).filter_map(printable);
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        // Allocated for every connection, idle or not.
        .read_buffer_size(4 * 1024)
        // The link coalesces already.
        .write_buffer_size(0)
        // A frame of our own always fits, for it is made when nothing waits. Without this bound, the
        // pongs for a client that pings and never reads would wait without end.
        .max_write_buffer_size(MESSAGE_BYTES_MAX + FRAME_HEADER_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// The bytes inside a WebSocket's binary frames.
#[derive(Debug)]
struct WebSocketIo<IO> {
    frames: WebSocketStream<IO>,
    /// What is not yet read of the frame that came last.
    unread: Bytes,
    is_closed: bool,
}

impl<IO> WebSocketIo<IO> {
    fn new(frames: WebSocketStream<IO>) -> Self {
        Self {
            frames,
            unread: Bytes::new(),
            is_closed: false,
        }
    }
}

impl<IO> AsyncRead for WebSocketIo<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
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
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<IO> AsyncWrite for WebSocketIo<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // The frame before is written out, and any pongs are: at most one frame is held.
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
        if !self.is_closed {
            // A peer that has closed already cannot be told.
            let _ = ready!(Pin::new(&mut self.frames).poll_close(context));
            self.is_closed = true;
        }
        Pin::new(self.frames.get_mut()).poll_shutdown(context)
    }
}

/// What breaks the protocol is invalid data, which the link reports by its text; the rest is a loss.
fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            io::ErrorKind::ConnectionReset.into()
        }
        broken @ (Error::Protocol(_) | Error::Capacity(_) | Error::Utf8(_)) => {
            io::Error::new(io::ErrorKind::InvalidData, broken)
        }
        other => io::Error::other(other),
    }
}

/// The largest frame and the largest message: room for several packets.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// A frame's header is at most this long, mask included (RFC 6455, section 5.2).
const FRAME_HEADER_BYTES_MAX: usize = 14;
/// What a client draws for a key (RFC 6455, section 4.1).
const KEY_BYTES: usize = 16;
const PROTOCOL: &str = "sec-websocket-protocol";

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::http::testing::head;

    fn handshake(first_line: &str, changes: &[(&str, &str)]) -> Head {
        let mut text = format!("{first_line}\r\n");
        for (name, value) in [
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Protocol", "mqtt"),
            (
                "Sec-WebSocket-Extensions",
                "permessage-deflate; client_max_window_bits",
            ),
        ] {
            let other = changes.iter().find(|(of, _)| *of == name);
            let value = other.map_or(value, |(_, value)| value);
            text.extend([name, ": ", value, "\r\n"]);
        }
        head(&(text + "\r\n"))
    }

    fn accepted(changes: &[(&str, &str)]) -> Result<(String, String), UpgradeRefusal> {
        let head = handshake(GET, changes);
        let (accept, protocol) = read_handshake(&head)?;
        Ok((accept, protocol.to_owned()))
    }

    const GET: &str = "GET / HTTP/1.1";

    #[test]
    fn the_key_of_rfc_6455_gets_its_answer_and_the_protocol_is_echoed() {
        let answer = accepted(&[]).unwrap();
        // RFC 6455, section 1.3.
        assert_eq!(answer.0, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(answer.1, "mqtt");
        let several = accepted(&[("Sec-WebSocket-Protocol", "AMQPWSB10, MQTT")]);
        assert_eq!(several.unwrap().1, "MQTT");
    }

    #[test]
    fn what_is_no_handshake_for_mqtt_is_refused_by_its_fault() {
        let no_upgrade = "it does not ask for an upgrade to websocket";
        let no_key = "the key is not 16 bytes in base64";
        let cases = [
            (("Upgrade", "h2c"), no_upgrade),
            (("Connection", "keep-alive"), no_upgrade),
            (("Sec-WebSocket-Version", "8"), "the version is not 13"),
            (("Sec-WebSocket-Key", "eA=="), no_key),
            (("Sec-WebSocket-Key", ""), no_key),
        ];
        for (change, fault) in cases {
            let refusal = accepted(&[change]).unwrap_err();
            assert_eq!(refusal, UpgradeRefusal::NotAHandshake(fault));
        }
        for first_line in ["POST / HTTP/1.1", "GET / HTTP/1.0"] {
            let head = handshake(first_line, &[]);
            assert_eq!(
                read_handshake(&head),
                Err(UpgradeRefusal::NotAHandshake("it is no GET of HTTP/1.1"))
            );
        }
        for (protocol, refusal) in [
            ("AMQPWSB10", UpgradeRefusal::Amqp),
            ("chat", UpgradeRefusal::SubProtocol),
        ] {
            let change = ("Sec-WebSocket-Protocol", protocol);
            assert_eq!(accepted(&[change]), Err(refusal));
        }
    }

    /// The hub's stream and the client's frames, joined in memory.
    async fn pair() -> (WebSocketIo<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (server, client) = duplex(4096);
        let server = WebSocketStream::from_raw_socket(server, Role::Server, Some(config())).await;
        let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        (WebSocketIo::new(server), client)
    }

    fn binary(bytes: &'static [u8]) -> Message {
        Message::Binary(Bytes::from_static(bytes))
    }

    #[tokio::test]
    async fn frames_are_joined_to_a_stream_and_pings_between_them_are_answered() {
        let (mut server, mut client) = pair().await;
        for message in [
            binary(b"ab"),
            Message::Ping(Bytes::from_static(b"?")),
            binary(b""),
            binary(b"cdef"),
        ] {
            client.send(message).await.unwrap();
        }
        let mut bytes = [0; 3];
        for expected in [b"abc", b"def"] {
            server.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, expected);
        }
        server.write_all(b"xyz").await.unwrap();
        server.flush().await.unwrap();
        let pong = Message::Pong(Bytes::from_static(b"?"));
        assert_eq!(client.next().await.unwrap().unwrap(), pong);
        assert_eq!(client.next().await.unwrap().unwrap(), binary(b"xyz"));
    }

    #[tokio::test]
    async fn a_text_frame_and_an_oversized_one_are_errors_and_a_close_is_the_end() {
        let (mut server, mut client) = pair().await;
        client.send(Message::text("hello")).await.unwrap();
        let error = server.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);

        let (mut server, mut client) = pair().await;
        let sender = tokio::spawn(async move {
            let large = vec![0; MESSAGE_BYTES_MAX + 1];
            let _ = client.send(Message::Binary(large.into())).await;
        });
        // Refused by its header, before there is room made for it.
        assert_eq!(
            server.read_u8().await.unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        drop(server);
        sender.await.unwrap();

        let (mut server, mut client) = pair().await;
        client.send(Message::Close(None)).await.unwrap();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        assert!(matches!(client.next().await, Some(Ok(Message::Close(_)))));
    }

    #[tokio::test]
    async fn shutting_down_says_close_before_the_stream_ends() {
        let (mut server, mut client) = pair().await;
        server.write_all(b"bye").await.unwrap();
        server.shutdown().await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), binary(b"bye"));
        assert!(matches!(client.next().await, Some(Ok(Message::Close(_)))));
    }

    /// A client pinged without reading the pongs, and the hub kept them all: two gigabytes in twelve
    /// seconds from one connection that had not even sent CONNECT.
    #[tokio::test]
    async fn pongs_that_nobody_reads_are_bounded_and_the_stream_goes_on() {
        let (mut server, client) = pair().await;
        let (mut reader, mut writer) = tokio::io::split(client.into_inner());
        let pings = 20_000;
        let flood = tokio::spawn(async move {
            // A final ping frame of 125 bytes, masked with zeros; then one MQTT byte.
            let mut ping = vec![0x89, 0xfd, 0, 0, 0, 0];
            ping.resize(6 + 125, b'x');
            for _ in 0..pings {
                writer.write_all(&ping).await.unwrap();
            }
            writer
                .write_all(&[0x82, 0x81, 0, 0, 0, 0, b'M'])
                .await
                .unwrap();
            writer
        });
        assert_eq!(server.read_u8().await.unwrap(), b'M');
        let writer = flood.await.unwrap();
        let answers = tokio::spawn(async move {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        server.write_all(b"!").await.unwrap();
        server.flush().await.unwrap();
        drop((server, writer));
        let answers = answers.await.unwrap();
        assert!(answers.len() < 2 * MESSAGE_BYTES_MAX, "{}", answers.len());
        assert!(answers.windows(3).any(|bytes| bytes == [0x82, 1, b'!']));
    }

    #[tokio::test]
    async fn more_than_a_frame_may_hold_leaves_in_several() {
        let (mut server, mut client) = pair().await;
        let bytes = vec![7; MESSAGE_BYTES_MAX + 5];
        let writer = tokio::spawn(async move {
            server.write_all(&bytes).await.unwrap();
            server.flush().await.unwrap();
        });
        let lengths = [client.next().await, client.next().await];
        let lengths = lengths.map(|message| message.unwrap().unwrap().len());
        assert_eq!(lengths, [MESSAGE_BYTES_MAX, 5]);
        writer.await.unwrap();
    }
}
