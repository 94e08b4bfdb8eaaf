//! Settings as a file that would set them, for a person to read and to keep.

use std::net::IpAddr;

use hub_core::throttle::Scale;
use serde::{Serialize, Serializer};

use super::flags::ClockFlag;
use super::lag::Lag;
use super::port::Port;
use super::resolved::Settings;

/// What [`super::SettingsFile`] reads; nothing of it is a secret.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    address: Vec<IpAddr>,
    mqtts_port: Port,
    https_port: Port,
    amqps_port: Port,
    mqtt_port: Port,
    http_port: Port,
    admin_port: Port,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    admin_address: Vec<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_port: Option<Port>,
    host: Vec<String>,
    hub_name: Vec<String>,
    auto_create: bool,
    ca: String,
    random_keys: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<u16>,
    sas_connect_grace: u64,
    sas_live_grace: u64,
    clock: ClockFlag,
    query_lag: Lag,
    connection_state_lag: Lag,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
}

impl Settings {
    /// As the text of a settings file, with every default written out.
    pub(crate) fn to_toml(&self) -> String {
        let config = self.to_config();
        let port = |port: Option<u16>| port.map_or(Port::Off, Port::Number);
        let path = |path: &std::path::PathBuf| path.display().to_string();
        let shown = Shown {
            address: config.addresses,
            mqtts_port: port(self.ports.mqtts),
            https_port: port(self.ports.https),
            amqps_port: port(self.ports.amqps),
            mqtt_port: port(self.ports.mqtt),
            http_port: port(self.ports.http),
            admin_port: port(self.ports.admin),
            admin_address: config.admin_addresses,
            blob_dir: self.blobs.as_ref().map(|blobs| path(&blobs.dir)),
            blob_port: self.blobs.as_ref().map(|blobs| Port::Number(blobs.port)),
            host: self.host_names.clone(),
            hub_name: self.hubs.iter().map(ToString::to_string).collect(),
            auto_create: self.auto_create,
            ca: path(&self.ca_dir),
            random_keys: self.random_keys,
            tier: self.scale.map(|scale| scale.tier().name()),
            units: self.scale.map(Scale::units),
            sas_connect_grace: config.limits.sas_connect_grace.as_secs(),
            sas_live_grace: config.limits.sas_live_grace.as_secs(),
            clock: self.clock,
            query_lag: Lag(self.lags.query),
            connection_state_lag: Lag(self.lags.connection_state),
            seed: self.seed.as_ref().map(path),
            ready_file: self.ready_file.as_ref().map(path),
            log: self.log.clone(),
        };
        toml::to_string(&shown).expect("texts, numbers and lists are always TOML")
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::Number(number) => serializer.serialize_u16(*number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{EndpointFlags, HubFlags, SettingsFile};

    fn merged(file: SettingsFile) -> Settings {
        let flags = (EndpointFlags::default(), HubFlags::default());
        Settings::merge(flags.0, flags.1, file).unwrap()
    }

    #[test]
    fn settings_are_shown_as_the_file_that_would_set_them() {
        let file = "ca = '/data/hub'\nplain-mqtt = true\nhttps-port = 'off'\nhost = ['A.example']\n\
                    hub-name = ['orders']\nlog = 'debug'\ntier = 'S1'\n";
        let settings = merged(toml::from_str(file).unwrap());
        let shown = settings.to_toml();
        insta::assert_snapshot!(shown, @r#"
        address = ["127.0.0.1", "::1"]
        mqtts-port = 8883
        https-port = "off"
        amqps-port = 5671
        mqtt-port = 1883
        http-port = "off"
        admin-port = 8080
        host = ["a.example"]
        hub-name = ["orders.localhost"]
        auto-create = false
        ca = "/data/hub"
        random-keys = false
        tier = "S1"
        units = 1
        sas-connect-grace = 300
        sas-live-grace = 600
        clock = "real"
        query-lag = "0s"
        connection-state-lag = "0s"
        log = "debug"
        "#);
        let again = merged(toml::from_str(&shown).unwrap());
        assert_eq!(again.to_toml(), shown);
    }
}
