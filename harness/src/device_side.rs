//! How devices reach their hub: which address, which port, whom they trust.

use std::sync::Arc;

use device_sim::fleet::{DevicePlan, Transport};
use device_sim::transport::{Endpoints, Target, Tls, connect};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::lookup_host;

use crate::cli::CliError;
use crate::target::{HubTarget, Reached, dial_host, is_local};

/// A hub as devices see it.
#[derive(Debug)]
pub(crate) struct Reach {
    /// The hub's name.
    pub(crate) host_name: String,
    dial_host: String,
    told: Value,
    /// One for all devices: sessions that can be resumed are shared with it.
    tls: Arc<ClientConfig>,
    https_port: Option<u16>,
}

impl Reach {
    /// Of the hub chosen, or of the one that the devices listed belong to.
    pub(crate) async fn find(
        target: &HubTarget,
        hub: Option<&Reached>,
        listed: Option<&[DevicePlan]>,
    ) -> Result<Self, CliError> {
        if let Some(hub) = hub {
            return Ok(Self {
                host_name: hub.credential.host_name.clone(),
                dial_host: hub.endpoint.dial_host.clone(),
                told: hub.told.clone(),
                tls: Arc::clone(&hub.endpoint.tls),
                https_port: Some(hub.endpoint.port),
            });
        }
        let first = listed.and_then(<[DevicePlan]>::first);
        let host_name = first.map_or_else(String::new, |device| device.host.to_string());
        let (told, tls) = target.device_side(&host_name).await?;
        Ok(Self {
            dial_host: dial_host(&host_name),
            host_name,
            told,
            tls,
            https_port: target.https_port,
        })
    }

    /// The way for this transport, tried once: a port that is closed shows before thousands dial it.
    pub(crate) async fn endpoints(
        &self,
        transport: Transport,
        port: Option<u16>,
    ) -> Result<Endpoints, CliError> {
        let port = port
            .or_else(|| self.port(transport))
            .ok_or_else(|| self.no_port(transport))?;
        let name = ServerName::try_from(self.host_name.trim_matches(['[', ']']).to_owned())
            .map_err(|error| CliError::usage(error.to_string()))?;
        let tls = Tls {
            config: Arc::clone(&self.tls),
            name,
        };
        let mut target = Target {
            dial_host: self.dial_host.clone(),
            port,
            tls: (transport != Transport::Mqtt).then_some(tls),
        };
        self.try_dial(&mut target).await?;
        let mut endpoints = Endpoints::default();
        match transport {
            Transport::Mqtts => endpoints.mqtts = Some(target),
            Transport::Mqtt => endpoints.mqtt = Some(target),
            Transport::Wss => endpoints.wss = Some(target),
            Transport::Memory => {}
        }
        Ok(endpoints)
    }

    /// The ways for several transports, each tried once.
    pub(crate) async fn all_endpoints(
        &self,
        transports: &[Transport],
    ) -> Result<Endpoints, CliError> {
        let mut all = Endpoints::default();
        for transport in transports {
            let found = self.endpoints(*transport, None).await?;
            all = Endpoints {
                mqtts: found.mqtts.or(all.mqtts),
                mqtt: found.mqtt.or(all.mqtt),
                wss: found.wss.or(all.wss),
                memory: None,
            };
        }
        Ok(all)
    }

    fn port(&self, transport: Transport) -> Option<u16> {
        let told = |name: &str| {
            let port = self.told["ports"][name].as_u64()?;
            u16::try_from(port).ok()
        };
        match transport {
            Transport::Mqtts => told("mqtts").or(Some(8883)),
            Transport::Wss => self.https_port.or_else(|| told("https")).or(Some(443)),
            // A hub that tells its ports would tell this one.
            Transport::Mqtt if self.told.is_null() && is_local(&self.host_name) => Some(1883),
            Transport::Mqtt => told("mqtt"),
            Transport::Memory => None,
        }
    }

    fn no_port(&self, transport: Transport) -> CliError {
        let host = &self.host_name;
        let told = CliError::usage(format!("{host} has no port for {transport:?}"));
        if self.told.is_null() {
            told.with_remedy(
                "a real IoT Hub speaks TLS only; name a port with --port if it is none",
            )
        } else {
            told.with_remedy("start the hub with --mqtt-port 1883, or 0 for a free one")
        }
    }

    /// Finds what to dial: of this machine's hubs the address that answers, so that a name is not
    /// looked up ten thousand times; of others the name, which may move.
    async fn try_dial(&self, target: &mut Target) -> Result<(), CliError> {
        let (host, port) = (self.dial_host.trim_matches(['[', ']']), target.port);
        let unreachable = |error: std::io::Error| {
            CliError::could_not_run(format!("cannot reach the hub at {host}:{port}: {error}"))
                .with_remedy("is it running, and is that its port? --port names another")
                .with_remedy("a Hubnerite with a CA of its own is trusted with --ca DIR")
        };
        let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
        for address in lookup_host((host, port)).await.map_err(unreachable)? {
            target.dial_host = address.ip().to_string();
            match connect(target).await {
                Ok(_) if is_local(&self.host_name) => return Ok(()),
                Ok(_) => {
                    host.clone_into(&mut target.dial_host);
                    return Ok(());
                }
                Err(error) => last = error,
            }
        }
        Err(unreachable(last))
    }
}
