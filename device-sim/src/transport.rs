//! Sockets to a hub: TCP, TLS over it, WebSocket over that, and pipes in memory. Knows no MQTT.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

mod names;
mod tls;
mod websocket;

pub(crate) use names::Names;

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
    /// The roots trusted, and the versions spoken. Shared by all devices, and with it the tickets of
    /// sessions that can be resumed.
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

/// What a device speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// MQTT over TLS.
    #[default]
    Mqtts,
    /// MQTT over plain TCP.
    Mqtt,
    /// MQTT over WebSocket over TLS.
    Wss,
    /// MQTT without sockets, to a hub in this process.
    Memory,
}

/// Any open socket.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open connection, and how long its parts took.
pub struct Connection {
    /// What MQTT is spoken over.
    pub stream: Box<dyn Stream>,
    /// When TCP was there; at once in memory.
    pub tcp_at: Instant,
    /// How long the TLS handshake took.
    pub tls_took: Option<Duration>,
    /// How long the WebSocket handshake took.
    pub web_socket_took: Option<Duration>,
}

/// Opens a socket; gives up after 30 s.
pub async fn connect(target: &Target) -> io::Result<Box<dyn Stream>> {
    let names = Names::default();
    let opening = open_mqtt(target, &names, 0);
    let opened = within(&target.dial_host, target.port, opening).await?;
    Ok(opened.stream)
}

/// Opens the connection of device number `device`; gives up after 30 s.
pub(crate) async fn open(
    endpoints: &Endpoints,
    names: &Names,
    transport: Transport,
    device: u32,
) -> io::Result<Connection> {
    let no_way = || {
        io::Error::new(
            io::ErrorKind::Unsupported,
            format!("this hub cannot be reached over {transport:?}"),
        )
    };
    match transport {
        Transport::Mqtts => {
            let target = endpoints.mqtts.as_ref().ok_or_else(no_way)?;
            let opening = open_mqtt(target, names, device);
            within(&target.dial_host, target.port, opening).await
        }
        Transport::Mqtt => {
            let target = endpoints.mqtt.as_ref().ok_or_else(no_way)?;
            let opening = open_mqtt(target, names, device);
            within(&target.dial_host, target.port, opening).await
        }
        Transport::Wss => {
            let target = endpoints.wss.as_ref().ok_or_else(no_way)?;
            let opening = Box::pin(open_web_socket(target, names, device));
            within(&target.dial_host, target.port, opening).await
        }
        Transport::Memory => {
            let door = endpoints.memory.as_ref().ok_or_else(no_way)?;
            Ok(Connection {
                stream: door()?,
                tcp_at: Instant::now(),
                tls_took: None,
                web_socket_took: None,
            })
        }
    }
}

async fn within(
    host: &str,
    port: u16,
    opening: impl Future<Output = io::Result<Connection>>,
) -> io::Result<Connection> {
    let opened = tokio::time::timeout(CONNECT_WITHIN, opening).await;
    opened.unwrap_or_else(|_| {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no connection to {host}:{port} within 30 s"),
        ))
    })
}

async fn open_mqtt(target: &Target, names: &Names, device: u32) -> io::Result<Connection> {
    let tcp = open_tcp(&target.dial_host, target.port, names, device).await?;
    let tcp_at = Instant::now();
    let Some(tls) = &target.tls else {
        return Ok(Connection {
            stream: Box::new(tcp),
            tcp_at,
            tls_took: None,
            web_socket_took: None,
        });
    };
    // On the heap: a handshake is large, and devices that dial plain TCP at once must not each hold
    // room for one.
    Box::pin(open_tls(tls, tcp, tcp_at)).await
}

async fn open_tls(tls: &Tls, tcp: TcpStream, tcp_at: Instant) -> io::Result<Connection> {
    let stream = tls::connect(Arc::clone(&tls.config), tls.name.clone(), tcp).await?;
    Ok(Connection {
        stream: Box::new(stream),
        tcp_at,
        tls_took: Some(tcp_at.elapsed()),
        web_socket_took: None,
    })
}

async fn open_web_socket(target: &Target, names: &Names, device: u32) -> io::Result<Connection> {
    let secure = open_mqtt(target, names, device).await?;
    let name = match &target.tls {
        Some(tls) => tls.name.to_str().into_owned(),
        None => target.dial_host.clone(),
    };
    let start = Instant::now();
    Ok(Connection {
        stream: Box::new(websocket::open(secure.stream, &name).await?),
        web_socket_took: Some(start.elapsed()),
        ..secure
    })
}

async fn open_tcp(host: &str, port: u16, names: &Names, device: u32) -> io::Result<TcpStream> {
    let host = host.trim_matches(['[', ']']);
    let mut last = None;
    let addresses = names.addresses(host, port).await?;
    for address in addresses.iter().copied() {
        match open_tcp_at(address, device).await {
            Ok(tcp) => {
                // Packets are small and answers are awaited: never hold one back.
                tcp.set_nodelay(true)?;
                if addresses.first() != Some(&address) {
                    names.prefer(host, port, address);
                }
                return Ok(tcp);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("the name {host} has no address"),
        )
    }))
}

async fn open_tcp_at(address: SocketAddr, device: u32) -> io::Result<TcpStream> {
    match source(address, device) {
        Some(source) => {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(source.into(), 0))?;
            socket.connect(address).await
        }
        None => TcpStream::connect(address).await,
    }
}

/// The address to dial from; `None` leaves it to the system.
///
/// One source address has some 28,000 ports towards one target, several processes share them, and
/// searching for a free one gets slow when they run out. The whole of 127.0.0.0/8 is this machine on
/// Linux, so a loopback target is dialled from several addresses.
fn source(target: SocketAddr, device: u32) -> Option<Ipv4Addr> {
    let block = device / DEVICES_PER_SOURCE;
    let IpAddr::V4(address) = target.ip() else {
        return None;
    };
    if block == 0 || !address.is_loopback() || !cfg!(target_os = "linux") {
        return None;
    }
    let [_, _, high, low] = (block % 65_536).to_be_bytes();
    Some(Ipv4Addr::new(127, 1, high, low))
}

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

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("tcp_at", &self.tcp_at)
            .field("tls_took", &self.tls_took)
            .field("web_socket_took", &self.web_socket_took)
            .finish_non_exhaustive()
    }
}

const CONNECT_WITHIN: Duration = Duration::from_secs(30);
const DEVICES_PER_SOURCE: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_ten_thousand_devices_loopback_is_dialled_from_further_addresses() {
        let local: SocketAddr = "127.0.0.1:1883".parse().unwrap();
        let far: SocketAddr = "192.0.2.1:1883".parse().unwrap();
        let six: SocketAddr = "[::1]:1883".parse().unwrap();
        assert_eq!(source(local, 9_999), None);
        assert_eq!(source(far, 10_000), None);
        assert_eq!(source(six, 10_000), None);
        if cfg!(target_os = "linux") {
            assert_eq!(source(local, 10_000), Some([127, 1, 0, 1].into()));
            assert_eq!(source(local, 2_570_000), Some([127, 1, 1, 1].into()));
        }
    }

    #[tokio::test]
    async fn a_way_that_is_missing_is_said_to_be() {
        let endpoints = Endpoints::default();
        let error = open(&endpoints, &Names::default(), Transport::Wss, 0)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "this hub cannot be reached over Wss");
    }

    #[test]
    fn a_plain_dial_holds_no_room_for_the_handshakes_of_others() {
        let endpoints = Endpoints::default();
        let names = Names::default();
        let dial = open(&endpoints, &names, Transport::Mqtt, 0);
        assert!(size_of_val(&dial) <= 1024, "{}", size_of_val(&dial));
    }
}
