//! What can be set, with its defaults.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use hub_core::Limits;
use hub_proto::sas::SasKey;

/// Everything an emulator can be told. `Config::default()` is a hub on the standard ports of
/// 127.0.0.1 and ::1, in memory, with the well-known keys.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses every endpoint is bound on. Default: 127.0.0.1 and ::1 (the latter is left out
    /// with a warning where the machine has no IPv6).
    pub addresses: Vec<IpAddr>,
    /// The ports.
    pub ports: Ports,
    /// Further host names the hub answers to, beside `localhost`, names under `.localhost` and
    /// loopback addresses. Lower case.
    pub host_names: Vec<String>,
    /// Where the certificate authority is kept; made on first use.
    pub ca_dir: PathBuf,
    /// The shared access policies.
    pub policies: Policies,
    /// The hub's bounds.
    pub limits: Limits,
    /// The event log's bounds.
    pub event_log: EventLogLimits,
}

/// A port for each endpoint: `None` leaves the endpoint out, 0 lets the system choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// MQTT over TLS. Default 8883.
    pub mqtts: Option<u16>,
    /// REST and WebSocket over TLS. Default 443.
    pub https: Option<u16>,
    /// MQTT without TLS. Default: left out.
    pub mqtt: Option<u16>,
    /// Admin API over plain HTTP. Default 8080.
    pub admin: Option<u16>,
}

/// How much the event log keeps: the oldest events go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLogLimits {
    /// Events. Default 1,000,000.
    pub events: usize,
    /// Bytes, roughly. Default 256 MiB.
    pub bytes: usize,
}

/// The hub's shared access policies, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies(pub BTreeMap<String, Policy>);

/// One shared access policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Either key is good.
    pub primary: SasKey,
    /// Either key is good.
    pub secondary: SasKey,
    /// What its bearer may do.
    pub permissions: Permissions,
}

/// What a bearer may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the hub's four permissions are independent")]
pub struct Permissions {
    /// Read identities.
    pub registry_read: bool,
    /// Write identities; implies reading them.
    pub registry_write: bool,
    /// Twins, queries, methods, messages to devices.
    pub service_connect: bool,
    /// The device endpoints.
    pub device_connect: bool,
}

impl Config {
    /// A hub on the standard ports of 127.0.0.1 and ::1 with the well-known keys; its certificate
    /// authority is kept in `ca_dir`.
    pub fn new(ca_dir: impl Into<PathBuf>) -> Self {
        todo!("{:?}", ca_dir.into())
    }
}

impl Policies {
    /// The five policies of a new hub with keys that are the same on every machine.
    pub fn well_known() -> Self {
        todo!()
    }

    /// The five policies of a new hub with fresh keys; `fill` draws random bytes.
    pub fn random(mut fill: impl FnMut(&mut [u8; 32])) -> Self {
        fill(&mut [0; 32]);
        todo!()
    }
}
