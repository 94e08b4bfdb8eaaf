//! Starts the suite's own servers, and is what such a process runs.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use anyhow::Context;
use clap::ValueEnum;
use tokio::net::TcpListener;

use super::http;
use crate::server::Process;

/// A server of the suite's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Served {
    /// Bare hyper; its argument is the length of the answer's body.
    Hyper,
}

impl Served {
    /// Starts it: the process, and where it listens.
    pub(crate) fn start(self, arguments: &[String]) -> anyhow::Result<(Process, SocketAddr)> {
        let name = self.to_possible_value().expect("no variant is skipped");
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", name.get_name()]).args(arguments);
        let mut process = Process::start(command, tempfile::tempdir()?)?;
        let ready = process.line()?;
        let port = u16::try_from(ready["port"].as_u64().context("no port")?)?;
        Ok((process, SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }

    /// Is it, until the input is closed. As many threads as cores, as the hub has.
    pub(crate) fn be(self, arguments: &[String]) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let port = listener.local_addr()?.port();
            match self {
                Self::Hyper => {
                    let length = arguments.first().context("no length")?.parse()?;
                    tokio::spawn(http::serve(listener, length));
                }
            }
            say(&serde_json::json!({ "port": port }))?;
            tokio::task::spawn_blocking(wait_for_the_end).await?;
            Ok(())
        })
    }
}

/// Says one line to the suite.
pub(super) fn say(line: &serde_json::Value) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

/// The suite says nothing more, and ends it by ending itself.
fn wait_for_the_end() {
    let mut some = [0; 64];
    while std::io::stdin()
        .read(&mut some)
        .is_ok_and(|bytes| bytes > 0)
    {}
}
