//! A server handshake with the leaf the client's hello asks for.

use std::io;
use std::net::IpAddr;

use hub_proto::time::Now;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;

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

/// Reads the client's hello from `io`, takes the leaf it asks for and completes the handshake.
///
/// `local` is the address the client dialled (the socket's own address): it decides the leaf where
/// the client sends no name. There is no time limit here; wrap the call in one.
pub async fn accept<IO>(
    io: IO,
    authority: &Authority,
    local: IpAddr,
    now: Now,
) -> Result<TlsStream<IO>, AcceptError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let _ = (io, authority, local, now);
    todo!()
}
