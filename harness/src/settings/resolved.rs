//! Settings after merging, and the emulator's configuration made of them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use emulator::config::{BlobEndpoint, ClockMode, Policies, Ports, Throttling};
use emulator::{Config, HubHost};
use etcetera::BaseStrategy;
use hub_core::Lags;
use hub_core::throttle::{Scale, ScaleError};
use thiserror::Error;

use super::file::SettingsFile;
use super::flags::{ClockFlag, EndpointFlags, HubFlags};
use super::lag::Lag;
use super::port::Port;

/// What holds once flags, variables, file and defaults are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; empty: the emulator's default.
    pub addresses: Vec<IpAddr>,
    /// Where to serve the admin API; empty: the emulator's default.
    pub admin_addresses: Vec<IpAddr>,
    /// The ports.
    pub ports: Ports,
    /// A folder served as containers of blobs, if there is to be one.
    pub blobs: Option<BlobEndpoint>,
    /// Further host names, in lower case.
    pub host_names: Vec<String>,
    /// Hubs beside the default one.
    pub hubs: Vec<HubHost>,
    /// Whether a name never seen makes a hub.
    pub auto_create: bool,
    /// The certificate authority's folder.
    pub ca_dir: PathBuf,
    /// Whether keys are drawn afresh.
    pub random_keys: bool,
    /// The tier and its units, if it is to have one.
    pub scale: Option<Scale>,
    /// How long past its end a token opens connections, if told.
    pub sas_connect_grace: Option<Duration>,
    /// How long past its end a token holds a connection, if told.
    pub sas_live_grace: Option<Duration>,
    /// What moves the hub's time.
    pub clock: ClockFlag,
    /// How far reads lag behind writes.
    pub lags: Lags,
    /// What the default hub begins with.
    pub seed: Option<PathBuf>,
    /// Where the ready line is written.
    pub ready_file: Option<PathBuf>,
    /// What is logged.
    pub log: Option<String>,
}

/// Why settings do not make a hub.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// There is no home to keep the certificate authority in.
    #[error("cannot find the user's data folder: {0}")]
    NoHome(#[from] etcetera::HomeDirError),
    /// The tier has not so many units.
    #[error(transparent)]
    Scale(#[from] ScaleError),
    /// Units of nothing.
    #[error("`units` are given, but no tier")]
    UnitsWithoutTier,
    /// A port for blobs and no folder.
    #[error("`blob-port` is given, but no `blob-dir`")]
    BlobPortWithoutDir,
}

impl Settings {
    /// Merges: what the flags (or their variables) leave open, the file decides; what both leave
    /// open has its default.
    pub fn merge(
        endpoints: EndpointFlags,
        hub: HubFlags,
        file: SettingsFile,
    ) -> Result<Self, SettingsError> {
        let port = |flag: Option<Port>, file: Option<Port>, default: Port| {
            flag.or(file).unwrap_or(default).number()
        };
        let plain = endpoints.plain_mqtt.or(file.plain_mqtt).unwrap_or(false);
        let plain_default = if plain { Port::Number(1883) } else { Port::Off };
        let scale = match (hub.tier.or(file.tier), hub.units.or(file.units)) {
            (None, None) => None,
            (None, Some(_)) => return Err(SettingsError::UnitsWithoutTier),
            (Some(tier), units) => Some(Scale::new(tier, units.unwrap_or(1))?),
        };
        let host_names = either(hub.host, file.host);
        let blobs = endpoints.blob_dir.or(file.blob_dir);
        let blob_port = endpoints.blob_port.or(file.blob_port);
        if blobs.is_none() && blob_port.is_some_and(|port| port != Port::Off) {
            return Err(SettingsError::BlobPortWithoutDir);
        }
        let blob_port = blob_port.unwrap_or(Port::Number(BLOBS));
        let mqtts = port(endpoints.mqtts_port, file.mqtts_port, Port::Number(MQTTS));
        let https = port(endpoints.https_port, file.https_port, Port::Number(HTTPS));
        // No SDK finds a hub whose ports were moved, and two of those may share an address.
        let is_where_sdks_dial = mqtts == Some(MQTTS) || https == Some(HTTPS);
        let amqps_default = if is_where_sdks_dial {
            Port::Number(AMQPS)
        } else {
            Port::Off
        };
        Ok(Self {
            addresses: either(endpoints.address, file.address),
            admin_addresses: either(endpoints.admin_address, file.admin_address),
            ports: Ports {
                mqtts,
                amqps: port(endpoints.amqps_port, file.amqps_port, amqps_default),
                https,
                mqtt: port(endpoints.mqtt_port, file.mqtt_port, plain_default),
                http: port(endpoints.http_port, file.http_port, Port::Off),
                admin: port(endpoints.admin_port, file.admin_port, Port::Number(ADMIN)),
            },
            blobs: blobs
                .filter(|_| blob_port != Port::Off)
                .map(|dir| BlobEndpoint {
                    dir,
                    port: blob_port.number().unwrap_or_default(),
                }),
            host_names: host_names
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            hubs: either(hub.hub_name, file.hub_name),
            auto_create: hub.auto_create.or(file.auto_create).unwrap_or(false),
            ca_dir: hub.ca.or(file.ca).map_or_else(default_ca_dir, Ok)?,
            random_keys: hub.random_keys.or(file.random_keys).unwrap_or(false),
            scale,
            sas_connect_grace: hub
                .sas_connect_grace
                .or(file.sas_connect_grace)
                .map(Duration::from_secs),
            sas_live_grace: hub
                .sas_live_grace
                .or(file.sas_live_grace)
                .map(Duration::from_secs),
            clock: hub.clock.or(file.clock).unwrap_or_default(),
            lags: Lags {
                query: lag(hub.query_lag, file.query_lag),
                connection_state: lag(hub.connection_state_lag, file.connection_state_lag),
            },
            seed: hub.seed.or(file.seed),
            ready_file: file.ready_file,
            log: file.log,
        })
    }

    /// The emulator's configuration.
    pub fn to_config(&self) -> Config {
        let mut config = Config::new(&self.ca_dir);
        if !self.addresses.is_empty() {
            config.addresses.clone_from(&self.addresses);
        }
        config.admin_addresses.clone_from(&self.admin_addresses);
        config.ports = self.ports;
        config.blobs.clone_from(&self.blobs);
        config.host_names.clone_from(&self.host_names);
        config.clock = match self.clock {
            ClockFlag::Real => ClockMode::Machine,
            ClockFlag::Virtual => ClockMode::Virtual,
        };
        config.lags = self.lags;
        config.hubs.clone_from(&self.hubs);
        config.auto_create = self.auto_create;
        if self.random_keys {
            config.policies = Policies::random();
        }
        config.throttling = self.scale.map(Throttling::of);
        if let Some(grace) = self.sas_connect_grace {
            config.limits.sas_connect_grace = grace;
        }
        if let Some(grace) = self.sas_live_grace {
            config.limits.sas_live_grace = grace;
        }
        config
    }
}

/// Where the certificate authority is kept unless told otherwise: `hubnerite` in the user's data
/// folder.
pub fn default_ca_dir() -> Result<PathBuf, SettingsError> {
    Ok(etcetera::choose_base_strategy()?
        .data_dir()
        .join("hubnerite"))
}

fn lag(flag: Option<Lag>, file: Option<Lag>) -> Duration {
    flag.or(file).unwrap_or_default().0
}

fn either<T>(flags: Vec<T>, file: Option<Vec<T>>) -> Vec<T> {
    if flags.is_empty() {
        file.unwrap_or_default()
    } else {
        flags
    }
}

const AMQPS: u16 = 5671;
const MQTTS: u16 = 8883;
const HTTPS: u16 = 443;
const ADMIN: u16 = 8080;
/// As Azurite has it.
const BLOBS: u16 = 10_000;

#[cfg(test)]
mod tests {
    use hub_core::throttle::Tier;

    use super::*;

    fn merged(endpoints: EndpointFlags, hub: HubFlags, mut file: SettingsFile) -> Settings {
        file.ca.get_or_insert_with(|| "/data".into());
        Settings::merge(endpoints, hub, file).unwrap()
    }

    #[test]
    fn with_nothing_said_the_ports_are_the_sdks_and_the_rest_is_the_emulators() {
        let settings = merged(
            EndpointFlags::default(),
            HubFlags::default(),
            SettingsFile::default(),
        );
        assert_eq!(
            settings.ports,
            Ports {
                mqtts: Some(8883),
                amqps: Some(5671),
                https: Some(443),
                mqtt: None,
                http: None,
                admin: Some(8080)
            }
        );
        assert!(settings.addresses.is_empty() && !settings.random_keys);
    }

    #[test]
    fn each_port_is_the_flags_or_else_the_files_or_else_the_default() {
        let number = |port| Some(Port::Number(port));
        let cases = [
            (None, None, Some(443)),
            (None, number(8443), Some(8443)),
            (number(0), number(8443), Some(0)),
            (Some(Port::Off), number(8443), None),
            (number(9443), Some(Port::Off), Some(9443)),
            (None, Some(Port::Off), None),
        ];
        for (flag, in_file, expected) in cases {
            let settings = merged(
                EndpointFlags {
                    https_port: flag,
                    ..EndpointFlags::default()
                },
                HubFlags::default(),
                SettingsFile {
                    https_port: in_file,
                    ..SettingsFile::default()
                },
            );
            assert_eq!(
                settings.ports.https, expected,
                "flag {flag:?}, file {in_file:?}"
            );
        }
    }

    #[test]
    fn amqp_is_refused_where_sdks_dial_unless_told_otherwise() {
        let number = |port| Some(Port::Number(port));
        let cases = [
            (None, None, None, Some(5671)),
            (number(8884), None, None, Some(5671)),
            (None, Some(Port::Off), None, Some(5671)),
            (number(8884), number(8443), None, None),
            (number(0), Some(Port::Off), None, None),
            (number(0), number(0), number(0), Some(0)),
            (None, None, Some(Port::Off), None),
        ];
        for (mqtts_port, https_port, amqps_port, expected) in cases {
            let flags = EndpointFlags {
                mqtts_port,
                https_port,
                amqps_port,
                ..EndpointFlags::default()
            };
            let settings = merged(flags, HubFlags::default(), SettingsFile::default());
            assert_eq!(
                settings.ports.amqps, expected,
                "{mqtts_port:?} {https_port:?} {amqps_port:?}"
            );
        }
    }

    #[test]
    fn plain_mqtt_opens_1883_unless_a_port_is_named() {
        let cases = [
            (None, None, None, None),
            (Some(true), None, None, Some(1883)),
            (None, Some(true), None, Some(1883)),
            (Some(false), Some(true), None, None),
            (Some(true), None, Some(Port::Number(1884)), Some(1884)),
            (None, None, Some(Port::Number(1884)), Some(1884)),
        ];
        for (flag, in_file, port, expected) in cases {
            let settings = merged(
                EndpointFlags {
                    plain_mqtt: flag,
                    mqtt_port: port,
                    ..EndpointFlags::default()
                },
                HubFlags::default(),
                SettingsFile {
                    plain_mqtt: in_file,
                    ..SettingsFile::default()
                },
            );
            assert_eq!(
                settings.ports.mqtt, expected,
                "{flag:?} {in_file:?} {port:?}"
            );
        }
    }

    #[test]
    fn a_tier_has_one_unit_unless_told_and_units_want_a_tier() {
        // LIM-1
        let scale = |tier: Option<Tier>, units: Option<u16>| {
            let hub = HubFlags {
                tier,
                units,
                ca: Some("/data".into()),
                ..HubFlags::default()
            };
            let settings = Settings::merge(EndpointFlags::default(), hub, SettingsFile::default());
            settings.map(|settings| {
                settings
                    .to_config()
                    .throttling
                    .map(|one| one.scale.to_string())
            })
        };
        assert_eq!(scale(None, None).unwrap(), None);
        assert_eq!(scale(Some(Tier::S1), None).unwrap().unwrap(), "S1 × 1");
        assert_eq!(scale(Some(Tier::S3), Some(10)).unwrap().unwrap(), "S3 × 10");
        for (tier, units, problem) in [
            (None, Some(2), "`units` are given, but no tier"),
            (Some(Tier::F1), Some(2), "F1 has 1 to 1 units, not 2"),
        ] {
            assert_eq!(scale(tier, units).unwrap_err().to_string(), problem);
        }
    }

    #[test]
    fn a_list_of_the_flags_replaces_the_files_whole() {
        let hosts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let settings = merged(
            EndpointFlags::default(),
            HubFlags {
                host: hosts(&["A.example"]),
                ca: Some("/flag".into()),
                ..HubFlags::default()
            },
            SettingsFile {
                host: Some(hosts(&["b.example", "c.example"])),
                ..SettingsFile::default()
            },
        );
        assert_eq!(settings.host_names, ["a.example"]);
        assert_eq!(settings.ca_dir, PathBuf::from("/flag"));
    }
}
