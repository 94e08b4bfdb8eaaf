//! The whole: puts the parts together, starts and stops them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hub_core::HubError;
use hub_proto::ids::ClientIdentity;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::clock::{Clock, MachineClock, VirtualClock};
use crate::config::{ClockMode, Config, Ports};
use crate::directory::{CreateHubError, Directory, DirectoryParts, HubRules, When};
use crate::endpoints::{self, Endpoints, Entrances, bind_blobs, blob_url};
use crate::event_log::EventLog;
use crate::host_names::{HostNames, HubHost};
use crate::hub::HubHandle;
use crate::listener::{AdminService, Service};
use crate::seed::{SeedError, plant_file};
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
    directory: Directory,
    ports: Ports,
    addresses: Vec<IpAddr>,
    admin_address: Option<SocketAddr>,
    blob_address: Option<SocketAddr>,
    authority: Arc<Authority>,
    entrances: Entrances,
    /// How many sockets those listen on.
    listeners: usize,
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
        /// The endpoint, as a person calls it: `MQTT over TLS`, `AMQP over TLS`, `HTTPS`, `MQTT`, `HTTP`, `admin`.
        what: &'static str,
        /// The address.
        addr: SocketAddr,
        /// What the system says; [`BindProblem::of`] tells the common cases apart.
        source: std::io::Error,
    },
    /// The folder of blobs cannot be used.
    #[error("cannot use the folder of blobs {}", dir.display())]
    BlobFolder {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A hub of its own cannot be there.
    #[error("cannot make a hub")]
    Hub(#[from] CreateHubError),
    /// The seed cannot be planted.
    #[error("cannot plant the seed {name}")]
    Seed {
        /// What the configuration calls it.
        name: String,
        /// Why not.
        source: SeedError,
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
        let machine = MachineClock::start();
        let clock = match config.clock {
            ClockMode::Machine => Clock::machine(machine),
            ClockMode::Virtual => Clock::Virtual(VirtualClock::start()),
        };
        let mut config = config;
        config.bind_addresses_of_hubs();
        let addresses = config.addresses.clone();
        // First of all: a port that is taken is the commonest failure, and leaves no trace.
        let admin_addresses = config.admin_addresses();
        let endpoints = Endpoints::bind(&addresses, &admin_addresses, config.ports)?;
        let blobs = config.blobs.as_ref();
        let blobs = blobs.map(|blobs| bind_blobs(&admin_addresses, blobs));
        let blobs = blobs.transpose()?;
        let certified = certified_names(&config, &endpoints.addresses);
        let directory = start_directory(&config, &endpoints.addresses, clock)?;
        if let Some(seed) = &config.seed {
            plant_file(directory.default_hub(), seed)?;
        }
        let Config {
            host_names, ca_dir, ..
        } = config;
        let authority = open_authority(ca_dir, certified, machine).await?;
        let switch = StopSwitch::new();
        let ports = endpoints.ports();
        let blob_address = blobs.as_ref().and_then(|(bound, _)| bound.address());
        let admin = AdminService {
            ports,
            host_names: host_names.into(),
            ca_path: authority.ca_path().into(),
            blob_url: blob_address.map(|address| blob_url(address).into()),
            trust: export_trust(Arc::clone(&authority), machine),
        };
        let addresses = endpoints.addresses.clone();
        let admin_address = endpoints.admin_address();
        let entrances = Entrances::new();
        // The hub's own sockets: those of the blobs are as the admin's, there when the hub is away.
        let listeners = endpoints.listeners();
        let mut accept_loops =
            endpoints.serve(&authority, &admin, &directory, (&entrances, &switch));
        if let Some((bound, folder)) = blobs {
            let service = Service::Blob(folder);
            accept_loops.extend(endpoints::serve(
                bound,
                &service,
                &directory,
                &entrances.admin,
                &switch,
            ));
        }
        info!(?ports, ?addresses, "the endpoints are open");
        let switch = Some(switch);
        Ok(RunningEmulator {
            directory,
            ports,
            addresses,
            admin_address,
            blob_address,
            authority,
            entrances,
            listeners,
            switch,
            accept_loops,
        })
    }
}

/// What an outage does to the connections there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// They end, as with a hub that stops; an HTTP request under way is answered first.
    Cut,
    /// They stay: nobody new is let in, no more.
    Keep,
}

/// Endpoints that were closed and are not all open again.
#[derive(Debug, thiserror::Error)]
#[error("some endpoints cannot listen on their ports again, which somebody else may have taken")]
pub struct ReopenError(());

/// The names that certificates are issued for: those of every hub.
fn certified_names(config: &Config, bound: &[IpAddr]) -> HostNames {
    let full = config.hubs.iter().filter(|host| !host.is_local());
    let mut names = config.host_names.clone();
    names.extend(full.map(ToString::to_string));
    HostNames::new(&names, bound)
}

/// Makes the default hub, and those of their own that the configuration names.
fn start_directory(
    config: &Config,
    bound: &[IpAddr],
    clock: Clock,
) -> Result<Directory, CreateHubError> {
    let own: Vec<_> = config.hubs.iter().filter_map(HubHost::address).collect();
    let of_default = bound.iter().filter(|address| !own.contains(address));
    let of_default: Vec<_> = of_default.copied().collect();
    let directory = Directory::start(DirectoryParts {
        clock,
        limits: config.limits.clone(),
        throttling: config.throttling,
        lags: config.lags,
        policies: config.policies.clone().into(),
        event_log: config.event_log,
        names: HostNames::new(&config.host_names, &of_default),
        own_addresses: own,
        rules: HubRules {
            auto_create: config.auto_create,
            hubs_max: config.hubs_max,
        },
    });
    for host in &config.hubs {
        directory.create(host.clone(), When::Start)?;
    }
    Ok(directory)
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
    /// The default hub, for calls in the same process.
    pub fn hub(&self) -> &HubHandle {
        self.directory.default_hub()
    }

    /// Where the folder of blobs is served, if it is: containers are at
    /// `http://ADDRESS/devstoreaccount1/CONTAINER`.
    pub fn blob_address(&self) -> Option<SocketAddr> {
        self.blob_address
    }

    /// The same as an address: `http://ADDRESS/devstoreaccount1`.
    pub fn blob_url(&self) -> Option<String> {
        self.blob_address.map(blob_url)
    }

    /// The clock of all hubs, if it moves by hand ([`ClockMode::Virtual`]).
    pub fn virtual_clock(&self) -> Option<&VirtualClock> {
        self.hub().clock().as_virtual()
    }

    /// The hub of that name, beside the default one, if there is one.
    pub fn hub_named(&self, name: &HubHost) -> Option<HubHandle> {
        self.directory.get(name)
    }

    /// Every hub beside the default one, in the order of their names.
    pub fn hubs(&self) -> Vec<(HubHost, HubHandle)> {
        self.directory.list()
    }

    /// Makes a hub of its own, with the policies of the configuration and nothing else. Clients choose
    /// it by its host name: it has the ports, the certificate authority and the clock of the others.
    pub fn create_hub(&self, name: HubHost) -> Result<HubHandle, CreateHubError> {
        self.directory.create(name, When::Later)
    }

    /// Removes a hub with all that is in it and closes its connections; says whether there was one.
    pub fn delete_hub(&self, name: &HubHost) -> bool {
        self.directory.delete(name)
    }

    /// The default hub's event log.
    pub fn event_log(&self) -> &EventLog {
        self.hub().event_log()
    }

    /// The ports in use: never 0.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The addresses bound: those of the configuration that the machine has.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// The connection string of a policy of the default hub with its primary key, if there is such a
    /// policy. [`HubHandle::connection_string`] does so for any hub.
    pub fn connection_string(&self, policy: &str, host: &str) -> Option<String> {
        self.hub().connection_string_at(policy, host)
    }

    /// The connection string of a device or module of the default hub with its primary key; an
    /// argument error if it has no keys.
    pub fn client_connection_string(
        &self,
        client: &ClientIdentity,
        host: &str,
    ) -> Result<String, HubError> {
        self.hub().client_connection_string_at(client, host)
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

    /// Lets nobody in any more: from when it comes back the ports are closed, but for the admin
    /// endpoint's. The hubs keep everything, and go on with what they do by themselves.
    pub async fn close_endpoints(&self, links: Links) {
        let entrance = &self.entrances.hub;
        entrance.set_open(false);
        // An accept loop that does not come to it is a bug, but no reason to wait for ever.
        if !entrance.listening(0, REOPEN_PATIENCE).await {
            warn!("some endpoints did not close");
        }
        if links == Links::Cut {
            entrance.cut();
            self.directory.close_links();
        }
    }

    /// Lets clients in again, on the same ports.
    pub async fn reopen_endpoints(&self) -> Result<(), ReopenError> {
        let entrance = &self.entrances.hub;
        entrance.set_open(true);
        let open = entrance.listening(self.listeners, REOPEN_PATIENCE).await;
        open.then_some(()).ok_or(ReopenError(()))
    }

    /// Stops accepting, closes every connection, waits for them for a bounded time.
    pub async fn stop(mut self) {
        let Some(switch) = self.switch.take() else {
            return;
        };
        // Who connects from here on is turned away, so no link comes up behind our back.
        switch.signal();
        let connections = [self.entrances.hub.end(), self.entrances.admin.end()];
        self.directory.close_links();
        let all = connections.into_iter().flatten().chain([switch]);
        let drained = join_all(all.map(|switch| switch.drained(STOP_PATIENCE))).await;
        if drained.contains(&false) {
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
            self.directory.close_links();
        }
    }
}

/// How long a stop waits for connections: longer than one of MQTT takes to say goodbye.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// How long a port may take to be ours again.
const REOPEN_PATIENCE: Duration = Duration::from_secs(5);
