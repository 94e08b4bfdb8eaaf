//! A server handshake with the leaf the client's hello asks for.

use std::io;
use std::net::IpAddr;

use hub_proto::time::Now;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;
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
/// the client sends no name, as it does when it was given an address (rustls passes over one in
/// SNI). There is no time limit here; wrap the call in one.
pub async fn accept<IO>(
    io: IO,
    authority: &Authority,
    local: IpAddr,
    now: Now,
) -> Result<TlsStream<IO>, AcceptError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let start = LazyConfigAcceptor::new(Acceptor::default(), io).await?;
    match authority.server_config(start.client_hello().server_name(), local, now) {
        Ok(config) => Ok(start.into_stream(config).await?),
        Err(error) => {
            let alert = match error {
                TlsError::UnknownName { .. } => ALERT_UNRECOGNIZED_NAME,
                _ => ALERT_INTERNAL_ERROR,
            };
            let mut io = start.io;
            // The client may be gone; the refusal stands all the same.
            let _ = io.write_all(&alert).await;
            let _ = io.shutdown().await;
            Err(error.into())
        }
    }
}

/// A record of type alert: TLS 1.2 on the wire, two bytes, fatal, `unrecognized_name`
/// (RFC 8446, sections 5.1 and 6.2). rustls has no way to send one without a configuration.
const ALERT_UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
/// Likewise, `internal_error`.
const ALERT_INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];
