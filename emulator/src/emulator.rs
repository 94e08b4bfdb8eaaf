//! The whole: puts the parts together, starts and stops them.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use hub_core::HubError;
use hub_proto::ids::DeviceId;

use crate::config::{Config, Ports};
use crate::event_log::EventLog;
use crate::hub::HubHandle;

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
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address could not be bound.
    #[error("cannot bind {addr} for {what}")]
    Bind {
        /// The endpoint, as a person calls it: `MQTT over TLS`, `HTTPS`, `MQTT`, `admin`.
        what: &'static str,
        /// The address.
        addr: SocketAddr,
        /// What the system says; [`BindProblem::of`] tells the common cases apart.
        source: std::io::Error,
    },
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
        todo!("{config:?}")
    }
}

impl RunningEmulator {
    /// The hub, for calls in the same process.
    pub fn hub(&self) -> &HubHandle {
        &self.hub
    }

    /// The event log.
    pub fn event_log(&self) -> &EventLog {
        todo!()
    }

    /// The ports in use: never 0.
    pub fn ports(&self) -> Ports {
        todo!()
    }

    /// The addresses bound: those of the configuration that the machine has.
    pub fn addresses(&self) -> &[IpAddr] {
        todo!()
    }

    /// The connection string of a policy with its primary key, if there is such a policy.
    pub fn connection_string(&self, policy: &str, host: &str) -> Option<String> {
        todo!("{policy} {host}")
    }

    /// The connection string of a device with its primary key.
    pub fn device_connection_string(&self, id: &DeviceId, host: &str) -> Result<String, HubError> {
        todo!("{id} {host}")
    }

    /// Where the CA certificate is, as a PEM file.
    pub fn ca_path(&self) -> &Path {
        todo!()
    }

    /// `http://{address}:{port}` of the admin endpoint, if there is one.
    pub fn admin_url(&self) -> Option<String> {
        todo!()
    }

    /// Stops accepting, closes every connection, waits for them for a bounded time.
    pub async fn stop(self) {
        todo!()
    }
}
