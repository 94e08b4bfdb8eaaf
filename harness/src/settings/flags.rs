//! The flags that set up a hub. clap puts the variables under them.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use emulator::HubHost;
use hub_core::throttle::Tier;
use serde::{Deserialize, Serialize};

use super::lag::Lag;
use super::port::Port;

/// Where the file is.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigFlag {
    /// Read settings from FILE; default: hubnerite.toml in the current directory, if there is one
    #[arg(
        long,
        value_name = "FILE",
        env = "HUBNERITE_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
}

/// What kind of hub it is.
#[derive(Args, Clone, Debug, Default)]
pub struct HubFlags {
    /// Let the default hub answer to NAME too, beside localhost and the addresses (repeatable)
    #[arg(
        long,
        value_name = "NAME",
        env = "HUBNERITE_HOST",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub host: Vec<String>,
    /// Run a hub of its own beside the default one: orders (HostName=orders.localhost), a loopback
    /// address such as 127.0.0.7, or a full host name (repeatable)
    #[arg(
        long,
        value_name = "NAME",
        env = "HUBNERITE_HUB_NAME",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub hub_name: Vec<HubHost>,
    /// Make a hub for each name under .localhost, or loopback address, when it is first named
    #[arg(
        long,
        env = "HUBNERITE_AUTO_CREATE", hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub auto_create: Option<bool>,
    /// Keep the certificate authority in DIR; default: the user's data folder
    #[arg(long, value_name = "DIR", env = "HUBNERITE_CA", hide_env_values = true)]
    pub ca: Option<PathBuf>,
    /// Draw fresh shared access keys instead of the well-known ones
    #[arg(
        long,
        env = "HUBNERITE_RANDOM_KEYS", hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub random_keys: Option<bool>,
    /// Be as slow as TIER is: F1, B1, B2, B3, S1, S2 or S3, with its rates, daily quota and features;
    /// default: no tier, and nothing is throttled
    #[arg(
        long,
        value_name = "TIER",
        env = "HUBNERITE_TIER",
        hide_env_values = true
    )]
    pub tier: Option<Tier>,
    /// Units of the tier; default: 1
    #[arg(
        long,
        value_name = "NUMBER",
        env = "HUBNERITE_UNITS",
        hide_env_values = true
    )]
    pub units: Option<u16>,
    /// Let a SAS token open connections until SECONDS after it ran out; default: 300, as the real
    /// hub's clocks allow
    #[arg(
        long,
        value_name = "SECONDS",
        env = "HUBNERITE_SAS_CONNECT_GRACE",
        hide_env_values = true
    )]
    pub sas_connect_grace: Option<u64>,
    /// Let an open connection live until SECONDS after its SAS token ran out; default: 600
    #[arg(
        long,
        value_name = "SECONDS",
        env = "HUBNERITE_SAS_LIVE_GRACE",
        hide_env_values = true
    )]
    pub sas_live_grace: Option<u64>,
    /// What moves the hub's time: the machine's clock, or `hubnerite clock` alone; default: real
    #[arg(
        long,
        value_name = "CLOCK",
        env = "HUBNERITE_CLOCK",
        hide_env_values = true
    )]
    pub clock: Option<ClockFlag>,
    /// Let queries find what twins were so long ago, as the real hub's index does; default: 0s
    #[arg(
        long,
        value_name = "DURATION",
        env = "HUBNERITE_QUERY_LAG",
        hide_env_values = true
    )]
    pub query_lag: Option<Lag>,
    /// Let identities and twins show the connection state of so long ago; default: 0s
    #[arg(
        long,
        value_name = "DURATION",
        env = "HUBNERITE_CONNECTION_STATE_LAG",
        hide_env_values = true
    )]
    pub connection_state_lag: Option<Lag>,
    /// Let the default hub begin with what FILE says: devices, twins, configurations; see
    /// `hubnerite seed --help`
    #[arg(
        long,
        value_name = "FILE",
        env = "HUBNERITE_SEED",
        hide_env_values = true
    )]
    pub seed: Option<PathBuf>,
}

/// What moves the hub's time, as a flag and in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockFlag {
    /// The machine's clock
    #[default]
    Real,
    /// `hubnerite clock` and the admin API alone
    Virtual,
}

/// Where the hub listens. A port is a number, 0 (the system chooses) or `off`.
#[derive(Args, Clone, Debug, Default)]
pub struct EndpointFlags {
    /// Listen on address IP; default: 127.0.0.1 and `::1` (repeatable)
    #[arg(
        long,
        value_name = "IP",
        env = "HUBNERITE_ADDRESS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub address: Vec<IpAddr>,
    /// Port of MQTT over TLS; default: 8883, the only one SDKs dial
    #[arg(
        long,
        value_name = "PORT",
        env = "HUBNERITE_MQTTS_PORT",
        hide_env_values = true
    )]
    pub mqtts_port: Option<Port>,
    /// Port of REST and MQTT over WebSocket; default: 443, the only one SDKs dial
    #[arg(
        long,
        value_name = "PORT",
        env = "HUBNERITE_HTTPS_PORT",
        hide_env_values = true
    )]
    pub https_port: Option<Port>,
    /// Port where AMQP over TLS is refused, so that its clients need not wait; default: 5671, the only
    /// one SDKs dial, and off where the ports of MQTT and REST were both moved
    #[arg(
        long,
        value_name = "PORT",
        env = "HUBNERITE_AMQPS_PORT",
        hide_env_values = true
    )]
    pub amqps_port: Option<Port>,
    /// Port of MQTT without TLS; default: off
    #[arg(
        long,
        value_name = "PORT",
        env = "HUBNERITE_MQTT_PORT",
        hide_env_values = true
    )]
    pub mqtt_port: Option<Port>,
    /// Port of REST and MQTT over WebSocket without TLS; default: off
    #[arg(
        long,
        visible_alias = "http",
        value_name = "PORT",
        env = "HUBNERITE_HTTP_PORT",
        hide_env_values = true
    )]
    pub http_port: Option<Port>,
    /// Port of the admin API; default: 8080
    #[arg(
        long,
        value_name = "PORT",
        env = "HUBNERITE_ADMIN_PORT",
        hide_env_values = true
    )]
    pub admin_port: Option<Port>,
    /// Serve the admin API on address IP, where anybody who reaches it owns the hub; default:
    /// loopback alone, whatever --address says (repeatable)
    #[arg(
        long,
        value_name = "IP",
        env = "HUBNERITE_ADMIN_ADDRESS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub admin_address: Vec<IpAddr>,
    /// Serve this folder as containers of blobs, for imports and exports; anybody who reaches the port
    /// may read and write it. Default: no folder
    #[arg(
        long,
        value_name = "FOLDER",
        env = "HUBNERITE_BLOB_DIR",
        hide_env_values = true
    )]
    pub blob_dir: Option<PathBuf>,
    /// Port of the containers of blobs, on the addresses of the admin API; default: 10000
    #[arg(
        long,
        value_name = "PORT",
        env = "HUBNERITE_BLOB_PORT",
        hide_env_values = true
    )]
    pub blob_port: Option<Port>,
    /// Open MQTT without TLS on its usual port, 1883
    #[arg(
        long,
        env = "HUBNERITE_PLAIN_MQTT", hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub plain_mqtt: Option<bool>,
}
