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
    /// Nothing while the connection is idle.
    pending: Option<Box<Pending>>,
    is_ended: bool,
}

/// Bytes that wait on a connection.
#[derive(Default)]
struct Pending {
    /// The front of a record whose rest has not come.
    cut: Vec<u8>,
    /// What was decrypted and found no room with the reader.
    plain: Vec<u8>,
    /// Records to be written.
    out: Vec<u8>,
    /// How much of `out` is written.
    written: usize,
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
        mut hello: Vec<u8>,
    ) -> io::Result<Self> {
        let mut stream = Self {
            io,
            session,
            pending: None,
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

    /// Reads once, and acts on the records that are whole.
    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        reader: Option<&mut ReadBuf<'_>>,
    ) -> Poll<io::Result<Stage>> {
        with_buffer(|buffer| {
            let kept = self.pending.as_ref().map_or(0, |pending| pending.cut.len());
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
            if let Some(pending) = &mut self.pending {
                buffer[..kept].copy_from_slice(&pending.cut);
                pending.cut = Vec::new();
            }
            let stage = self.take_in(&mut buffer[..end], reader);
            self.tidy();
            Poll::Ready(stage)
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
                        hand_out(record.payload, reader.as_deref_mut(), &mut self.pending);
                    }
                    Next::GoOn
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut self.pending, |room| data.encode(room))?;
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
        if used < records.len() {
            self.pending.get_or_insert_default().cut = records[used..].to_vec();
        }
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
                    append(&mut self.pending, |room| data.encode(room))?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                _ => break,
            }
        }
        Ok(())
    }

    /// Forgets that there was something pending, if there is nothing any more.
    fn tidy(&mut self) {
        if self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.is_empty())
        {
            self.pending = None;
        }
    }

    /// How many bytes wait to be written.
    fn unsent_bytes(&self) -> usize {
        self.pending
            .as_ref()
            .map_or(0, |pending| pending.unsent().len())
    }

    /// Writes what waits to be written.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(pending) = &mut self.pending {
            while !pending.unsent().is_empty() {
                let count = ready!(Pin::new(&mut self.io).poll_write(context, pending.unsent()))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                pending.written += count;
            }
            pending.out = Vec::new();
            pending.written = 0;
        }
        self.tidy();
        Poll::Ready(Ok(()))
    }

    /// Has the session say something, behind what it has to say by itself, and writes what can go at once.
    /// The rest goes with what follows, or at the flush.
    fn say(
        &mut self,
        context: &mut Context<'_>,
        say: impl FnOnce(&mut WriteTraffic<'_>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> io::Result<()> {
        with_buffer(|buffer| {
            let count = self.encrypt(|traffic| say(traffic, buffer))?;
            let mut rest = &buffer[..count];
            while self.unsent_bytes() == 0 && !rest.is_empty() {
                match Pin::new(&mut self.io).poll_write(context, rest)? {
                    Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(count) => rest = &rest[count..],
                    Poll::Pending => break,
                }
            }
            if rest.is_empty() {
                return Ok(());
            }
            self.pending
                .get_or_insert_default()
                .out
                .extend_from_slice(rest);
            match self.poll_send(context) {
                Poll::Ready(sent) => sent,
                Poll::Pending => Ok(()),
            }
        })
    }

    /// Has the session encrypt something; says how many bytes that was.
    fn encrypt(
        &mut self,
        encrypt: impl FnOnce(&mut WriteTraffic<'_>) -> Result<usize, EncryptError>,
    ) -> io::Result<usize> {
        loop {
            match self.session.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut self.pending, |room| data.encode(room))?;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return encrypt(&mut traffic).map_err(io::Error::other);
                }
                Ok(ConnectionState::PeerClosed) => self.is_ended = true,
                Ok(_) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(error) => return Err(invalid(error)),
            }
        }
    }
}

impl Pending {
    fn unsent(&self) -> &[u8] {
        &self.out[self.written..]
    }

    fn is_empty(&self) -> bool {
        self.cut.is_empty() && self.plain.is_empty() && self.unsent().is_empty()
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
        if let Some(pending) = &mut stream.pending {
            let plain = std::mem::take(&mut pending.plain);
            hand_out(&plain, Some(reader), &mut stream.pending);
            stream.tidy();
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
        if stream.unsent_bytes() >= OUT_BYTES_HIGH {
            ready!(stream.poll_send(context))?;
        }
        let bytes = &bytes[..bytes.len().min(OUT_BYTES_HIGH)];
        stream.say(context, |traffic, room| traffic.encrypt(bytes, room))?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        ready!(stream.poll_send(context))?;
        Pin::new(&mut stream.io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        // Said once, however often this is polled; a session that is over has nothing to say.
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method alone is one of a single lifetime"
        )]
        let _ = stream.say(context, |traffic, room| traffic.queue_close_notify(room));
        ready!(stream.poll_send(context))?;
        Pin::new(&mut stream.io).poll_shutdown(context)
    }
}

/// Without keys and contents.
impl<IO> fmt::Debug for TlsStream<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("is_ended", &self.is_ended)
            .finish_non_exhaustive()
    }
}

/// Gives the reader what it has room for, and keeps the rest behind what is kept already.
fn hand_out(payload: &[u8], reader: Option<&mut ReadBuf<'_>>, kept: &mut Option<Box<Pending>>) {
    let waits = kept.as_ref().is_some_and(|kept| !kept.plain.is_empty());
    let fits = match reader {
        Some(reader) if !waits => {
            let fits = payload.len().min(reader.remaining());
            reader.put_slice(&payload[..fits]);
            fits
        }
        _ => 0,
    };
    if fits < payload.len() {
        let plain = &mut kept.get_or_insert_default().plain;
        plain.extend_from_slice(&payload[fits..]);
    }
}

/// Appends to what is to be sent what `write` puts into the room it is given, which is made as large as
/// it says.
fn append(
    pending: &mut Option<Box<Pending>>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> io::Result<()> {
    let out = &mut pending.get_or_insert_default().out;
    let start = out.len();
    loop {
        match write(&mut out[start..]) {
            Ok(count) => {
                out.truncate(start + count);
                return Ok(());
            }
            Err(EncodeError::InsufficientSize(error))
                if start + error.required_size > out.len() =>
            {
                out.resize(start + error.required_size, 0);
            }
            Err(error) => return Err(io::Error::other(error)),
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

/// The longest handshake message fits, several records, and what is written at a time, encrypted.
const BUFFER_BYTES: usize = 80 * 1024;
/// More than this does not wait to be written.
const OUT_BYTES_HIGH: usize = 32 * 1024;
