//! Sockets to a hub: TCP, and TLS over it. Knows no MQTT.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where and how to dial.
#[derive(Clone, Debug)]
pub struct Target {
    /// The host to dial: an address or a name.
    pub dial_host: String,
    /// The port: 8883 with TLS, 1883 without, unless a local hub has moved it.
    pub port: u16,
    /// TLS, verified against `name`; `None` for plain TCP.
    pub tls: Option<Tls>,
}

/// How TLS is spoken.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The roots trusted, and the versions spoken.
    pub config: Arc<rustls::ClientConfig>,
    /// The name the certificate must have: the hub's host name.
    pub name: ServerName<'static>,
}

/// The ways to a hub; a transport whose way is missing cannot be dialled.
#[derive(Clone, Default)]
pub struct Endpoints {
    /// MQTT over TLS: port 8883.
    pub mqtts: Option<Target>,
    /// MQTT over plain TCP: port 1883.
    pub mqtt: Option<Target>,
    /// MQTT over WebSocket over TLS: port 443.
    pub wss: Option<Target>,
    /// A hub in this process.
    pub memory: Option<Door>,
}

/// The way into a hub of this process: every call is a new connection.
pub type Door = Arc<dyn Fn() -> io::Result<Box<dyn Stream>> + Send + Sync>;

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints")
            .field("mqtts", &self.mqtts)
            .field("mqtt", &self.mqtt)
            .field("wss", &self.wss)
            .field("memory", &self.memory.is_some())
            .finish()
    }
}

/// Any open socket.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens a socket; gives up after 30 s.
pub async fn connect(target: &Target) -> io::Result<Box<dyn Stream>> {
    tokio::time::timeout(CONNECT_WITHIN, connect_unbounded(target))
        .await
        .unwrap_or_else(|_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "no connection to {}:{} within 30 s",
                    target.dial_host, target.port
                ),
            ))
        })
}

async fn connect_unbounded(target: &Target) -> io::Result<Box<dyn Stream>> {
    let tcp = TcpStream::connect((target.dial_host.as_str(), target.port)).await?;
    // Packets are small and answers are awaited: never hold one back.
    tcp.set_nodelay(true)?;
    let Some(tls) = &target.tls else {
        return Ok(Box::new(tcp));
    };
    let connector = TlsConnector::from(Arc::clone(&tls.config));
    Ok(Box::new(connector.connect(tls.name.clone(), tcp).await?))
}

const CONNECT_WITHIN: Duration = Duration::from_secs(30);
