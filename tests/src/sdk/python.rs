//! The Python SDKs, by pip into a virtual environment.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::install::{folders, install, need, pinned, run};
use crate::hub::TestHub;
use crate::program::Program;
use crate::skip::Skip;

/// The Python SDKs.
#[derive(Clone, Debug)]
pub struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// The installed SDKs.
    pub async fn get() -> Result<Self, Skip> {
        let interpreter = virtual_environment("python").await?;
        Ok(Self { interpreter })
    }

    /// The interpreter that has the SDKs, and pytest.
    pub fn interpreter(&self) -> &Path {
        &self.interpreter
    }

    /// The interpreter that has the SDKs, as a word of a shell.
    pub fn command(&self) -> String {
        format!("'{}' -B", self.interpreter.display())
    }

    /// Starts a program of `tests/sdk/python` against a hub.
    pub fn start(&self, hub: &TestHub, script: &str, arguments: &[&str]) -> Program {
        self.start_with(hub, script, arguments, &[])
    }

    /// Starts a program of `tests/sdk/python` as a device of a hub.
    pub fn start_device(&self, hub: &TestHub, device: &str, script: &str) -> Program {
        let connection_string = hub.device_connection_string(device);
        self.start_with(
            hub,
            script,
            &[],
            &[("DEVICE_CONNECTION_STRING", &connection_string)],
        )
    }

    fn start_with(
        &self,
        hub: &TestHub,
        script: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Program {
        let mut command = Command::new(&self.interpreter);
        command
            .arg(folders("python").0.join(script))
            .args(arguments);
        // No compiled files in the source tree.
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(variables.iter().copied());
        hub.introduce(&mut command);
        Program::start(format!("python {script}"), command)
    }
}

/// The interpreter of a virtual environment with what `tests/sdk/{name}/requirements.txt` pins.
pub(super) async fn virtual_environment(name: &str) -> Result<PathBuf, Skip> {
    need("python3", "--version").await?;
    let (source, target) = folders(name);
    let requirements = source.join("requirements.txt");
    let pins = std::slice::from_ref(&requirements);
    let target = pinned(&target, pins);
    let interpreter = target.join("venv/bin/python");
    install(&target, pins, async || {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"])
            .arg(target.join("venv"));
        run("python3 -m venv", venv).await;
        let mut pip = Command::new(&interpreter);
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(&requirements);
        run("pip install", pip).await;
    })
    .await;
    Ok(interpreter)
}
