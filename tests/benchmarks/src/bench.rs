//! What every measurement is given: the binary under test, the peers that are there, how long to measure.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::inspect::Inspection;
use crate::load::Window;
use crate::server::{Broker, Hub, HubOptions, Transport, mosquitto_path};

/// What every measurement is given.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) hubnerite: PathBuf,
    pub(crate) mosquitto: Option<PathBuf>,
    pub(crate) window: Window,
    /// What is to be found out of the hub while it is measured.
    pub(crate) inspection: Option<Inspection>,
}

impl Bench {
    pub(crate) fn new(hubnerite: PathBuf, measured: Duration) -> Self {
        Self {
            hubnerite,
            mosquitto: mosquitto_path(),
            window: Window {
                warm_up: Duration::from_secs(1),
                measured,
            },
            inspection: None,
        }
    }

    /// A hub as released.
    pub(crate) fn hub(&self, transport: Transport) -> anyhow::Result<Hub> {
        let hub = Hub::start(HubOptions {
            binary: &self.hubnerite,
            transport,
            has_https: transport == Transport::Tls,
            authority: None,
        })?;
        Ok(hub.inspected(self.inspection.clone()))
    }

    /// A hub that `hubnerite fleet` can speak to.
    pub(crate) fn hub_of_fleet(&self, transport: Transport) -> anyhow::Result<Hub> {
        Hub::start(HubOptions {
            binary: &self.hubnerite,
            transport,
            has_https: true,
            authority: None,
        })
    }

    /// A plain hub whose certificate authority is kept in a folder.
    pub(crate) fn hub_with_authority(&self, folder: &Path) -> anyhow::Result<Hub> {
        Hub::start(HubOptions {
            binary: &self.hubnerite,
            transport: Transport::Plain,
            has_https: false,
            authority: Some(folder),
        })
    }

    /// mosquitto; only asked where it is there.
    pub(crate) fn mosquitto(&self, transport: Transport) -> anyhow::Result<Broker> {
        let path = self.mosquitto.as_ref().context("mosquitto is missing")?;
        Broker::mosquitto(path, transport)
    }
}

/// `device-0` and so on.
pub(crate) fn device_names(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("device-{number}"))
        .collect()
}
