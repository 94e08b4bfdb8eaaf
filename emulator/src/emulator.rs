//! The whole: puts the parts together, starts and stops them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hub_core::HubError;
use hub_proto::connection_string::{ConnectionString, Owner};
use hub_proto::ids::ClientIdentity;
use hub_proto::sas::SasKey;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::clock::{Clock, MachineClock, VirtualClock};
use crate::config::{ClockMode, Config, Ports};
use crate::event_log::EventLog;
use crate::host_names::HostNames;
use crate::hub::{self, HubHandle, HubParts};
use crate::listener::{self, AdminService, BindError, Bound, Service};
use crate::stop::StopSwitch;
use crate::tls::{self, Authority, TlsError, TrustFiles};

/// Starts emulators.
#[derive(Debug)]
pub struct Emulator {
    _private: (),
}

/// An emulator whose endpoints are open. Dropping it closes them at once; [`RunningEmulator::stop`]
/// does so in order.
#[derive(Debug)]
pub struct RunningEmulator {
    hub: HubHandle,
    ports: Ports,
    addresses: Vec<IpAddr>,
    admin_address: Option<SocketAddr>,
    authority: Arc<Authority>,
    /// There until the emulator is stopped.
    switch: Option<StopSwitch>,
    accept_loops: Vec<JoinHandle<()>>,
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration names no address.
    #[error("there is no address to bind")]
    NoAddress,
    /// An address could not be bound.
    #[error("cannot bind {addr} for {what}")]
    Bind {
        /// The endpoint, as a person calls it: `MQTT over TLS`, `AMQP over TLS`, `HTTPS`, `MQTT`, `admin`.
        what: &'static str,
        /// The address.
        addr: SocketAddr,
        /// What the system says; [`BindProblem::of`] tells the common cases apart.
        source: std::io::Error,
    },
    /// The certificate authority cannot be opened or made.
    #[error("cannot use the certificate authority")]
    Authority(#[from] TlsError),
}

/// The usual reasons why an address cannot be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindProblem {
    /// Somebody has the port already.
    InUse,
    /// The port is below 1024 and the process may not have it.
    PermissionDenied,
    /// Something else.
    Other,
}

impl BindProblem {
    /// What kind of problem `error` is.
    pub fn of(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::AddrInUse => Self::InUse,
            std::io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            _ => Self::Other,
        }
    }
}

impl Emulator {
    /// Binds every endpoint of `config` and serves it until the result is stopped or dropped.
    pub async fn start(config: Config) -> Result<RunningEmulator, StartError> {
        let admin_addresses = config.admin_addresses();
        let Config {
            addresses,
            admin_addresses: _,
            ports,
            host_names,
            ca_dir,
            policies,
            limits,
            throttling,
            event_log,
            clock,
        } = config;
        let machine = MachineClock::start();
        let clock = match clock {
            ClockMode::Machine => Clock::Machine(machine),
            ClockMode::Virtual => Clock::Virtual(VirtualClock::start()),
        };
        // First of all: a port that is taken is the commonest failure, and leaves no trace.
        let endpoints = Endpoints::bind(&addresses, &admin_addresses, ports)?;
        let names = HostNames::new(&host_names, &endpoints.addresses);
        let authority = open_authority(ca_dir, names.clone(), machine).await?;
        let event_log = EventLog::new(event_log);
        let hub = hub::start(HubParts {
            clock,
            limits,
            throttling,
            policies,
            host_names: names,
            event_log,
        });
        let switch = StopSwitch::new();
        let ports = endpoints.ports();
        let admin = AdminService {
            ports,
            host_names: host_names.into(),
            ca_path: authority.ca_path().into(),
            trust: export_trust(Arc::clone(&authority), machine),
        };
        let addresses = endpoints.addresses.clone();
        let admin_address = endpoints.admin_address();
        let accept_loops = endpoints.serve(&authority, &admin, &hub, &switch);
        info!(?ports, ?addresses, "the endpoints are open");
        let switch = Some(switch);
        Ok(RunningEmulator {
            hub,
            ports,
            addresses,
            admin_address,
            authority,
            switch,
            accept_loops,
        })
    }
}

/// The bound listeners of each endpoint.
struct Endpoints {
    /// Those that could be bound.
    addresses: Vec<IpAddr>,
    mqtts: Option<Bound>,
    amqps: Option<Bound>,
    https: Option<Bound>,
    mqtt: Option<Bound>,
    admin: Option<Bound>,
}

impl Endpoints {
    fn bind(
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
            admin: bind_on(admin_addresses, "admin", ports.admin)?,
        };
        let bound = [
            &endpoints.mqtts,
            &endpoints.amqps,
            &endpoints.https,
            &endpoints.mqtt,
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
    fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.listeners.first()?.local_addr().ok()
    }

    fn ports(&self) -> Ports {
        let port = |bound: &Option<Bound>| bound.as_ref().map(|bound| bound.port);
        Ports {
            mqtts: port(&self.mqtts),
            amqps: port(&self.amqps),
            https: port(&self.https),
            mqtt: port(&self.mqtt),
            admin: port(&self.admin),
        }
    }

    /// Starts an accept loop for every listener.
    fn serve(
        self,
        authority: &Arc<Authority>,
        admin: &AdminService,
        hub: &HubHandle,
        switch: &StopSwitch,
    ) -> Vec<JoinHandle<()>> {
        let services = [
            (self.mqtts, Service::Mqtts(Arc::clone(authority))),
            (self.amqps, Service::Amqps(Arc::clone(authority))),
            (self.https, Service::Https(Arc::clone(authority))),
            (self.mqtt, Service::Mqtt),
            (self.admin, Service::Admin(admin.clone())),
        ];
        let mut accept_loops = Vec::new();
        for (bound, service) in services {
            for listener in bound.into_iter().flat_map(|bound| bound.listeners) {
                let (hub, stop) = (hub.clone(), switch.token());
                let accept_loop = listener::run(listener, service.clone(), hub, stop);
                accept_loops.push(tokio::spawn(accept_loop));
            }
        }
        accept_loops
    }
}

/// Files are read and a key may be made: not work for a thread that serves connections.
async fn open_authority(
    ca_dir: PathBuf,
    names: HostNames,
    clock: MachineClock,
) -> Result<Arc<Authority>, TlsError> {
    let open = move || Authority::open_or_create(&ca_dir, clock.now());
    let opened = tokio::task::spawn_blocking(open).await;
    let authority = opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    Ok(Arc::new(authority.with_host_names(names)))
}

/// Writes the files by which clients come to trust the CA. Not worth waiting for at the start.
fn export_trust(
    authority: Arc<Authority>,
    clock: MachineClock,
) -> watch::Receiver<Option<Arc<TrustFiles>>> {
    let (exported, trust) = watch::channel(None);
    tokio::task::spawn_blocking(move || match tls::export(&authority, clock.now()) {
        Ok(files) => {
            exported.send_replace(Some(Arc::new(files)));
        }
        Err(error) => warn!(%error, "the trust files cannot be written; the CA itself is there"),
    });
    trust
}

impl RunningEmulator {
    /// The hub, for calls in the same process.
    pub fn hub(&self) -> &HubHandle {
        &self.hub
    }

    /// The hub's clock, if it moves by hand ([`ClockMode::Virtual`]).
    pub fn virtual_clock(&self) -> Option<&VirtualClock> {
        self.hub.clock().as_virtual()
    }

    /// The event log.
    pub fn event_log(&self) -> &EventLog {
        self.hub.event_log()
    }

    /// The ports in use: never 0.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The addresses bound: those of the configuration that the machine has.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// The connection string of a policy with its primary key, if there is such a policy.
    pub fn connection_string(&self, policy: &str, host: &str) -> Option<String> {
        let key = self.hub.policies().get(policy)?.primary.clone();
        Some(print_connection_string(
            host,
            Owner::Policy(policy.to_owned()),
            key,
        ))
    }

    /// The connection string of a device or module with its primary key; an argument error if it
    /// has no keys.
    pub fn client_connection_string(
        &self,
        client: &ClientIdentity,
        host: &str,
    ) -> Result<String, HubError> {
        let (authentication, owner) = match client {
            ClientIdentity::Device(id) => (
                self.hub.device(id)?.authentication,
                Owner::Device(id.to_string()),
            ),
            ClientIdentity::Module(device, id) => (
                self.hub.module(device, id)?.authentication,
                Owner::Module(device.to_string(), id.to_string()),
            ),
        };
        let Some(keys) = authentication.keys() else {
            let kind = authentication.kind();
            return Err(HubError::Argument(format!(
                "{client} has authentication {kind}, and no keys"
            )));
        };
        Ok(print_connection_string(host, owner, keys.primary.clone()))
    }

    /// Where the CA certificate is, as a PEM file.
    pub fn ca_path(&self) -> &Path {
        self.authority.ca_path()
    }

    /// The certificate authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// `http://{address}:{port}` of the admin endpoint, if there is one; by the loopback address
    /// where it is bound on every address.
    pub fn admin_url(&self) -> Option<String> {
        let bound = self.admin_address?;
        let address = match bound.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            address => address,
        };
        Some(format!("http://{}", SocketAddr::new(address, bound.port())))
    }

    /// Stops accepting, closes every connection, waits for them for a bounded time.
    pub async fn stop(mut self) {
        let Some(switch) = self.switch.take() else {
            return;
        };
        // Who connects from here on is turned away, so no link comes up behind our back.
        switch.signal();
        self.hub.close_links();
        if !switch.drained(STOP_PATIENCE).await {
            warn!("some connections are still busy after {STOP_PATIENCE:?}; they are cut");
        }
        // What is left of the accept loops and their connections goes with `self`.
    }
}

impl Drop for RunningEmulator {
    fn drop(&mut self) {
        self.switch = None;
        for accept_loop in &self.accept_loops {
            accept_loop.abort();
        }
        // A panicked shard must not make a panicking test abort.
        if !std::thread::panicking() {
            self.hub.close_links();
        }
    }
}

fn print_connection_string(host: &str, owner: Owner, key: SasKey) -> String {
    let host_name = host.to_owned();
    ConnectionString {
        host_name,
        gateway_host_name: None,
        owner,
        key,
    }
    .expose()
}

/// How long a stop waits for connections: longer than one of MQTT takes to say goodbye.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
