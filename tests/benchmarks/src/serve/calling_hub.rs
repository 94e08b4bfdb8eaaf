//! The emulator as a library, with callers of methods in the same process: what is left of a method call when
//! nobody asks over HTTP.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use emulator::config::Ports;
use emulator::{Config, Emulator, HubHandle, RunningEmulator};
use hdrhistogram::Histogram;
use hub_core::method::{InvokeMethod, Timeouts};
use hub_core::registry::{Authentication, DeviceSpec, EdgeScopes, Status, SymmetricKeys};
use hub_proto::ids::{ClientIdentity, DeviceId, MethodName};
use hub_proto::sas::SasKey;
use serde_json::json;

use super::served::say;
use crate::bench::device_names;
use crate::clock::now;
use crate::load::new_histogram;

/// Starts it, tells its port, and does what the suite says.
pub(super) async fn serve(devices: usize, in_flight: usize) -> anyhow::Result<()> {
    let hub = CallingHub::start(devices, in_flight).await?;
    say(&json!({ "port": hub.port()? }))?;
    // Lines are waited for on a thread of their own, and what they ask for is spawned from there.
    let runtime = tokio::runtime::Handle::current();
    let obeyed = tokio::task::spawn_blocking(move || {
        let _entered = runtime.enter();
        hub.obey()
    });
    obeyed.await?
}

/// The emulator, its devices, and what its callers have done.
struct CallingHub {
    emulator: RunningEmulator,
    devices: Vec<ClientIdentity>,
    in_flight: usize,
    /// In nanoseconds, since they were last asked for.
    latency: Arc<Mutex<Histogram<u64>>>,
}

impl CallingHub {
    /// Starts it with `device-0` and so on.
    async fn start(devices: usize, in_flight: usize) -> anyhow::Result<Self> {
        let ports = Ports {
            mqtts: None,
            amqps: None,
            https: None,
            mqtt: Some(0),
            http: None,
            admin: None,
        };
        let files = tempfile::tempdir()?;
        let config = Config {
            addresses: vec![std::net::Ipv4Addr::LOCALHOST.into()],
            ports,
            ..Config::new(files.path())
        };
        let emulator = Emulator::start(config).await?;
        let key = SasKey::from_bytes(b"a key of thirty-two bytes,shared");
        let keys = SymmetricKeys {
            primary: key.clone(),
            secondary: key,
        };
        let mut identities = Vec::new();
        for name in device_names(devices) {
            let id = DeviceId::parse(&name)?;
            identities.push(ClientIdentity::Device(id.clone()));
            emulator.hub().create_device(DeviceSpec {
                id,
                authentication: Authentication::Sas(keys.clone()),
                status: Status::Enabled,
                status_reason: None,
                edge: false,
                scopes: EdgeScopes::default(),
            })?;
        }
        Ok(Self {
            emulator,
            devices: identities,
            in_flight,
            latency: Arc::new(Mutex::new(new_histogram())),
        })
    }

    /// Where devices connect.
    fn port(&self) -> anyhow::Result<u16> {
        self.emulator.ports().mqtt.context("no MQTT port")
    }

    /// Does what the suite says, line by line, until it says nothing more.
    fn obey(&self) -> anyhow::Result<()> {
        for line in std::io::stdin().lines() {
            match line?.as_str() {
                "begin" => self.begin(),
                "count" => self.count()?,
                other => bail!("what is {other:?}?"),
            }
        }
        Ok(())
    }

    /// A task for each call in flight, each with its share of the devices, as the callers over HTTP have.
    fn begin(&self) {
        let share = self.devices.len() / self.in_flight;
        for devices in self.devices.chunks(share).take(self.in_flight) {
            let hub = self.emulator.hub().clone();
            tokio::spawn(call(hub, devices.to_vec(), Arc::clone(&self.latency)));
        }
    }

    fn count(&self) -> anyhow::Result<()> {
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        say(&json!({
            "operations": latency.len(),
            "p50Nanos": latency.value_at_quantile(0.5),
            "p99Nanos": latency.value_at_quantile(0.99),
        }))?;
        latency.reset();
        Ok(())
    }
}

async fn call(hub: HubHandle, devices: Vec<ClientIdentity>, latency: Arc<Mutex<Histogram<u64>>>) {
    let name = MethodName::parse("reboot").expect("a sound name");
    for client in devices.iter().cycle() {
        let from = now();
        let invoke = InvokeMethod {
            client: client.clone(),
            name: name.clone(),
            payload: PAYLOAD.to_vec(),
            timeouts: Timeouts {
                connect: Duration::ZERO,
                response: Duration::from_secs(30),
            },
        };
        let answered = hub.invoke_method(invoke).await;
        answered.expect("every device is there and answers");
        let nanos = u64::try_from(from.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut latency = latency.lock().unwrap_or_else(PoisonError::into_inner);
        latency.saturating_record(nanos);
    }
}

const PAYLOAD: &[u8] = br#"{"delay":5}"#;
