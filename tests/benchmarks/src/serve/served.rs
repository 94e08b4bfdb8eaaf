//! Starts the suite's own servers, and is what such a process runs.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
#[cfg(not(all(feature = "rumqttd", feature = "ntex")))]
use anyhow::bail;
use clap::ValueEnum;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::handshakes::Cryptography;
use super::{calling_hub, echo, handshakes, http};
use crate::server::Process;

/// A server of the suite's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Served {
    /// Bare hyper; its argument is the length of the answer's body.
    Hyper,
    /// Bare tokio: every byte comes back.
    Echo,
    /// Bare rustls on tokio; its arguments are the files of certificates and key.
    Rustls,
    /// The same on aws-lc-rs, if it is built in.
    RustlsAwsLc,
    /// The emulator with callers in its process; its arguments are the number of devices and of calls in
    /// flight.
    CallingHub,
    /// rumqttd as a broker, if it is built in.
    Rumqttd,
    /// A broker on ntex-mqtt, if it is built in.
    Ntex,
}

impl Served {
    /// Starts it: the process, and where it listens.
    pub(crate) fn start(self, arguments: &[String]) -> anyhow::Result<(Process, SocketAddr)> {
        let name = self.to_possible_value().expect("no variant is skipped");
        let fixed = ["serve", name.get_name(), "--"].map(str::to_owned);
        let arguments = fixed.into_iter().chain(arguments.iter().cloned());
        let own = std::env::current_exe()?;
        let files = tempfile::tempdir()?;
        let mut process = Process::start(&own, arguments.map(Into::into), files)?;
        let ready = process.line()?;
        let port = u16::try_from(ready["port"].as_u64().context("no port")?)?;
        Ok((process, SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }

    /// Is it, until the input is closed.
    pub(crate) fn be(self, arguments: &[String]) -> anyhow::Result<()> {
        let argument = |index: usize| arguments.get(index).context("an argument is missing");
        match self {
            Self::Hyper => {
                let length = argument(0)?.parse()?;
                on_tokio(move |listener| http::serve(listener, length))
            }
            Self::Echo => on_tokio(echo::serve),
            Self::Rustls => tls(argument(0)?, argument(1)?, handshakes::ring()?),
            Self::RustlsAwsLc => tls(argument(0)?, argument(1)?, handshakes::aws_lc()?),
            Self::CallingHub => {
                let (devices, in_flight) = (argument(0)?.parse()?, argument(1)?.parse()?);
                runtime()?.block_on(calling_hub::serve(devices, in_flight))
            }
            #[cfg(feature = "rumqttd")]
            Self::Rumqttd => super::rumqttd::serve(),
            #[cfg(feature = "ntex")]
            Self::Ntex => super::ntex::serve(),
            #[cfg(not(all(feature = "rumqttd", feature = "ntex")))]
            other => bail!("{other:?} is not built in; --features peers does so"),
        }
    }
}

fn tls(chain: &str, key: &str, cryptography: Cryptography) -> anyhow::Result<()> {
    let acceptor = handshakes::acceptor(chain.as_ref(), key.as_ref(), cryptography)?;
    on_tokio(move |listener| handshakes::serve(listener, acceptor))
}

/// As many threads as cores, as the hub has.
fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

/// Serves on a port that the system chooses, and tells it.
fn on_tokio<S, F>(serve: S) -> anyhow::Result<()>
where
    S: FnOnce(TcpListener) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    runtime()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        say(&json!({ "port": listener.local_addr()?.port() }))?;
        tokio::spawn(serve(listener));
        tokio::task::spawn_blocking(wait_for_the_end).await?;
        Ok(())
    })
}

/// Says one line to the suite.
pub(super) fn say(line: &serde_json::Value) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

/// The suite says nothing more, and ends it by ending itself.
pub(super) fn wait_for_the_end() {
    let mut some = [0; 64];
    while std::io::stdin()
        .read(&mut some)
        .is_ok_and(|bytes| bytes > 0)
    {}
}
