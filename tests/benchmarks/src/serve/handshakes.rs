//! TLS handshakes by tokio and rustls alone, each followed by one exchange of a few bytes.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// CONNACK: accepted.
const ANSWER: [u8; 4] = [0x20, 2, 0, 0];

/// What reckons for rustls.
#[derive(Debug)]
pub(super) struct Cryptography {
    provider: CryptoProvider,
    ticketer: Arc<dyn ProducesTickets>,
}

/// ring, as in the hub.
pub(super) fn ring() -> anyhow::Result<Cryptography> {
    Ok(Cryptography {
        provider: ring::default_provider(),
        ticketer: ring::Ticketer::new()?,
    })
}

/// aws-lc-rs, if it is built in. Of the key exchanges it offers those that ring has: what is compared is the same handshake.
#[cfg(feature = "aws-lc")]
pub(super) fn aws_lc() -> anyhow::Result<Cryptography> {
    use rustls::crypto::aws_lc_rs::{Ticketer, default_provider, kx_group};
    let mut provider = default_provider();
    provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    Ok(Cryptography {
        provider,
        ticketer: Ticketer::new()?,
    })
}

#[cfg(not(feature = "aws-lc"))]
pub(super) fn aws_lc() -> anyhow::Result<Cryptography> {
    anyhow::bail!("built without aws-lc")
}

/// With the certificates and the key of these files, and the hub's options: a stateless ticketer, one
/// ticket for each connection.
pub(super) fn acceptor(
    chain: &Path,
    key: &Path,
    cryptography: Cryptography,
) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let Cryptography { provider, ticketer } = cryptography;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.ticketer = ticketer;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes handshakes, a task a connection, and keeps the connections.
pub(super) async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(greet(stream, acceptor.clone()));
    }
}

async fn greet(stream: TcpStream, acceptor: TlsAcceptor) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut some = [0; 1024];
    while let Ok(1..) = stream.read(&mut some).await {
        if stream.write_all(&ANSWER).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}
