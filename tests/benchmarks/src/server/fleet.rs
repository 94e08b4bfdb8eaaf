//! `hubnerite fleet`: virtual devices of a hub, in a process of their own.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, ensure};

use super::hub::Hub;
use super::process::Process;
use super::speaks::Transport;

/// A running fleet whose devices are called `device-1` and so on.
#[derive(Debug)]
pub(crate) struct Fleet {
    process: Process,
}

impl Fleet {
    /// Starts `devices` devices with the behaviour `yaml`, which dial at once; returns when all are online.
    pub(crate) fn start(
        binary: &Path,
        hub: &Hub,
        transport: Transport,
        yaml: &str,
        devices: usize,
    ) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let behaviour = files.path().join("behaviour.yaml");
        std::fs::write(&behaviour, yaml)?;
        let transport = match transport {
            Transport::Plain => "mqtt",
            Transport::Tls => "mqtts",
        };
        let arguments = [
            "fleet".into(),
            "--json".into(),
            "--count".into(),
            devices.to_string().into(),
            "--arrive".into(),
            "burst".into(),
            "--transport".into(),
            transport.into(),
            "--behaviour".into(),
            behaviour.into_os_string(),
            "--admin".into(),
            format!("http://{}", hub.admin()).into(),
            "--ca".into(),
            hub.authority().as_os_str().to_owned(),
        ];
        let arguments: [OsString; 14] = arguments;
        let process = Process::start(binary, arguments, files)?;
        let mut fleet = Self { process };
        fleet.wait_until(|told| told["online"].as_u64() == u64::try_from(devices).ok())?;
        Ok(fleet)
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Reads what it says, a line a second, until it says what is waited for.
    pub(crate) fn wait_until(
        &mut self,
        is_so: impl Fn(&serde_json::Value) -> bool,
    ) -> anyhow::Result<()> {
        for _ in 0..LINES_MAX {
            let told = self.process.line().context("the fleet")?;
            if is_so(&told) {
                return Ok(());
            }
        }
        ensure!(false, "the fleet does not come about");
        Ok(())
    }
}

/// How many lines it may say before it is given up.
const LINES_MAX: usize = 120;
