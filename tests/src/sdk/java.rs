//! The Java SDKs, by Maven, and the programs on them, compiled.

use std::fs;
use std::path::PathBuf;

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::install::{folders, install, need, run};
use crate::hub::TestHub;
use crate::program::Program;
use crate::skip::Skip;

/// The Java SDKs of one of the projects under `tests/sdk/java`.
#[derive(Clone, Debug)]
pub struct Java {
    class_path: String,
}

impl Java {
    /// The current SDKs (`tests/sdk/java/v2`).
    pub async fn current() -> Result<Self, Skip> {
        static ONCE: OnceCell<String> = OnceCell::const_new();
        Self::project("v2", &ONCE).await
    }

    /// The SDKs that Microsoft's tutorial pins (`tests/sdk/java/v1`).
    pub async fn of_the_tutorial() -> Result<Self, Skip> {
        static ONCE: OnceCell<String> = OnceCell::const_new();
        Self::project("v1", &ONCE).await
    }

    /// The folder that Maven keeps its downloads in.
    pub async fn repository() -> Result<PathBuf, Skip> {
        need("javac", "-version").await?;
        need("mvn", "--version").await?;
        Ok(folders("java").1.join("repository"))
    }

    async fn project(version: &str, once: &'static OnceCell<String>) -> Result<Self, Skip> {
        need("javac", "-version").await?;
        need("mvn", "--version").await?;
        let (source, target) = folders("java");
        let (source, build) = (source.join(version), target.join(version));
        let class_path = once.get_or_init(|| async {
            let classes =
                fs::read_dir(source.join("src/main/java")).expect("the programs are there");
            let mut made_from: Vec<PathBuf> = classes.flatten().map(|entry| entry.path()).collect();
            made_from.sort();
            made_from.push(source.join("pom.xml"));
            install(&target, &made_from, async || {
                let mut maven = Command::new("mvn");
                maven
                    .args([
                        "--quiet",
                        "--batch-mode",
                        "--no-transfer-progress",
                        "--file",
                    ])
                    .arg(source.join("pom.xml"))
                    .arg(format!(
                        "-Dmaven.repo.local={}",
                        target.join("repository").display()
                    ))
                    .arg(format!("-Dhubnerite.build={}", build.display()))
                    .arg(format!(
                        "-Dmdep.outputFile={}",
                        build.join("classpath").display()
                    ))
                    .args(["compile", "dependency:build-classpath"]);
                run("mvn compile", maven).await;
            })
            .await;
            let libraries =
                fs::read_to_string(build.join("classpath")).expect("Maven wrote the class path");
            format!("{}:{}", build.join("classes").display(), libraries.trim())
        });
        Ok(Self {
            class_path: class_path.await.clone(),
        })
    }

    /// Starts a program against a hub.
    pub fn start(&self, hub: &TestHub, class: &str, arguments: &[&str]) -> Program {
        Program::start(format!("java {class}"), self.command(hub, class, arguments))
    }

    /// Starts a program as a device of a hub.
    pub fn start_device(
        &self,
        hub: &TestHub,
        device: &str,
        class: &str,
        arguments: &[&str],
    ) -> Program {
        let mut command = self.command(hub, class, arguments);
        command.env(
            "DEVICE_CONNECTION_STRING",
            hub.device_connection_string(device),
        );
        Program::start(format!("java {class}"), command)
    }

    fn command(&self, hub: &TestHub, class: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("java");
        // The tutorial's Java 8 let a library look into dates; later ones must be told to.
        command.args(["--add-opens", "java.base/java.time=ALL-UNNAMED"]);
        command
            .args(["-cp", &self.class_path, class])
            .args(arguments);
        hub.introduce(&mut command);
        command.env("JAVA_TOOL_OPTIONS", hub.java_options());
        command
    }
}
