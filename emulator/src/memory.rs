//! A hub without sockets: devices reach it over pipes in memory, services by calling its handle.
//!
//! Needs no port, no certificate and no file, and reads no wall clock: on a paused current-thread
//! runtime the same calls give the same events, whenever and wherever they are made.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hub_core::{Lags, Limits};
use hub_proto::time::Timestamp;
use tokio::io::DuplexStream;
use tracing::warn;

use crate::clock::Clock;
use crate::config::{EventLogLimits, Policies, Throttling};
use crate::directory::{Directory, DirectoryParts, HubRules};
use crate::emulator::Links;
use crate::entrance::Entrance;
use crate::host_names::HostNames;
use crate::hub::HubHandle;
use crate::listener::ConnectionContext;
use crate::mqtt;

/// A hub without sockets. Dropping it cuts every link; [`MemoryHub::stop`] does so in order.
#[derive(Debug)]
pub struct MemoryHub {
    directory: Directory,
    entrance: Arc<Entrance>,
}

impl Drop for MemoryHub {
    fn drop(&mut self) {
        // Doors may be held longer.
        self.entrance.end();
    }
}

/// What a hub without sockets can be told.
#[derive(Clone, Debug)]
pub struct MemoryConfig {
    /// What the hub's wall clock shows at the start.
    pub start_time: Timestamp,
    /// The hub's bounds.
    pub limits: Limits,
    /// The rates, the quota and the features of a tier, if any.
    pub throttling: Option<Throttling>,
    /// How far reads lag behind writes. Default: not at all.
    pub lags: Lags,
    /// The event log's bounds.
    pub event_log: EventLogLimits,
}

/// The way into a hub for devices. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MemoryDoor {
    directory: Directory,
    entrance: Arc<Entrance>,
}

impl MemoryConfig {
    /// The usual bounds, from `start_time` on.
    pub fn starting_at(start_time: Timestamp) -> Self {
        Self {
            start_time,
            limits: Limits::default(),
            throttling: None,
            lags: Lags::default(),
            event_log: EventLogLimits::default(),
        }
    }
}

impl MemoryHub {
    /// Starts a hub with the well-known policies on the current runtime. It answers to `localhost`.
    pub fn start(config: MemoryConfig) -> Self {
        let directory = Directory::start(DirectoryParts {
            clock: Clock::start_at(config.start_time),
            limits: config.limits,
            throttling: config.throttling,
            lags: config.lags,
            policies: Policies::well_known().into(),
            event_log: config.event_log,
            names: HostNames::default(),
            own_addresses: Vec::new(),
            rules: HubRules::ONE_HUB,
        });
        Self {
            directory,
            entrance: Arc::new(Entrance::new()),
        }
    }

    /// The hub, for the calls of services.
    pub fn hub(&self) -> &HubHandle {
        self.directory.default_hub()
    }

    /// The way in for devices.
    pub fn door(&self) -> MemoryDoor {
        MemoryDoor {
            directory: self.directory.clone(),
            entrance: Arc::clone(&self.entrance),
        }
    }

    /// Lets nobody in any more; see [`crate::RunningEmulator::close_endpoints`].
    pub fn close(&self, links: Links) {
        self.entrance.set_open(false);
        if links == Links::Cut {
            self.entrance.cut();
            self.directory.close_links();
        }
    }

    /// Lets devices in again.
    pub fn reopen(&self) {
        self.entrance.set_open(true);
    }

    /// Closes every connection and waits for them for a bounded time.
    pub async fn stop(self) {
        let Some(switch) = self.entrance.end() else {
            return;
        };
        self.directory.close_links();
        if !switch.drained(STOP_PATIENCE).await {
            warn!("some connections in memory are still busy after {STOP_PATIENCE:?}");
        }
    }
}

impl MemoryDoor {
    /// A new connection, served as one of plain TCP would be: what is written speaks MQTT. Refused while
    /// the hub lets nobody in.
    pub fn connect(&self) -> io::Result<DuplexStream> {
        if !self.entrance.is_open() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (device_end, hub_end) = tokio::io::duplex(PIPE_BYTES);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let context = ConnectionContext::new(&self.directory, peer, self.entrance.token());
        tokio::spawn(Box::pin(mqtt::serve(hub_end, context)));
        Ok(device_end)
    }
}

/// As much as a socket's buffers hold on loopback, roughly. Taken only as it is filled.
const PIPE_BYTES: usize = 64 * 1024;
/// Longer than a connection takes to say goodbye.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use hub_core::EventKind;
    use hub_core::link::LinkClose;
    use hub_proto::ids::DeviceId;
    use hub_proto::sas::{SasKey, sign};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::test_hub::{KEY, spec};

    const START_S: i64 = 1_767_225_600;

    fn start() -> MemoryHub {
        let hub = MemoryHub::start(MemoryConfig::starting_at(Timestamp::from_unix_seconds(
            START_S,
        )));
        hub.hub().create_device(spec("d")).unwrap();
        hub
    }

    fn field(text: &str) -> Vec<u8> {
        let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    /// CONNECT as MQTT-3.1.1 section 3.1 lays it out, with clean session, user name and password.
    fn connect_packet() -> Vec<u8> {
        let key = SasKey::from_base64(KEY).unwrap();
        let token = sign("localhost/devices/d", &key, START_S + 60, None);
        let mut body = [&field("MQTT")[..], &[4, 0b1100_0010, 0, 60]].concat();
        for text in ["d", "localhost/d/?api-version=2021-04-12", &token] {
            body.extend(field(text));
        }
        assert!((128..16_384).contains(&body.len()));
        let low = u8::try_from(body.len() % 128).unwrap() | 0x80;
        let high = u8::try_from(body.len() / 128).unwrap();
        [&[0x10, low, high], &body[..]].concat()
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_is_let_in_over_a_pipe_by_the_hubs_own_wall_time() {
        let hub = start();
        let mut pipe = hub.door().connect().unwrap();
        pipe.write_all(&connect_packet()).await.unwrap();
        let mut answer = [0; 4];
        pipe.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, [0x20, 2, 0, 0]);
        let events = hub.hub().event_log().read(0, 10).events;
        assert_eq!(events[0].1.at.unix_seconds(), START_S);
        assert!(matches!(events[1].1.kind, EventKind::Connected { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_hub_refuses_devices_until_it_opens_and_cuts_those_it_has_if_told() {
        let hub = start();
        let door = hub.door();
        let mut pipe = door.connect().unwrap();
        pipe.write_all(&connect_packet()).await.unwrap();
        pipe.read_exact(&mut [0; 4]).await.unwrap();
        // One that has not said anything yet belongs to those there are.
        let mut silent = door.connect().unwrap();

        hub.close(Links::Keep);
        let refused = door.connect().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        pipe.write_all(&[0xC0, 0]).await.unwrap();
        pipe.read_exact(&mut [0; 2]).await.unwrap();

        hub.close(Links::Cut);
        assert_eq!(pipe.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(silent.read(&mut [0; 4]).await.unwrap(), 0);

        hub.reopen();
        let mut pipe = door.connect().unwrap();
        pipe.write_all(&connect_packet()).await.unwrap();
        let mut answer = [0; 4];
        pipe.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer[3], 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_every_connection_and_waits_for_it() {
        let hub = start();
        let mut pipe = hub.door().connect().unwrap();
        pipe.write_all(&connect_packet()).await.unwrap();
        pipe.read_exact(&mut [0; 4]).await.unwrap();
        let log = hub.hub().event_log().clone();
        hub.stop().await;
        assert_eq!(pipe.read(&mut [0; 4]).await.unwrap(), 0);
        let last = log.read(log.newest() - 1, 1).events.remove(0).1;
        assert_eq!(last.client, DeviceId::parse("d").unwrap().into());
        assert!(
            matches!(&last.kind, EventKind::Disconnected { reason } if *reason == LinkClose::Shutdown)
        );
    }
}
