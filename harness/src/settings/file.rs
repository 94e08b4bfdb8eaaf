//! `hubnerite.toml`: any flag of `hubnerite up`, by its long name, as a key.
//!
//! An unknown key is an error, since a misspelt setting that is silently ignored costs an afternoon.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use emulator::HubHost;
use hub_core::throttle::Tier;
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use super::flags::ClockFlag;
use super::lag::Lag;
use super::port::Port;

/// What a file may set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct SettingsFile {
    pub(super) address: Option<Vec<IpAddr>>,
    pub(super) mqtts_port: Option<Port>,
    pub(super) https_port: Option<Port>,
    pub(super) amqps_port: Option<Port>,
    pub(super) mqtt_port: Option<Port>,
    pub(super) http_port: Option<Port>,
    pub(super) admin_port: Option<Port>,
    pub(super) admin_address: Option<Vec<IpAddr>>,
    pub(super) blob_dir: Option<PathBuf>,
    pub(super) blob_port: Option<Port>,
    pub(super) plain_mqtt: Option<bool>,
    pub(super) host: Option<Vec<String>>,
    pub(super) hub_name: Option<Vec<HubHost>>,
    pub(super) auto_create: Option<bool>,
    pub(super) ca: Option<PathBuf>,
    pub(super) random_keys: Option<bool>,
    #[serde(deserialize_with = "tier")]
    pub(super) tier: Option<Tier>,
    pub(super) units: Option<u16>,
    pub(super) sas_connect_grace: Option<u64>,
    pub(super) sas_live_grace: Option<u64>,
    pub(super) clock: Option<ClockFlag>,
    pub(super) query_lag: Option<Lag>,
    pub(super) connection_state_lag: Option<Lag>,
    pub(super) seed: Option<PathBuf>,
    pub(super) ready_file: Option<PathBuf>,
    pub(super) log: Option<String>,
}

/// The keys of [`SettingsFile`]; a test holds both to the flags.
pub(crate) const KEYS: &[&str] = &[
    "address",
    "mqtts-port",
    "https-port",
    "amqps-port",
    "mqtt-port",
    "http-port",
    "admin-port",
    "admin-address",
    "blob-dir",
    "blob-port",
    "plain-mqtt",
    "host",
    "hub-name",
    "auto-create",
    "ca",
    "random-keys",
    "tier",
    "units",
    "sas-connect-grace",
    "sas-live-grace",
    "clock",
    "query-lag",
    "connection-state-lag",
    "seed",
    "ready-file",
    "log",
];

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A key that is none of ours.
    #[error("{path} line {line}: unknown key `{key}`", path = path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// The key.
        key: String,
        /// What was probably meant.
        suggestion: Option<&'static str>,
    },
    /// Not TOML, or a value of the wrong kind.
    #[error("{path}: {message}", path = path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// With line, caret and what was expected.
        message: String,
    },
}

impl FileError {
    /// What to do about it.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::UnknownKey {
                suggestion: Some(key),
                ..
            } => Some(format!("did you mean `{key}`?")),
            Self::UnknownKey {
                suggestion: None, ..
            } => Some(format!("the keys are {}", KEYS.join(", "))),
            Self::Read { .. } | Self::Toml { .. } => None,
        }
    }
}

impl SettingsFile {
    /// Reads `named`, or else `hubnerite.toml` in the current directory if there is one.
    pub fn load(named: Option<&Path>) -> Result<Self, FileError> {
        let path = named.unwrap_or(Path::new(FILE_NAME));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(source) => Err(FileError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        let in_file = |error: toml::de::Error| FileError::Toml {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        };
        let table = toml::de::DeTable::parse(text).map_err(in_file)?;
        for key in table.get_ref().keys() {
            let name: &str = key.get_ref();
            if !KEYS.contains(&name) {
                return Err(FileError::UnknownKey {
                    path: path.to_owned(),
                    line: text[..key.span().start].lines().count().max(1)
                        + usize::from(text[..key.span().start].ends_with('\n')),
                    key: name.to_owned(),
                    suggestion: nearest(name),
                });
            }
        }
        toml::from_str(text).map_err(in_file)
    }
}

fn tier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tier>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(de::Error::custom)
}

/// The key that `name` is probably a slip of.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.replace('_', "-");
    KEYS.iter()
        .map(|key| (strsim::jaro_winkler(&name, key), *key))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, key)| key)
}

const FILE_NAME: &str = "hubnerite.toml";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SettingsFile, FileError> {
        SettingsFile::parse(Path::new("hubnerite.toml"), text)
    }

    #[test]
    fn every_key_is_read() {
        let file = parse(
            "address = ['127.0.0.5']\nmqtts-port = 0\nhttps-port = 'off'\namqps-port = 5672\nmqtt-port = 1884\nhttp-port = 8082\n\
             admin-port = 8081\nadmin-address = ['0.0.0.0']\nblob-dir = '/b'\nblob-port = 10001\nplain-mqtt = true\nhost = ['a.example']\n\
             hub-name = ['orders']\nauto-create = true\nca = '/x'\n\
             random-keys = true\ntier = 's2'\nunits = 3\nsas-connect-grace = 1\nsas-live-grace = 2\nclock = 'virtual'\nquery-lag = '2s'\n\
             connection-state-lag = '1m'\nseed = '/s.yaml'\nready-file = '/r'\n\
             log = 'debug'\n",
        )
        .unwrap();
        let expected = SettingsFile {
            address: Some(vec!["127.0.0.5".parse().unwrap()]),
            mqtts_port: Some(Port::Number(0)),
            https_port: Some(Port::Off),
            amqps_port: Some(Port::Number(5672)),
            mqtt_port: Some(Port::Number(1884)),
            http_port: Some(Port::Number(8082)),
            admin_port: Some(Port::Number(8081)),
            admin_address: Some(vec!["0.0.0.0".parse().unwrap()]),
            blob_dir: Some("/b".into()),
            blob_port: Some(Port::Number(10_001)),
            plain_mqtt: Some(true),
            host: Some(vec!["a.example".into()]),
            hub_name: Some(vec![HubHost::parse("orders").unwrap()]),
            auto_create: Some(true),
            ca: Some("/x".into()),
            random_keys: Some(true),
            tier: Some(Tier::S2),
            units: Some(3),
            sas_connect_grace: Some(1),
            sas_live_grace: Some(2),
            clock: Some(ClockFlag::Virtual),
            query_lag: Some("2s".parse().unwrap()),
            connection_state_lag: Some("60s".parse().unwrap()),
            seed: Some("/s.yaml".into()),
            ready_file: Some("/r".into()),
            log: Some("debug".into()),
        };
        assert_eq!(file, expected);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_what_was_probably_meant() {
        let cases = [
            (
                "\n# x\nhtps-port = 1\n",
                "htps-port",
                3,
                "did you mean `https-port`?",
            ),
            (
                "mqtts_port = 1\n",
                "mqtts_port",
                1,
                "did you mean `mqtts-port`?",
            ),
            ("ca = 'x'\nhosts = []\n", "hosts", 2, "did you mean `host`?"),
            ("zzz = 1", "zzz", 1, "the keys are address, mqtts-port, "),
        ];
        for (text, key, line, remedy) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("hubnerite.toml line {line}: unknown key `{key}`")
            );
            let said = error.remedy().unwrap();
            assert!(said.starts_with(remedy), "{said}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_shown_with_a_caret() {
        insta::assert_snapshot!(parse("ca = 'x'\nhttps-port = 70000\n").unwrap_err(), @r#"
        hubnerite.toml: TOML parse error at line 2, column 14
          |
        2 | https-port = 70000
          |              ^^^^^
        invalid value: integer `70000`, expected a port: a number from 0 to 65535, or "off"
        "#);
    }
}
