//! Binds addresses, accepts connections, shakes hands over TLS, and hands each stream to its front
//! end in a task of its own. An accept loop only accepts: nothing a peer does or leaves undone can
//! hold it up.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, error, warn};

use crate::admin::{self, AdminContext};
use crate::amqp;
use crate::blob::{self, BlobFolder};
use crate::config::Ports;
use crate::directory::{Directory, NoHub, cut};
use crate::entrance::Entrance;
use crate::host_names::HubHost;
use crate::hub::HubHandle;
use crate::mqtt;
use crate::rest;
use crate::seed;
use crate::serving::{self, Serving};
use crate::stop::StopToken;
use crate::tls::{self, Accepted, Authority, TlsStream, TrustFiles};

/// What a front end needs to serve one connection. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionContext {
    /// Every hub of the process.
    pub(crate) directory: Directory,
    /// The hub that is spoken to; the default one until the client names another.
    pub(crate) hub: HubHandle,
    /// The hub of its own that the client has named on its way in (SNI, `Host`): it may not name
    /// another one then.
    pub(crate) door: Option<HubHost>,
    /// Who is at the other end.
    pub(crate) peer: SocketAddr,
    /// To be held as long as the connection lives; comes back when it shall end.
    pub(crate) stop: StopToken,
}

impl ConnectionContext {
    /// A connection that has said nothing yet.
    pub(crate) fn new(directory: &Directory, peer: SocketAddr, stop: StopToken) -> Self {
        let (directory, hub) = (directory.clone(), directory.default_hub().clone());
        Self {
            directory,
            hub,
            door: None,
            peer,
            stop,
        }
    }

    /// The connection as one to the hub that the client calls `host`.
    pub(crate) fn to(&self, host: &str) -> Result<Self, NoHub> {
        let hub = self.directory.find(host)?;
        let own = hub.own_name();
        if let Some(door) = &self.door
            && own != Some(door)
        {
            let (door, host) = (door.clone(), cut(host));
            return Err(NoHub::Contradiction { door, host });
        }
        let mut named = self.clone();
        named.door = own.cloned();
        named.hub = hub;
        Ok(named)
    }
}

/// Which front end serves the connections of a listener.
#[derive(Clone, Debug)]
pub(crate) enum Service {
    Mqtts(Arc<Authority>),
    Amqps(Arc<Authority>),
    Https(Arc<Authority>),
    Mqtt,
    Http,
    Admin(AdminService),
    Blob(Arc<BlobFolder>),
}

/// What the admin endpoint shows beside the hub. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct AdminService {
    pub(crate) ports: Ports,
    /// Those beside `localhost` and loopback addresses.
    pub(crate) host_names: Arc<[String]>,
    pub(crate) ca_path: Arc<Path>,
    /// Where containers of blobs are served, if they are.
    pub(crate) blob_url: Option<Arc<str>>,
    pub(crate) trust: watch::Receiver<Option<Arc<TrustFiles>>>,
}

/// The listeners of one endpoint, all on the same port.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) port: u16,
    pub(crate) listeners: Vec<TcpListener>,
}

impl Bound {
    /// The first of its addresses.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listeners.first()?.local_addr().ok()
    }
}

/// Where binding failed, and why.
#[derive(Debug)]
pub(crate) struct BindError {
    pub(crate) addr: SocketAddr,
    pub(crate) source: io::Error,
}

/// Binds `port` on every address. With port 0 the system chooses one that is free on all of them.
/// An IPv6 address that the machine does not have is left out with a warning.
pub(crate) fn bind(addresses: &[IpAddr], port: u16) -> Result<Bound, BindError> {
    let mut attempts = if port == 0 { CHOICES_OF_PORT } else { 1 };
    loop {
        attempts -= 1;
        match bind_once(addresses, port) {
            Err(error) if attempts > 0 && error.source.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
}

fn bind_once(addresses: &[IpAddr], mut port: u16) -> Result<Bound, BindError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    let mut absent = None;
    for address in addresses {
        let addr = SocketAddr::new(*address, port);
        match listen(addr) {
            Ok((listener, chosen)) => {
                listeners.push(listener);
                port = chosen;
            }
            Err(source) if address.is_ipv6() && is_absent(&source) => {
                absent = Some(BindError { addr, source });
            }
            Err(source) => return Err(BindError { addr, source }),
        }
    }
    match absent {
        Some(error) if listeners.is_empty() => Err(error),
        Some(BindError { addr, source }) => {
            warn!(%addr, %source, "this machine has no such IPv6 address: left out");
            Ok(Bound { port, listeners })
        }
        None => Ok(Bound { port, listeners }),
    }
}

fn listen(addr: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let listener = open(hold(addr)?)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Takes the address and lets nobody in: whoever connects is refused, and nobody else gets the port.
fn hold(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted hub must not wait for the old one's connections to time out. Elsewhere the
    // option lets two processes share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        // So that `::` and `0.0.0.0` can both be bound.
        socket.set_only_v6(true)?;
    }
    // What is accepted inherits it, on all systems: a call less for each connection.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn open(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Whether the machine lacks the address or its whole family.
fn is_absent(error: &io::Error) -> bool {
    // The standard library has no kind for "address family not supported".
    error.kind() == io::ErrorKind::AddrNotAvailable
        || matches!(
            error.raw_os_error(),
            Some(EAFNOSUPPORT_LINUX | EAFNOSUPPORT_MAC_OS | WSAEAFNOSUPPORT)
        )
}

/// Accepts while `entrance` is open, until the emulator stops; then waits for the connections. Aborting it
/// aborts them. That it listens is noted already.
pub(crate) async fn run(
    listener: TcpListener,
    service: Service,
    directory: Directory,
    entrance: Arc<Entrance>,
    stop: StopToken,
) {
    let mut connections = JoinSet::new();
    let address = listener.local_addr();
    let mut listener = Some(listener);
    let mut held = None;
    let mut stopping = stop.clone();
    let stopped = stopping.stopped();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => break,
            Some(ended) = connections.join_next() => report(ended),
            // Whoever has connected and was not accepted yet is put off with the listener.
            () = entrance.until(false), if listener.is_some() => {
                listener = None;
                held = address.as_ref().ok().and_then(|address| hold(*address).ok());
                entrance.note_listening(false);
            }
            () = entrance.until(true), if listener.is_none() => {
                listener = listen_again(held.take(), &address, directory.default_hub()).await;
                if listener.is_some() {
                    entrance.note_listening(true);
                }
            }
            accepted = accept(listener.as_ref()), if listener.is_some() => {
                let mut waiting = Some(accepted);
                let mut places = ACCEPTED_AT_ONCE;
                while let Some(accepted) = waiting.take() {
                    match accepted {
                        Ok((socket, peer)) => {
                            let context = ConnectionContext::new(&directory, peer, entrance.token());
                            connections.spawn(service.clone().serve(socket, context));
                        }
                        Err(error) => pause_after(&error, directory.default_hub()).await,
                    }
                    places -= 1;
                    if places > 0 {
                        // Of a crowd the next is there already: no need to ask what else there is.
                        waiting = accept(listener.as_ref()).now_or_never();
                    }
                }
            }
        }
    }
    drop((listener, stop));
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// The same address as before: as it was held meanwhile, or anew; `None`, after a moment, if somebody
/// has it.
async fn listen_again(
    held: Option<Socket>,
    address: &io::Result<SocketAddr>,
    hub: &HubHandle,
) -> Option<TcpListener> {
    let address = address.as_ref().ok()?;
    match held.map_or_else(|| hold(*address), Ok).and_then(open) {
        Ok(listener) => Some(listener),
        Err(error) => {
            if hub.is_news("listen", ACCEPT_SILENCE) {
                warn!(%address, %error, "cannot listen again; trying again in a moment");
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(panic) = ended {
        error!(%panic, "a connection's task panicked: this is a bug in Hubnerite");
    }
}

/// A connection that died in the queue says nothing about the next one; a lack of file descriptors
/// or memory does, and trying again at once would only burn a core.
async fn pause_after(error: &io::Error, hub: &HubHandle) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::Interrupted => debug!(%error, "a connection died before it was accepted"),
        _ => {
            // Every accept loop of the hub meets it, ten times a second.
            if hub.is_news("accept", ACCEPT_SILENCE) {
                warn!(%error, "cannot accept connections; trying again in a moment");
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

impl Service {
    /// Serves a connection.
    fn serve(self, socket: TcpStream, context: ConnectionContext) -> Serving {
        Serving::Open(match self {
            Self::Mqtt => Box::pin(mqtt::serve(socket, context)),
            Self::Http => Box::pin(rest::serve_connection(socket, context)),
            Self::Mqtts(authority) => {
                return after_handshake(socket, authority, context, |stream, context| {
                    Box::pin(mqtt::serve(stream, context))
                });
            }
            Self::Amqps(authority) => {
                return after_handshake(socket, authority, context, |stream, context| {
                    Box::pin(amqp::serve(stream, context))
                });
            }
            Self::Https(authority) => {
                return after_handshake(socket, authority, context, |stream, context| {
                    Box::pin(rest::serve_connection(stream, context))
                });
            }
            Self::Blob(folder) => {
                let ConnectionContext { peer, stop, .. } = context;
                Box::pin(blob::serve_connection(socket, peer, stop, folder))
            }
            Self::Admin(service) => {
                let AdminService {
                    ports,
                    host_names,
                    ca_path,
                    blob_url,
                    trust,
                } = service;
                let connection = context;
                let context = AdminContext {
                    connection,
                    ports,
                    host_names,
                    ca_path,
                    blob_url,
                    trust,
                    seed_codec: seed::CODEC,
                };
                Box::pin(admin::serve_connection(socket, context))
            }
        })
    }
}

/// Shakes hands, and serves what comes of it.
fn after_handshake(
    socket: TcpStream,
    authority: Arc<Authority>,
    context: ConnectionContext,
    serve: fn(Box<TlsStream<TcpStream>>, ConnectionContext) -> serving::Service,
) -> Serving {
    Serving::ShakingHands(Box::pin(async move {
        let (stream, context) = shake_hands(socket, authority, context).await?;
        Some(serve(stream, context))
    }))
}

/// A handshake in bounded time; `None` if it came to nothing, which is in the log then.
async fn shake_hands(
    socket: TcpStream,
    authority: Arc<Authority>,
    mut context: ConnectionContext,
) -> Option<(Box<TlsStream<TcpStream>>, ConnectionContext)> {
    let peer = context.peer;
    let local = socket.local_addr().ok()?.ip();
    let now = context.hub.clock().machine_now();
    let accept = tls::accept(socket, &authority, local, now);
    tokio::select! {
        accepted = tokio::time::timeout(HANDSHAKE_WITHIN, accept) => match accepted {
            Ok(Ok(Accepted { stream, server_name })) => {
                context.door = door(server_name.as_deref(), &context.directory);
                return Some((Box::new(stream), context));
            }
            Ok(Err(reason)) => {
                let cause = std::error::Error::source(&reason).map(ToString::to_string);
                warn!(%peer, %reason, cause, "TLS handshake failed");
            }
            Err(_) => warn!(%peer, "TLS handshake took longer than {HANDSHAKE_WITHIN:?}"),
        },
        () = context.stop.stopped() => {}
    }
    None
}

/// The hub of its own that a client asked for by SNI. Of a name without a hub nothing follows: what
/// the client says next is refused where it can read why.
fn door(server_name: Option<&str>, directory: &Directory) -> Option<HubHost> {
    let named = HubHost::spelled(server_name?)?;
    directory.get(&named).map(|_| named)
}

const BACKLOG: i32 = 1024;
/// How many are let in before the loop looks whether it shall end.
const ACCEPTED_AT_ONCE: usize = 32;
/// How often another free port is tried that may be free on all addresses.
const CHOICES_OF_PORT: u32 = 32;
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const ACCEPT_SILENCE: Duration = Duration::from_secs(1);
const EAFNOSUPPORT_LINUX: i32 = 97;
const EAFNOSUPPORT_MAC_OS: i32 = 47;
const WSAEAFNOSUPPORT: i32 = 10047;

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> [IpAddr; 2] {
        ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()]
    }

    #[tokio::test]
    async fn a_chosen_port_is_the_same_on_every_address() {
        let bound = bind(&loopback(), 0).unwrap();
        assert_ne!(bound.port, 0);
        for listener in &bound.listeners {
            assert_eq!(listener.local_addr().unwrap().port(), bound.port);
        }
    }

    #[tokio::test]
    async fn what_is_accepted_sends_without_delay() {
        let mut bound = bind(&loopback()[..1], 0).unwrap();
        let client = TcpStream::connect(bound.address().unwrap()).await.unwrap();
        let (accepted, _) = bound.listeners.remove(0).accept().await.unwrap();
        assert!(accepted.nodelay().unwrap());
        drop(client);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_its_address() {
        let bound = bind(&loopback()[..1], 0).unwrap();
        let error = bind(&loopback()[..1], bound.port).unwrap_err();
        assert_eq!(error.addr, SocketAddr::new(loopback()[0], bound.port));
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn an_ipv6_address_the_machine_lacks_is_left_out_but_an_ipv4_one_is_not() {
        let foreign_v6: IpAddr = "2001:db8::1".parse().unwrap();
        let bound = bind(&[loopback()[0], foreign_v6], 0).unwrap();
        assert_eq!(bound.listeners.len(), 1);
        assert_eq!(bind(&[foreign_v6], 0).unwrap_err().addr.ip(), foreign_v6);
        let foreign_v4: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(
            bind(&[loopback()[0], foreign_v4], 0).unwrap_err().addr.ip(),
            foreign_v4
        );
    }
}
