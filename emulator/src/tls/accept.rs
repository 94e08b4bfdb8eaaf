//! A server handshake with the leaf the client's hello asks for: the hello is read, a leaf found, and the
//! session begun with what was read.

use std::io;
use std::net::IpAddr;

use hub_proto::time::Now;
use rustls::server::{Acceptor, UnbufferedServerConnection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::stream::TlsStream;
use super::{Authority, TlsError};

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The peer's fault, or the connection's.
    #[error("TLS handshake failed")]
    Handshake(#[from] io::Error),
    /// No leaf can be had: the name is not ours, or issuing failed.
    #[error(transparent)]
    Refused(#[from] TlsError),
}

/// A connection whose handshake is over.
#[derive(Debug)]
pub struct Accepted<IO> {
    /// The connection.
    pub stream: TlsStream<IO>,
    /// The name that the client asked for.
    pub server_name: Option<Box<str>>,
}

/// Reads the client's hello from `io`, takes the leaf it asks for and completes the handshake.
///
/// `local` is the address the client dialled (the socket's own address): it decides the leaf where
/// the client sends no name, as it does when it was given an address (rustls passes over one in
/// SNI). There is no time limit here; wrap the call in one.
pub async fn accept<IO>(
    io: IO,
    authority: &Authority,
    local: IpAddr,
    now: Now,
) -> Result<Accepted<IO>, AcceptError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut io = io;
    let (hello, server_name) = read_hello(&mut io).await?;
    match authority.server_config(server_name.as_deref(), local, now) {
        Ok(config) => {
            let session = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
            let stream = TlsStream::accept(io, session, hello).await?;
            Ok(Accepted {
                stream,
                server_name,
            })
        }
        Err(error) => {
            let alert = match error {
                TlsError::UnknownName { .. } => ALERT_UNRECOGNIZED_NAME,
                _ => ALERT_INTERNAL_ERROR,
            };
            say_farewell(&mut io, &alert).await;
            Err(error.into())
        }
    }
}

/// Reads until the client's hello is whole: all bytes read, and the name it asks for.
async fn read_hello<IO>(io: &mut IO) -> io::Result<(Vec<u8>, Option<Box<str>>)>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut acceptor = Acceptor::default();
    let mut hello = Vec::with_capacity(HELLO_BYTES);
    loop {
        let mut seen = hello.len();
        if io.read_buf(&mut hello).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // It takes no more than a buffer at a time.
        while seen < hello.len() {
            seen += acceptor.read_tls(&mut &hello[seen..])?;
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let server_name = accepted.client_hello().server_name().map(Box::from);
                    return Ok((hello, server_name));
                }
                Err((error, mut alert)) => {
                    let mut bytes = Vec::new();
                    alert.write_all(&mut bytes)?;
                    say_farewell(io, &bytes).await;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
    }
}

/// The client may be gone; the refusal stands all the same.
async fn say_farewell<IO>(io: &mut IO, alert: &[u8])
where
    IO: AsyncWrite + Unpin,
{
    let _ = io.write_all(alert).await;
    let _ = io.shutdown().await;
}

/// As much as a hello takes as a rule.
const HELLO_BYTES: usize = 1024;

/// A record of type alert: TLS 1.2 on the wire, two bytes, fatal, `unrecognized_name`
/// (RFC 8446, sections 5.1 and 6.2). rustls has no way to send one without a configuration.
const ALERT_UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
/// Likewise, `internal_error`.
const ALERT_INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];
