//! The endpoints: the sockets of each, bound at the start, and an accept loop for each of them.
//!
//! Knows which front end an endpoint has, and nothing of hubs but who is let in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::blob::BlobFolder;
use crate::config::{BlobEndpoint, Ports};
use crate::directory::Directory;
use crate::emulator::StartError;
use crate::entrance::Entrance;
use crate::listener::{self, AdminService, BindError, Bound, Service};
use crate::stop::StopSwitch;
use crate::tls::Authority;

/// Who asks after the hub is answered while it is away, too.
#[derive(Debug)]
pub(crate) struct Entrances {
    pub(crate) hub: Arc<Entrance>,
    pub(crate) admin: Arc<Entrance>,
}

impl Entrances {
    pub(crate) fn new() -> Self {
        Self {
            hub: Arc::new(Entrance::new()),
            admin: Arc::new(Entrance::new()),
        }
    }
}

/// The bound listeners of each endpoint.
pub(crate) struct Endpoints {
    /// Those that could be bound.
    pub(crate) addresses: Vec<IpAddr>,
    mqtts: Option<Bound>,
    amqps: Option<Bound>,
    https: Option<Bound>,
    mqtt: Option<Bound>,
    http: Option<Bound>,
    admin: Option<Bound>,
}

impl Endpoints {
    pub(crate) fn bind(
        addresses: &[IpAddr],
        admin_addresses: &[IpAddr],
        ports: Ports,
    ) -> Result<Self, StartError> {
        if addresses.is_empty() {
            return Err(StartError::NoAddress);
        }
        let bind_on = |addresses: &[IpAddr], what: &'static str, port: Option<u16>| {
            let bound = port.map(|port| listener::bind(addresses, port)).transpose();
            bound.map_err(|BindError { addr, source }| StartError::Bind { what, addr, source })
        };
        let bind = |what, port| bind_on(addresses, what, port);
        let mut endpoints = Self {
            addresses: Vec::new(),
            mqtts: bind("MQTT over TLS", ports.mqtts)?,
            amqps: bind("AMQP over TLS", ports.amqps)?,
            https: bind("HTTPS", ports.https)?,
            mqtt: bind("MQTT", ports.mqtt)?,
            http: bind("HTTP", ports.http)?,
            admin: bind_on(admin_addresses, "admin", ports.admin)?,
        };
        let bound = [
            &endpoints.mqtts,
            &endpoints.amqps,
            &endpoints.https,
            &endpoints.mqtt,
            &endpoints.http,
            &endpoints.admin,
        ];
        let bound = bound
            .into_iter()
            .flatten()
            .flat_map(|bound| &bound.listeners);
        let local = bound.filter_map(|listener| Some(listener.local_addr().ok()?.ip()));
        let local: Vec<IpAddr> = local.collect();
        endpoints.addresses = addresses
            .iter()
            .copied()
            .filter(|address| local.contains(address))
            .collect();
        Ok(endpoints)
    }

    /// Where the admin endpoint is, if there is one.
    pub(crate) fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.address()
    }

    pub(crate) fn ports(&self) -> Ports {
        let port = |bound: &Option<Bound>| bound.as_ref().map(|bound| bound.port);
        Ports {
            mqtts: port(&self.mqtts),
            amqps: port(&self.amqps),
            https: port(&self.https),
            mqtt: port(&self.mqtt),
            http: port(&self.http),
            admin: port(&self.admin),
        }
    }

    /// On how many sockets clients are waited for, the admin endpoint's not counted.
    pub(crate) fn listeners(&self) -> usize {
        let bound = [
            &self.mqtts,
            &self.amqps,
            &self.https,
            &self.mqtt,
            &self.http,
        ];
        let bound = bound.into_iter().flatten();
        bound.map(|bound| bound.listeners.len()).sum()
    }

    /// Starts an accept loop for every listener.
    pub(crate) fn serve(
        self,
        authority: &Arc<Authority>,
        admin: &AdminService,
        directory: &Directory,
        (entrances, switch): (&Entrances, &StopSwitch),
    ) -> Vec<JoinHandle<()>> {
        let services = [
            (self.mqtts, Service::Mqtts(Arc::clone(authority))),
            (self.amqps, Service::Amqps(Arc::clone(authority))),
            (self.https, Service::Https(Arc::clone(authority))),
            (self.mqtt, Service::Mqtt),
            (self.http, Service::Http),
            (self.admin, Service::Admin(admin.clone())),
        ];
        let mut accept_loops = Vec::new();
        for (bound, service) in services {
            let entrance = match &service {
                Service::Admin(_) => &entrances.admin,
                _ => &entrances.hub,
            };
            let bound = bound.into_iter();
            accept_loops.extend(
                bound.flat_map(|bound| serve(bound, &service, directory, entrance, switch)),
            );
        }
        accept_loops
    }
}

/// Starts an accept loop for every listener of an endpoint.
pub(crate) fn serve(
    bound: Bound,
    service: &Service,
    directory: &Directory,
    entrance: &Arc<Entrance>,
    switch: &StopSwitch,
) -> Vec<JoinHandle<()>> {
    let serve = |listener| {
        entrance.note_listening(true);
        let (service, directory) = (service.clone(), directory.clone());
        let (entrance, stop) = (Arc::clone(entrance), switch.token());
        tokio::spawn(listener::run(listener, service, directory, entrance, stop))
    };
    bound.listeners.into_iter().map(serve).collect()
}

/// Where containers are: beneath the one account.
pub(crate) fn blob_url(address: SocketAddr) -> String {
    let mut dialled = address;
    if dialled.ip().is_unspecified() {
        dialled.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{dialled}/devstoreaccount1")
}

/// The folder of blobs and its listeners.
pub(crate) fn bind_blobs(
    addresses: &[IpAddr],
    endpoint: &BlobEndpoint,
) -> Result<(Bound, Arc<BlobFolder>), StartError> {
    let BlobEndpoint { dir, port } = endpoint;
    let bound = listener::bind(addresses, *port);
    let bound = bound.map_err(|BindError { addr, source }| StartError::Bind {
        what: "blobs",
        addr,
        source,
    })?;
    let folder = BlobFolder::open(dir).map_err(|source| StartError::BlobFolder {
        dir: dir.clone(),
        source,
    })?;
    Ok((bound, Arc::new(folder)))
}
