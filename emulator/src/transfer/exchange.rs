//! One request over HTTP or HTTPS, on a connection of its own. Knows nothing of blobs.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) is_tls: bool,
    /// Without the brackets of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
    /// As in `Host`.
    pub(super) authority: String,
}

/// The head of the answer, with its body still to come. Of the request's own head, `Host` is added.
pub(super) async fn exchange(
    server: &Server,
    request: Request<Full<Bytes>>,
) -> io::Result<Response<Incoming>> {
    let answer = tokio::time::timeout(PATIENCE, send(server, request)).await;
    answer.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", PATIENCE.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    })
}

async fn send(
    server: &Server,
    mut request: Request<Full<Bytes>>,
) -> io::Result<Response<Incoming>> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let host =
        HeaderValue::from_str(&server.authority).map_err(|error| invalid(error.to_string()))?;
    request.headers_mut().insert(HOST, host);
    let tcp = TcpStream::connect((server.host.as_str(), server.port)).await?;
    tcp.set_nodelay(true)?;
    let mut sender = if server.is_tls {
        let name = ServerName::try_from(server.host.clone());
        let name = name.map_err(|error| invalid(error.to_string()))?;
        let tls = TlsConnector::from(client_config())
            .connect(name, tcp)
            .await?;
        begin(tls).await?
    } else {
        begin(tcp).await?
    };
    sender.send_request(request).await.map_err(io::Error::other)
}

async fn begin<I>(io: I) -> io::Result<SendRequest<Full<Bytes>>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(io))
        .await
        .map_err(io::Error::other)?;
    // Ends with the answer's body. An error shows there, too.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}

/// Trusts what the machine trusts, `SSL_CERT_FILE` included.
fn client_config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the versions that rustls wants")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    });
    Arc::clone(config)
}

const PATIENCE: Duration = Duration::from_mins(1);
