//! The Node SDKs, by npm from a lock file.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::install::{folders, install, need, pinned, run};
use crate::hub::TestHub;
use crate::program::Program;
use crate::skip::Skip;

/// The Node SDKs.
#[derive(Clone, Debug)]
pub struct Node {
    modules: PathBuf,
}

impl Node {
    /// The installed SDKs.
    pub async fn get() -> Result<Self, Skip> {
        static ONCE: OnceCell<()> = OnceCell::const_new();
        need("node", "--version").await?;
        need("npm", "--version").await?;
        let (source, folder) = folders("node");
        let pins = ["package.json", "package-lock.json", ".npmrc"];
        let made_from = pins.map(|pin| source.join(pin));
        let target = pinned(&folder, &made_from);
        let installed = ONCE.get_or_init(|| async {
            install(&target, &made_from, async || {
                for pin in pins {
                    fs::copy(source.join(pin), target.join(pin)).expect("a pin file can be copied");
                }
                let mut npm = Command::new("npm");
                npm.args([
                    "ci",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--cache",
                ])
                .arg(folder.join("cache"))
                .current_dir(&target);
                run("npm ci", npm).await;
            })
            .await;
        });
        installed.await;
        Ok(Self {
            modules: target.join("node_modules"),
        })
    }

    /// The folder of the installed SDKs.
    pub fn modules(&self) -> &Path {
        &self.modules
    }

    /// A program that has the SDKs, as words of a shell.
    pub fn command(&self) -> String {
        format!("env NODE_PATH='{}' node", self.modules.display())
    }

    /// Starts a program of `tests/sdk/node` against a hub.
    pub fn start(&self, hub: &TestHub, script: &str, arguments: &[&str]) -> Program {
        self.start_with(hub, script, arguments, &[])
    }

    /// Starts a program of `tests/sdk/node` as a device of a hub.
    pub fn start_device(
        &self,
        hub: &TestHub,
        device: &str,
        script: &str,
        arguments: &[&str],
    ) -> Program {
        let connection_string = hub.device_connection_string(device);
        self.start_with(
            hub,
            script,
            arguments,
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
        let mut command = Command::new("node");
        command
            .arg(folders("node").0.join(script))
            .args(arguments)
            .env("NODE_PATH", &self.modules);
        command.envs(variables.iter().copied());
        hub.introduce(&mut command);
        Program::start(format!("node {script}"), command)
    }
}
