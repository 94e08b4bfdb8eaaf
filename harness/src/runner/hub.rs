//! The hub that a run judges: embedded, without sockets in virtual time, with TLS in real time; or one
//! elsewhere.

use std::time::Duration;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use device_sim::transport::{Door, Endpoints, Target, Tls};
use emulator::config::{Ports, Throttling};
use emulator::memory::{MemoryConfig, MemoryHub};
use emulator::{Config, Emulator, HubHandle, Links, RunningEmulator};
use hub_core::Limits;
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;
use rustls::pki_types::ServerName;

use super::access::Access;
use super::elsewhere::Joined;
use super::observe::Follower;
use super::plan::HOST;
use super::rest_service::RestService;
use super::roster::{self, Roster};
use super::service::{InProcess, Service};
use crate::private_hub;
use crate::scenario::ast::{ClockKind, HubSpec};
use crate::service_client::trusted_roots;

/// The hub of a run.
#[derive(Debug)]
pub(super) enum Hub {
    Embedded(EmbeddedHub),
    Elsewhere(Box<Joined>),
}

/// The keys of the devices.
#[derive(Debug)]
pub(super) enum Keys {
    /// Of a hub of the run's own, which were made with this seed.
    Made(u64),
    /// What a hub elsewhere told.
    Told(BTreeMap<Arc<str>, SasKey>),
}

impl Keys {
    /// Of a device of the plan.
    pub(super) fn of(&self, device: &str) -> SasKey {
        match self {
            Self::Made(seed) => roster::key(*seed, device),
            Self::Told(keys) => {
                let key = keys.get(device);
                key.expect("every device of the plan has a key").clone()
            }
        }
    }
}

impl Hub {
    /// Its time.
    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Embedded(hub) => hub.handle().now().wall,
            Self::Elsewhere(hub) => hub.now(),
        }
    }

    /// What a verdict calls it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Embedded(_) => "embedded".to_owned(),
            Self::Elsewhere(hub) => hub.host().to_owned(),
        }
    }

    /// The ways in for devices.
    pub(super) fn endpoints(&self) -> Result<Endpoints, HubError> {
        match self {
            Self::Embedded(hub) => hub.endpoints(),
            Self::Elsewhere(hub) => Ok(hub.hub.endpoints.clone()),
        }
    }

    pub(super) fn service(&self) -> Service {
        match self {
            Self::Embedded(hub) => Service::in_process(hub.handle().clone()),
            Self::Elsewhere(hub) => Service::Rest(RestService::new(hub.hub.reached.clone())),
        }
    }

    /// Its event log from now on, where `start` is the scenario's start.
    pub(super) async fn follower(&self, start: Timestamp) -> Result<Follower, String> {
        Ok(match self {
            Self::Embedded(hub) => Follower::new(hub.handle().event_log().clone(), start),
            Self::Elsewhere(hub) => match hub.log().await? {
                Some(log) => Follower::elsewhere(log, start),
                None => Follower::polled(hub.poller(), start),
            },
        })
    }

    /// How programs that are not ours find it; none does without sockets.
    pub(super) fn access(&self) -> Option<Access> {
        match self {
            Self::Embedded(hub) => hub.access(),
            Self::Elsewhere(hub) => hub.access(),
        }
    }

    /// The keys of the devices, which are registered.
    pub(super) fn register(&self, roster: &Roster) -> Result<Keys, String> {
        match self {
            Self::Embedded(hub) => {
                let keys = Keys::Made(roster.seed());
                let service = InProcess::new(hub.handle().clone());
                for (name, id) in roster.ids() {
                    let created = service.create(id, &keys.of(name));
                    created.map_err(|refused| format!("{name} cannot be registered: {refused}"))?;
                }
                Ok(keys)
            }
            // Registered when the hub was joined.
            Self::Elsewhere(hub) => Ok(Keys::Told(hub.keys.iter().cloned().collect())),
        }
    }

    /// Devices know the hub by this name.
    pub(super) fn host(&self) -> Arc<str> {
        match self {
            Self::Embedded(_) => HOST.into(),
            Self::Elsewhere(hub) => hub.host().into(),
        }
    }

    /// Cuts every link; one elsewhere is not asked to.
    pub(super) fn close_links(&self) {
        if let Self::Embedded(hub) = self {
            hub.handle().close_links();
        }
    }

    /// Refuses for so long whatever a tier would count; one elsewhere is not asked to.
    pub(super) fn throttle_everything(&self, how_long: Duration) {
        if let Self::Embedded(hub) = self {
            hub.handle().throttle_everything(how_long);
        }
    }

    /// Lets nobody in any more; one elsewhere is not asked to.
    pub(super) async fn close(&self, links: Links) {
        match self {
            Self::Embedded(EmbeddedHub::Memory(hub)) => hub.close(links),
            Self::Embedded(EmbeddedHub::Sockets(hub)) => hub.close_endpoints(links).await,
            Self::Elsewhere(_) => {}
        }
    }

    /// Lets everybody in again.
    pub(super) async fn reopen(&self) -> Result<(), String> {
        match self {
            Self::Embedded(EmbeddedHub::Memory(hub)) => hub.reopen(),
            Self::Embedded(EmbeddedHub::Sockets(hub)) => {
                let reopened = hub.reopen_endpoints().await;
                reopened.map_err(|error| error.to_string())?;
            }
            Self::Elsewhere(_) => {}
        }
        Ok(())
    }

    /// Leaves things as they were before the run; in words what could not be.
    pub(super) async fn stop(self) -> Option<String> {
        match self {
            Self::Embedded(hub) => {
                hub.stop().await;
                None
            }
            Self::Elsewhere(hub) => hub.leave().await,
        }
    }
}

/// A hub in this process.
#[derive(Debug)]
pub(super) enum EmbeddedHub {
    /// Virtual time.
    Memory(MemoryHub),
    /// Real time.
    Sockets(Box<RunningEmulator>),
}

/// A hub that did not start, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct HubError(String);

impl EmbeddedHub {
    pub(super) async fn start(
        clock: ClockKind,
        spec: &HubSpec,
        ca_dir: Option<PathBuf>,
        has_outsiders: bool,
    ) -> Result<Self, HubError> {
        let limits = limits(spec);
        let throttling = spec.scale.map(Throttling::of);
        match clock {
            ClockKind::Virtual => {
                let start = Timestamp::from_unix_seconds(VIRTUAL_START_UNIX_S);
                Ok(Self::Memory(MemoryHub::start(MemoryConfig {
                    limits,
                    throttling,
                    lags: spec.lags,
                    ..MemoryConfig::starting_at(start)
                })))
            }
            ClockKind::Real => {
                let ca_dir = match ca_dir {
                    Some(dir) => dir,
                    None => crate::settings::default_ca_dir()
                        .map_err(|error| HubError(error.to_string()))?,
                };
                let config = Config {
                    addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
                    ports: Ports::ANY,
                    limits,
                    throttling,
                    lags: spec.lags,
                    ..Config::new(ca_dir)
                };
                let hub = if has_outsiders {
                    let started = private_hub::start(config).await;
                    started.map_err(|error| HubError(chain(&error) + PORTS_HELP))?
                } else {
                    let started = Emulator::start(config).await;
                    started.map_err(|error| HubError(chain(&error)))?
                };
                Ok(Self::Sockets(Box::new(hub)))
            }
        }
    }

    pub(super) fn handle(&self) -> &HubHandle {
        match self {
            Self::Memory(hub) => hub.hub(),
            Self::Sockets(hub) => hub.hub(),
        }
    }

    /// The ways in for devices.
    pub(super) fn endpoints(&self) -> Result<Endpoints, HubError> {
        let hub = match self {
            Self::Memory(hub) => {
                let door = hub.door();
                let door: Door =
                    Arc::new(move || -> io::Result<_> { Ok(Box::new(door.connect()?)) });
                return Ok(Endpoints {
                    memory: Some(door),
                    ..Endpoints::default()
                });
            }
            Self::Sockets(hub) => hub,
        };
        let roots = trusted_roots(Some(hub.ca_path())).map_err(|error| HubError(chain(&error)))?;
        let address = hub.addresses().first().copied();
        let dial_host = address
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
            .to_string();
        let name = ServerName::try_from(HOST).map_err(|error| HubError(error.to_string()))?;
        let target = |port: Option<u16>, tls: bool| {
            port.map(|port| Target {
                dial_host: dial_host.clone(),
                port,
                tls: tls.then(|| Tls {
                    config: Arc::clone(&roots),
                    name: name.clone(),
                }),
            })
        };
        let ports = hub.ports();
        Ok(Endpoints {
            mqtts: target(ports.mqtts, true),
            mqtt: target(ports.mqtt, false),
            wss: target(ports.https, true),
            memory: None,
        })
    }

    /// How programs that are not ours find it; none does without sockets.
    pub(super) fn access(&self) -> Option<Access> {
        let Self::Sockets(hub) = self else {
            return None;
        };
        let host = hub.hub().host_name().to_owned();
        let text = hub.connection_string("iothubowner", &host)?;
        Some(Access {
            connection_string: text.into(),
            admin_url: hub.admin_url(),
            ca_dir: hub.ca_path().parent()?.to_owned(),
            host,
        })
    }

    pub(super) async fn stop(self) {
        match self {
            Self::Memory(hub) => hub.stop().await,
            Self::Sockets(hub) => hub.stop().await,
        }
    }
}

/// `error` and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn limits(spec: &HubSpec) -> Limits {
    let usual = Limits::default();
    Limits {
        sas_connect_grace: spec.sas_connect_grace.unwrap_or(usual.sas_connect_grace),
        sas_live_grace: spec.sas_live_grace.unwrap_or(usual.sas_live_grace),
        ..usual
    }
}

/// What helps if the ports cannot be had.
const PORTS_HELP: &str = "; commands and external devices need the hub on the ports that SDKs dial, \
                          `hubnerite exec -- true` tells what helps";
/// 2026-01-01T00:00:00Z: every run in virtual time starts then.
const VIRTUAL_START_UNIX_S: i64 = 1_767_225_600;
