//! The Python SDKs, by pip into a virtual environment.

use std::path::PathBuf;

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::install::{folders, install, need, run};
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
        static ONCE: OnceCell<()> = OnceCell::const_new();
        need("python3", "--version").await?;
        let (source, target) = folders("python");
        let requirements = source.join("requirements.txt");
        let interpreter = target.join("venv/bin/python");
        let installed = ONCE.get_or_init(|| async {
            install("python", std::slice::from_ref(&requirements), async || {
                let mut venv = Command::new("python3");
                venv.args(["-m", "venv", "--clear"])
                    .arg(target.join("venv"));
                run("python3 -m venv", venv).await;
                let mut pip = Command::new(&interpreter);
                pip.args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--no-deps",
                    "--disable-pip-version-check",
                ])
                .arg("--requirement")
                .arg(&requirements);
                run("pip install", pip).await;
            })
            .await;
        });
        installed.await;
        Ok(Self { interpreter })
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
