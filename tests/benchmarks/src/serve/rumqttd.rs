//! rumqttd as a broker, with the bounds of its own example configuration.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::bail;
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};
use serde_json::json;

use super::served::{say, wait_for_the_end};
use crate::report::complain;

/// Serves until the suite ends.
pub(super) fn serve() -> anyhow::Result<()> {
    // It binds for itself, and cannot be asked what it has bound.
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let settings = ServerSettings {
        name: "plain".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 60_000,
            max_payload_size: 20_480,
            max_inflight_count: 500,
            auth: None,
            external_auth: None,
            dynamic_filters: false,
        },
    };
    let config = Config {
        id: 0,
        router: RouterConfig {
            max_connections: 20_000,
            max_outgoing_packet_count: 200,
            max_segment_size: 104_857_600,
            max_segment_count: 10,
            ..RouterConfig::default()
        },
        v4: Some(HashMap::from([("plain".to_owned(), settings)])),
        ..Config::default()
    };
    std::thread::spawn(move || {
        if let Err(error) = Broker::new(config).start() {
            complain(&error.to_string());
        }
    });
    for _ in 0..250 {
        if TcpStream::connect(listen).is_ok() {
            say(&json!({ "port": listen.port() }))?;
            wait_for_the_end();
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("rumqttd does not listen on {listen}");
}
