//! The client's end of TLS, without a buffer of its own while nothing is under way.
//!
//! rustls' usual connection keeps the 4 KiB it reads into; of an idle device that would be the largest
//! part. Here rustls is fed from one buffer a thread, and what stays with a connection is the piece of a
//! record that has not come whole, what the reader had no room for, and what the socket did not take.
//! Knows nothing of names and trust: those are in the configuration.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ClientConfig;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::rare::Rare;

/// A connection whose handshake is over.
pub(super) struct TlsStream<S> {
    stream: S,
    tls: UnbufferedClientConnection,
    under_way: Rare<UnderWay>,
    /// The hub has said its last word.
    is_over: bool,
    has_said_goodbye: bool,
}

#[derive(Debug, Default)]
struct UnderWay {
    /// Encrypted: a record that has not come whole.
    input: Vec<u8>,
    /// Decrypted, for which the reader had no room.
    plain: Vec<u8>,
    /// Encrypted, and not written.
    output: Vec<u8>,
    written: usize,
}

/// How far rustls has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Handshake,
    Traffic,
}

/// What is to be said.
#[derive(Clone, Copy)]
enum Words<'a> {
    Plain(&'a [u8]),
    Goodbye,
}

thread_local! {
    /// What is read from sockets of this thread, until rustls has taken it.
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// What is to be written to sockets of this thread.
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Shakes hands with the server called `name`.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    stream: S,
) -> io::Result<TlsStream<S>> {
    let tls = UnbufferedClientConnection::new(config, name).map_err(invalid)?;
    let mut opening = TlsStream {
        stream,
        tls,
        under_way: Rare::default(),
        is_over: false,
        has_said_goodbye: false,
    };
    let mut progress = opening.digest(&mut [], &mut ReadBuf::new(&mut []))?.1;
    std::future::poll_fn(|context| opening.poll_handshake(context, &mut progress)).await?;
    Ok(opening)
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    fn poll_handshake(
        &mut self,
        context: &mut Context<'_>,
        progress: &mut Progress,
    ) -> Poll<io::Result<()>> {
        loop {
            // Read meanwhile: the server may have to be heard out before it listens.
            let written = self.poll_output(context)?;
            if *progress == Progress::Traffic {
                ready!(written);
                return Pin::new(&mut self.stream).poll_flush(context);
            }
            let read = ready!(self.poll_records(context, &mut ReadBuf::new(&mut [])));
            match read {
                Ok(Some(come)) => *progress = come,
                Ok(None) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Err(error) => {
                    // The server is told why, if it can be told at once.
                    let _ = self.poll_output(context);
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// Reads once and lets rustls take what came: decrypted it goes to `plain`, and what finds no room
    /// there is kept. Nothing if the socket has no more.
    fn poll_records(
        &mut self,
        context: &mut Context<'_>,
        plain: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Option<Progress>>> {
        INPUT.with_borrow_mut(|bytes| {
            let kept = self.under_way.get_mut();
            let kept = kept.map_or_else(Vec::new, |under_way| std::mem::take(&mut under_way.input));
            let least = kept.len() + RECORD_BYTES_MAX;
            if bytes.len() < least {
                bytes.resize(least, 0);
            }
            bytes[..kept.len()].copy_from_slice(&kept);
            let mut fresh = ReadBuf::new(&mut bytes[kept.len()..least]);
            let polled = Pin::new(&mut self.stream).poll_read(context, &mut fresh);
            let count = fresh.filled().len();
            if matches!(polled, Poll::Ready(Ok(()))) && count > 0 {
                let all = &mut bytes[..kept.len() + count];
                let (used, progress) = self.digest(all, plain)?;
                if used < all.len() {
                    self.under_way.room().input = all[used..].to_vec();
                }
                self.under_way.give_back_if(UnderWay::is_empty);
                return Poll::Ready(Ok(Some(progress)));
            }
            if !kept.is_empty() {
                self.under_way.room().input = kept;
            }
            polled.map_ok(|()| None)
        })
    }

    /// Lets rustls work on `records`: how much of them it has taken, and how far it has come.
    fn digest(
        &mut self,
        records: &mut [u8],
        plain: &mut ReadBuf<'_>,
    ) -> io::Result<(usize, Progress)> {
        let mut used = 0;
        loop {
            let UnbufferedStatus { discard, state } =
                self.tls.process_tls_records(&mut records[used..]);
            let mut done = None;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let payload = record.map_err(invalid)?.payload;
                        let (fits, rest) = payload.split_at(plain.remaining().min(payload.len()));
                        plain.put_slice(fits);
                        if !rest.is_empty() {
                            self.under_way.room().plain.extend_from_slice(rest);
                        }
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let output = &mut self.under_way.room().output;
                    append(output, |room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(more)) => Err(Some(more.required_size)),
                        encoded => encoded.map_err(|_| None),
                    })?;
                }
                // It is in the output, which is written before anything else is.
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::BlockedHandshake) => done = Some(Progress::Handshake),
                Ok(ConnectionState::WriteTraffic(_)) => done = Some(Progress::Traffic),
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.is_over = true;
                    done = Some(Progress::Traffic);
                }
                Ok(other) => return Err(invalid(format!("{other:?} of a client"))),
                Err(error) => {
                    self.encode_alert();
                    return Err(invalid(error));
                }
            }
            used += discard;
            if let Some(progress) = done {
                return Ok((used, progress));
            }
        }
    }

    /// After an error rustls has an alert to send.
    fn encode_alert(&mut self) {
        let status = self.tls.process_tls_records(&mut []);
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state {
            let output = &mut self.under_way.room().output;
            let encoded = append(output, |room| match data.encode(room) {
                Err(EncodeError::InsufficientSize(more)) => Err(Some(more.required_size)),
                encoded => encoded.map_err(|_| None),
            });
            // The error itself is told in any case.
            drop(encoded);
        }
    }

    /// Writes what is left of what was encrypted before.
    fn poll_output(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(under_way) = self.under_way.get_mut()
            && let rest = &under_way.output[under_way.written..]
            && !rest.is_empty()
        {
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            under_way.written += count;
        }
        if let Some(under_way) = self.under_way.get_mut() {
            under_way.output = Vec::new();
            under_way.written = 0;
            self.under_way.give_back_if(UnderWay::is_empty);
        }
        Poll::Ready(Ok(()))
    }

    /// Encrypts, and writes of it what can be written now.
    fn write_encrypted(&mut self, context: &mut Context<'_>, words: Words<'_>) -> io::Result<()> {
        OUTPUT.with_borrow_mut(|bytes| {
            bytes.clear();
            let input = self.under_way.get_mut();
            let input = input.map_or(&mut [][..], |under_way| &mut under_way.input);
            // With nothing new to read it is at once where it can write.
            let status = self.tls.process_tls_records(input);
            let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state else {
                return Err(io::ErrorKind::BrokenPipe.into());
            };
            append(bytes, |room| {
                let encrypted = match words {
                    Words::Plain(plain) => traffic.encrypt(plain, room),
                    Words::Goodbye => traffic.queue_close_notify(room),
                };
                encrypted.map_err(|error| match error {
                    EncryptError::InsufficientSize(more) => Some(more.required_size),
                    EncryptError::EncryptExhausted => None,
                })
            })?;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                match Pin::new(&mut self.stream).poll_write(context, rest) {
                    Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(written) => rest = &rest[written?..],
                    Poll::Pending => {
                        self.under_way.room().output.extend_from_slice(rest);
                        break;
                    }
                }
            }
            Ok(())
        })
    }
}

/// Appends what `encode` writes; it says how much room it wants, if there is a reason to ask again.
fn append(
    bytes: &mut Vec<u8>,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> io::Result<()> {
    let start = bytes.len();
    loop {
        match encode(&mut bytes[start..]) {
            Ok(count) => {
                bytes.truncate(start + count);
                return Ok(());
            }
            Err(Some(required)) if bytes.len() < start + required => {
                bytes.resize(start + required, 0);
            }
            Err(_) => return Err(invalid("TLS cannot encrypt any more")),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        loop {
            if let Some(under_way) = this.under_way.get_mut()
                && !under_way.plain.is_empty()
            {
                let count = under_way.plain.len().min(buffer.remaining());
                buffer.put_slice(&under_way.plain[..count]);
                under_way.plain.drain(..count);
                this.under_way.give_back_if(UnderWay::is_empty);
                return Poll::Ready(Ok(()));
            }
            if this.is_over || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let Some(_) = ready!(this.poll_records(context, buffer))? else {
                // That the goodbye of TLS is missing is no matter: MQTT knows its own ends.
                return Poll::Ready(Ok(()));
            };
            // What rustls answers by itself (a key update) goes out with the next poll that writes.
            if let Poll::Ready(Err(error)) = this.poll_output(context) {
                return Poll::Ready(Err(error));
            }
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // At most one record is held.
        ready!(self.poll_output(context))?;
        let count = bytes.len().min(PLAIN_BYTES_MAX);
        self.write_encrypted(context, Words::Plain(&bytes[..count]))?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_output(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_output(context))?;
        if !self.has_said_goodbye {
            self.has_said_goodbye = true;
            self.write_encrypted(context, Words::Goodbye)?;
            ready!(self.poll_output(context))?;
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl UnderWay {
    fn is_empty(&self) -> bool {
        self.input.is_empty() && self.plain.is_empty() && self.written == self.output.len()
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// One record of TLS at its largest, and its header. [RFC 8446 5.2]
const RECORD_BYTES_MAX: usize = 5 + PLAIN_BYTES_MAX + 256;
/// What one record carries at most.
const PLAIN_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio_rustls::{TlsAcceptor, server};

    use super::*;

    const NAME: &str = "hub.example";

    struct Ends {
        server: Arc<ServerConfig>,
        client: Arc<ClientConfig>,
    }

    fn ends(version: &'static SupportedProtocolVersion) -> Ends {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ends {
            server: Arc::new(server),
            client: Arc::new(client),
        }
    }

    impl Ends {
        /// A connection through a pipe that takes so many bytes at a time. The server's handshake may
        /// not be over: its tickets wait for a reader.
        async fn meet(
            &self,
            bytes: usize,
        ) -> (
            TlsStream<DuplexStream>,
            JoinHandle<server::TlsStream<DuplexStream>>,
        ) {
            let (near, far) = duplex(bytes);
            let name = ServerName::try_from(NAME).unwrap();
            let accept = TlsAcceptor::from(Arc::clone(&self.server)).accept(far);
            let accepted = tokio::spawn(async move { accept.await.unwrap() });
            let client = connect(Arc::clone(&self.client), name, near).await;
            (client.unwrap(), accepted)
        }
    }

    const VERSIONS: [&SupportedProtocolVersion; 2] =
        [&rustls::version::TLS12, &rustls::version::TLS13];

    #[tokio::test]
    async fn every_byte_crosses_both_ways_whatever_the_pieces_and_an_idle_end_holds_nothing() {
        for version in VERSIONS {
            let ends = ends(version);
            // One byte at a time, pieces of records, several records together; and resumed.
            for (bytes, length) in [(1, 2000), (700, 100_000), (300_000, 100_000), (300_000, 9)] {
                let sent: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
                let (mut client, server) = ends.meet(bytes).await;
                let echo = tokio::spawn(async move {
                    let (mut reader, mut writer) = tokio::io::split(server.await.unwrap());
                    tokio::io::copy(&mut reader, &mut writer).await
                });
                let mut back = vec![0; sent.len()];
                let (mut near_reader, mut near_writer) = tokio::io::split(&mut client);
                let write = async {
                    near_writer.write_all(&sent).await.unwrap();
                    near_writer.flush().await.unwrap();
                };
                let read = async {
                    near_reader.read_exact(&mut back[..1]).await.unwrap();
                    near_reader.read_exact(&mut back[1..]).await.unwrap();
                };
                tokio::join!(write, read);
                assert!(back == sent, "{version:?} {bytes}");
                assert!(client.under_way.get().is_none(), "{version:?} {bytes}");
                client.shutdown().await.unwrap();
                assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
                drop(client);
                assert_eq!(echo.await.unwrap().unwrap(), sent.len() as u64);
            }
        }
    }

    #[tokio::test]
    async fn an_end_of_the_hubs_is_the_end_of_the_stream_with_a_goodbye_and_without() {
        for says_goodbye in [true, false] {
            let ends = ends(&rustls::version::TLS13);
            let (mut client, server) = ends.meet(4096).await;
            let mut server = server.await.unwrap();
            server.write_all(b"last words").await.unwrap();
            if says_goodbye {
                server.shutdown().await.unwrap();
            } else {
                server.flush().await.unwrap();
            }
            drop(server);
            let mut read = Vec::new();
            client.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, b"last words");
        }
    }

    #[tokio::test]
    async fn a_certificate_of_another_name_is_refused_and_the_server_told() {
        let ends = ends(&rustls::version::TLS13);
        let (near, far) = duplex(4096);
        let accepted = tokio::spawn(TlsAcceptor::from(Arc::clone(&ends.server)).accept(far));
        let name = ServerName::try_from("other.example").unwrap();
        let refused = connect(Arc::clone(&ends.client), name, near).await;
        let error = refused.err().unwrap().to_string();
        assert!(error.contains("not valid for name"), "{error}");
        let told = accepted.await.unwrap().unwrap_err().to_string();
        assert!(told.contains("alert"), "{told}");
    }

    #[tokio::test]
    async fn a_server_that_goes_in_the_middle_of_the_handshake_is_an_error() {
        let ends = ends(&rustls::version::TLS13);
        let (near, mut far) = duplex(4096);
        let name = ServerName::try_from(NAME).unwrap();
        let dialled = tokio::spawn(connect(Arc::clone(&ends.client), name, near));
        far.read_exact(&mut [0; 5]).await.unwrap();
        drop(far);
        let error = dialled.await.unwrap().err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
