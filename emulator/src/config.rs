//! What can be set, with its defaults.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use hub_core::throttle::{Scale, Shaping};
use hub_core::{Lags, Limits};
use hub_proto::sas::{SasKey, SasToken};

use crate::host_names::HubHost;
use crate::random;

/// Everything an emulator can be told. [`Config::new`] is a hub on the standard ports of
/// `127.0.0.1` and `::1`, in memory, with the well-known keys.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses every endpoint is bound on. Default: `127.0.0.1` and `::1` (the latter is left out
    /// with a warning where the machine has no IPv6).
    pub addresses: Vec<IpAddr>,
    /// The addresses of the admin endpoint, which asks for no password. Default, empty: those of
    /// `addresses` that are loopback, or else `127.0.0.1` and `::1`.
    pub admin_addresses: Vec<IpAddr>,
    /// The ports.
    pub ports: Ports,
    /// Further host names of the default hub, beside `localhost`, `127.0.0.1`, `::1` and the
    /// `addresses`. Lower case.
    pub host_names: Vec<String>,
    /// Hubs of their own beside the default one, each with its registry, policies and event log. Those
    /// that are loopback addresses are bound as well. Default: none.
    pub hubs: Vec<HubHost>,
    /// Whether a name under `.localhost`, or a loopback address, that was never seen makes a hub with
    /// [`Config::policies`]. Default: no, and such a name is refused.
    pub auto_create: bool,
    /// How many hubs there may be beside the default one. Default: 10,000.
    pub hubs_max: usize,
    /// Where the certificate authority is kept; made on first use.
    pub ca_dir: PathBuf,
    /// The shared access policies that every hub begins with.
    pub policies: Policies,
    /// The bounds of each hub.
    pub limits: Limits,
    /// The rates, the quota and the features of a tier, for each hub. Default: none, and nothing is
    /// throttled.
    pub throttling: Option<Throttling>,
    /// How far reads of each hub lag behind writes, as those of the real hub do. Default: not at all.
    pub lags: Lags,
    /// The bounds of each hub's event log.
    pub event_log: EventLogLimits,
    /// A folder that is served as containers of blobs. Default: none.
    pub blobs: Option<BlobEndpoint>,
    /// Whether the hub's time moves by itself.
    pub clock: ClockMode,
    /// What the default hub holds from the start. Default: nothing.
    pub seed: Option<SeedFile>,
}

/// A folder that is served as containers of blobs, over plain HTTP, at the addresses of the admin
/// endpoint: whoever reaches it may read and write what is in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobEndpoint {
    /// The folder; made if it is not there.
    pub dir: PathBuf,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

/// What moves a hub's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockMode {
    /// The machine's clock. The default.
    #[default]
    Machine,
    /// Nothing but calls: it stands at the machine's time of the start until it is told to move
    /// ([`crate::RunningEmulator::virtual_clock`], `/admin/clock`).
    Virtual,
}

/// What makes a hub as slow as one that is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttling {
    /// The tier and its units.
    pub scale: Scale,
    /// How traffic over a rate is shaped.
    pub shaping: Shaping,
}

/// A file that says what the default hub holds from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedFile {
    /// What messages call it.
    pub name: String,
    /// YAML or the lines of an export; see `docs/ADMIN.md`.
    pub text: String,
}

impl Throttling {
    /// A hub of that scale, with the usual shaping.
    pub fn of(scale: Scale) -> Self {
        Self {
            scale,
            shaping: Shaping::default(),
        }
    }
}

/// A port for each endpoint: `None` leaves the endpoint out, 0 lets the system choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// MQTT over TLS. Default 8883.
    pub mqtts: Option<u16>,
    /// AMQP over TLS, where clients are told that it is not built. Default 5671.
    pub amqps: Option<u16>,
    /// REST and WebSocket over TLS. Default 443.
    pub https: Option<u16>,
    /// MQTT without TLS. Default: left out.
    pub mqtt: Option<u16>,
    /// REST and WebSocket without TLS. Default: left out.
    pub http: Option<u16>,
    /// Admin API over plain HTTP. Default 8080.
    pub admin: Option<u16>,
}

/// How much the event logs of all hubs keep together: the oldest events of the largest go first, and a hub
/// keeps its share, the bound divided by the hubs there are.
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

impl Policy {
    /// Whether one of the keys made the token's signature. Both are always tried, so that the time
    /// tells nothing of which one was meant.
    pub(crate) fn has_signed(&self, token: &SasToken<'_>) -> bool {
        token.is_signed_by(&self.primary) | token.is_signed_by(&self.secondary)
    }
}

/// What a bearer may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the hub's four permissions are independent"
)]
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
    /// A hub on the standard ports of `127.0.0.1` and `::1` with the well-known keys; its certificate
    /// authority is kept in `ca_dir`.
    pub fn new(ca_dir: impl Into<PathBuf>) -> Self {
        Self {
            addresses: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            admin_addresses: Vec::new(),
            ports: Ports::default(),
            host_names: Vec::new(),
            hubs: Vec::new(),
            auto_create: false,
            hubs_max: 10_000,
            ca_dir: ca_dir.into(),
            policies: Policies::well_known(),
            limits: Limits::default(),
            throttling: None,
            lags: Lags::default(),
            event_log: EventLogLimits::default(),
            blobs: None,
            clock: ClockMode::default(),
            seed: None,
        }
    }
}

impl Config {
    /// Adds the addresses that are hubs of their own to those that are bound.
    pub(crate) fn bind_addresses_of_hubs(&mut self) {
        for address in self.hubs.iter().filter_map(HubHost::address) {
            let is_bound = |bound: &IpAddr| *bound == address || bound.is_unspecified();
            if !self.addresses.iter().any(is_bound) {
                self.addresses.push(address);
            }
        }
    }

    /// Where the admin endpoint is bound.
    pub(crate) fn admin_addresses(&self) -> Vec<IpAddr> {
        if !self.admin_addresses.is_empty() {
            return self.admin_addresses.clone();
        }
        let own = self.addresses.iter().copied();
        let own: Vec<IpAddr> = own.filter(IpAddr::is_loopback).collect();
        if own.is_empty() {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        } else {
            own
        }
    }
}

impl Default for Ports {
    /// The ports that are constants inside the SDKs, and 8080 for the admin API.
    fn default() -> Self {
        Self {
            mqtts: Some(8883),
            amqps: Some(5671),
            https: Some(443),
            mqtt: None,
            http: None,
            admin: Some(8080),
        }
    }
}

impl Ports {
    /// Every endpoint, those without TLS included, each on a port that the system chooses: for tests.
    pub const ANY: Self = Self {
        mqtts: Some(0),
        amqps: Some(0),
        https: Some(0),
        mqtt: Some(0),
        http: Some(0),
        admin: Some(0),
    };
}

impl Default for EventLogLimits {
    fn default() -> Self {
        Self {
            events: 1_000_000,
            bytes: 256 * 1024 * 1024,
        }
    }
}

impl Policies {
    /// The five policies of a new hub, with keys that are the same on every machine: they are
    /// printed in the documentation, so that a connection string can be kept in a test suite.
    pub fn well_known() -> Self {
        Self::built_in(|policy| {
            (
                SasKey::from_bytes(policy.primary),
                SasKey::from_bytes(policy.secondary),
            )
        })
    }

    /// The five policies of a new hub, with fresh keys.
    pub fn random() -> Self {
        Self::built_in(|_| (random::sas_key(), random::sas_key()))
    }

    /// The policy of that name; names are compared exactly.
    pub fn get(&self, name: &str) -> Option<&Policy> {
        self.0.get(name)
    }

    fn built_in(keys: impl Fn(&BuiltIn) -> (SasKey, SasKey)) -> Self {
        let policy = |built_in: &BuiltIn| {
            let (primary, secondary) = keys(built_in);
            let permissions = built_in.permissions;
            (
                built_in.name.to_owned(),
                Policy {
                    primary,
                    secondary,
                    permissions,
                },
            )
        };
        Self(BUILT_IN.iter().map(policy).collect())
    }
}

/// A policy that every new hub has.
struct BuiltIn {
    name: &'static str,
    primary: &'static [u8; 32],
    secondary: &'static [u8; 32],
    permissions: Permissions,
}

const NONE: Permissions = Permissions {
    registry_read: false,
    registry_write: false,
    service_connect: false,
    device_connect: false,
};

/// Source: "Control access to IoT Hub by using shared access signatures", the default policies.
const BUILT_IN: [BuiltIn; 5] = [
    BuiltIn {
        name: "iothubowner",
        primary: b"hubnerite-iothubowner-primary-01",
        secondary: b"hubnerite-iothubowner-secondary1",
        permissions: Permissions {
            registry_read: true,
            registry_write: true,
            service_connect: true,
            device_connect: true,
        },
    },
    BuiltIn {
        name: "service",
        primary: b"hubnerite-service-primary-key-01",
        secondary: b"hubnerite-service-secondary-key1",
        permissions: Permissions {
            service_connect: true,
            ..NONE
        },
    },
    BuiltIn {
        name: "device",
        primary: b"hubnerite-device-primary-key-001",
        secondary: b"hubnerite-device-secondary-key-1",
        permissions: Permissions {
            device_connect: true,
            ..NONE
        },
    },
    BuiltIn {
        name: "registryRead",
        primary: b"hubnerite-registryRead-primary01",
        secondary: b"hubnerite-registryRead-secondary",
        permissions: Permissions {
            registry_read: true,
            ..NONE
        },
    },
    BuiltIn {
        name: "registryReadWrite",
        primary: b"hubnerite-registryReadWrite-key1",
        secondary: b"hubnerite-registryReadWrite-key2",
        permissions: Permissions {
            registry_read: true,
            registry_write: true,
            ..NONE
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owners_well_known_key_never_changes() {
        let policies = Policies::well_known();
        let owner = policies.get("iothubowner").unwrap();
        assert_eq!(
            owner.primary.expose(),
            "aHVibmVyaXRlLWlvdGh1Ym93bmVyLXByaW1hcnktMDE="
        );
        assert!(policies.get("IotHubOwner").is_none());
    }

    #[test]
    fn the_admin_endpoint_stays_on_loopback_unless_told_otherwise() {
        // RUN-7
        let cases: [(&[&str], &[&str], &[&str]); 5] = [
            (&["127.0.0.1", "::1"], &[], &["127.0.0.1", "::1"]),
            (&["127.0.0.7"], &[], &["127.0.0.7"]),
            (&["0.0.0.0"], &[], &["127.0.0.1", "::1"]),
            (&["10.1.2.3", "127.0.0.1"], &[], &["127.0.0.1"]),
            (&["127.0.0.1"], &["0.0.0.0"], &["0.0.0.0"]),
        ];
        let parse = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        for (addresses, admin, expected) in cases {
            let config = Config {
                addresses: parse(addresses),
                admin_addresses: parse(admin),
                ..Config::new("/ca")
            };
            assert_eq!(config.admin_addresses(), parse(expected), "{addresses:?}");
        }
    }

    #[test]
    fn all_well_known_and_all_random_keys_differ() {
        for policies in [Policies::well_known(), Policies::random()] {
            let keys = policies
                .0
                .values()
                .flat_map(|policy| [&policy.primary, &policy.secondary]);
            let distinct: std::collections::BTreeSet<_> = keys.map(SasKey::expose).collect();
            assert_eq!(distinct.len(), 10);
        }
    }
}
