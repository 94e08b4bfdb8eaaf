//! A server's TLS connection that holds no bytes while nothing is under way.
//!
//! rustls' buffered connections keep 4 KB to read into for good, which is most of what an idle device
//! costs. Its unbuffered ones keep keys and state and leave the bytes to their owner: here a thread's
//! connections share one buffer, and only what is not whole yet is kept.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ProtocolVersion;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A TLS connection over `IO`.
pub struct TlsStream<IO> {
    io: IO,
    session: UnbufferedServerConnection,
    server_name: Option<Box<str>>,
    /// The front of a record whose rest has not come.
    cut: Vec<u8>,
    /// What was decrypted and found no room with the reader.
    plain: Vec<u8>,
    /// Records to be written.
    out: Vec<u8>,
    /// How much of `out` is written.
    written: usize,
    is_ended: bool,
}

/// What the session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    Open,
}

/// What is to be done with a state of the session.
enum Next {
    GoOn,
    Wait,
    /// The peer sends no more.
    End,
    Fail(rustls::Error),
}

impl<IO> TlsStream<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Shakes hands with a client whose `hello` was read already.
    pub(super) async fn accept(
        io: IO,
        session: UnbufferedServerConnection,
        server_name: Option<Box<str>>,
        mut hello: Vec<u8>,
    ) -> io::Result<Self> {
        let mut stream = Self {
            io,
            session,
            server_name,
            cut: Vec::new(),
            plain: Vec::new(),
            out: Vec::new(),
            written: 0,
            is_ended: false,
        };
        let mut stage = stream.take_in(&mut hello, None);
        drop(hello);
        loop {
            // A ticket of TLS 1.3 can wait for what is written next; in TLS 1.2 the client waits.
            let is_awaited = stream.session.protocol_version() != Some(ProtocolVersion::TLSv1_3);
            let is_open = matches!(stage, Ok(Stage::Open));
            if is_open && !is_awaited {
                return Ok(stream);
            }
            let sent = poll_fn(|context| stream.poll_send(context)).await;
            if stage? == Stage::Open {
                return sent.map(|()| stream);
            }
            sent?;
            if stream.is_ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            stage = poll_fn(|context| stream.poll_receive(context, None)).await;
        }
    }

    /// The name that the client asked for.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Reads once, and acts on the records that are whole.
    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        reader: Option<&mut ReadBuf<'_>>,
    ) -> Poll<io::Result<Stage>> {
        with_buffer(|buffer| {
            let kept = self.cut.len();
            if kept == buffer.len() {
                return Poll::Ready(Err(invalid("a TLS message is too long")));
            }
            let mut fresh = ReadBuf::new(&mut buffer[kept..]);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut fresh))?;
            let end = kept + fresh.filled().len();
            if end == kept {
                // Without a farewell: what is missing may have been cut off by somebody else.
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            buffer[..kept].copy_from_slice(&self.cut);
            self.cut = Vec::new();
            Poll::Ready(self.take_in(&mut buffer[..end], reader))
        })
    }

    /// Acts on the whole records at the front of `records`, and keeps the rest.
    fn take_in(
        &mut self,
        records: &mut [u8],
        mut reader: Option<&mut ReadBuf<'_>>,
    ) -> io::Result<Stage> {
        let mut used = 0;
        loop {
            let rest = &mut records[used..];
            let UnbufferedStatus { mut discard, state } = self.session.process_tls_records(rest);
            let next = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(invalid)?;
                        discard += record.discard;
                        hand_out(record.payload, reader.as_deref_mut(), &mut self.plain);
                    }
                    Next::GoOn
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut self.out, |room| data.encode(room))?;
                    Next::GoOn
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // It is in `out`, which is written in order.
                    data.done();
                    Next::GoOn
                }
                Ok(ConnectionState::PeerClosed) => Next::End,
                Ok(ConnectionState::WriteTraffic(_) | ConnectionState::BlockedHandshake) => {
                    Next::Wait
                }
                Ok(ConnectionState::Closed) => Next::Wait,
                // Early data is not offered.
                Ok(other) => return Err(invalid(format!("unexpected: {other:?}"))),
                Err(error) => Next::Fail(error),
            };
            used += discard;
            match next {
                Next::GoOn => {}
                Next::End => self.is_ended = true,
                Next::Wait => break,
                Next::Fail(error) => {
                    self.encode_alert()?;
                    return Err(invalid(error));
                }
            }
        }
        self.cut = records[used..].to_vec();
        Ok(if self.session.is_handshaking() {
            Stage::Handshake
        } else {
            Stage::Open
        })
    }

    /// What the peer is to be told of an error that was met.
    fn encode_alert(&mut self) -> io::Result<()> {
        while let Ok(state) = self.session.process_tls_records(&mut []).state {
            match state {
                ConnectionState::EncodeTlsData(mut data) => {
                    append(&mut self.out, |room| data.encode(room))?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                _ => break,
            }
        }
        Ok(())
    }

    /// Writes what waits to be written.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            let rest = &self.out[self.written..];
            let count = ready!(Pin::new(&mut self.io).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.out = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Has the session say something, after what it has to say by itself.
    fn speak(
        &mut self,
        say: impl FnOnce(&mut WriteTraffic<'_>, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        loop {
            match self.session.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut self.out, |room| data.encode(room))?;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return say(&mut traffic, &mut self.out);
                }
                Ok(ConnectionState::PeerClosed) => self.is_ended = true,
                Ok(_) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(error) => return Err(invalid(error)),
            }
        }
    }
}

type WriteTraffic<'a> = rustls::unbuffered::WriteTraffic<'a, ServerConnectionData>;

impl<IO> AsyncRead for TlsStream<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        reader: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let before = reader.filled().len();
        if !stream.plain.is_empty() {
            let plain = std::mem::take(&mut stream.plain);
            hand_out(&plain, Some(reader), &mut stream.plain);
        }
        while reader.filled().len() == before && reader.remaining() > 0 && !stream.is_ended {
            if let Err(error) = ready!(stream.poll_receive(context, Some(reader))) {
                // The peer is told why, if it listens.
                let _ = stream.poll_send(context);
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO> AsyncWrite for TlsStream<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if stream.out.len() - stream.written >= OUT_BYTES_HIGH {
            ready!(stream.poll_send(context))?;
        }
        let bytes = &bytes[..bytes.len().min(OUT_BYTES_HIGH)];
        stream.speak(|traffic, out| append(out, |room| traffic.encrypt(bytes, room)))?;
        // What cannot go yet goes with what follows, or at the flush.
        match stream.poll_send(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        ready!(stream.poll_send(context))?;
        Pin::new(&mut stream.io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        // Said once, however often this is polled; a session that is over has nothing to say.
        let _ = stream.speak(|traffic, out| append(out, |room| traffic.queue_close_notify(room)));
        ready!(stream.poll_send(context))?;
        Pin::new(&mut stream.io).poll_shutdown(context)
    }
}

/// Without keys and contents.
impl<IO> fmt::Debug for TlsStream<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("server_name", &self.server_name)
            .field("is_ended", &self.is_ended)
            .finish_non_exhaustive()
    }
}

/// Gives the reader what it has room for, and keeps the rest behind what is kept already.
fn hand_out(payload: &[u8], reader: Option<&mut ReadBuf<'_>>, kept: &mut Vec<u8>) {
    let fits = match reader {
        Some(reader) if kept.is_empty() => {
            let fits = payload.len().min(reader.remaining());
            reader.put_slice(&payload[..fits]);
            fits
        }
        _ => 0,
    };
    kept.extend_from_slice(&payload[fits..]);
}

/// What did not fit into the room it was given.
trait NoRoom {
    /// How much it needs, if that is what was wrong.
    fn required(&self) -> Option<usize>;
}

impl NoRoom for EncodeError {
    fn required(&self) -> Option<usize> {
        match self {
            Self::InsufficientSize(error) => Some(error.required_size),
            Self::AlreadyEncoded => None,
        }
    }
}

impl NoRoom for EncryptError {
    fn required(&self) -> Option<usize> {
        match self {
            Self::InsufficientSize(error) => Some(error.required_size),
            Self::EncryptExhausted => None,
        }
    }
}

/// Appends what `write` puts into the room it is given, which is made as large as it says.
fn append<E>(
    out: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> io::Result<()>
where
    E: NoRoom + std::error::Error + Send + Sync + 'static,
{
    let start = out.len();
    loop {
        match write(&mut out[start..]) {
            Ok(count) => {
                out.truncate(start + count);
                return Ok(());
            }
            Err(error) => match error.required() {
                Some(required) if start + required > out.len() => out.resize(start + required, 0),
                _ => return Err(io::Error::other(error)),
            },
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A buffer of this thread's. Not for use within itself.
fn with_buffer<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    thread_local! {
        static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER_BYTES].into());
    }
    BUFFER.with_borrow_mut(|buffer| work(buffer))
}

/// The longest handshake message fits, and several records.
const BUFFER_BYTES: usize = 80 * 1024;
/// More than this does not wait to be written.
const OUT_BYTES_HIGH: usize = 32 * 1024;
