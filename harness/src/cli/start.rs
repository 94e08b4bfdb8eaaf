//! What every sub-command with a hub in it shares: logging, starting, and telling why a hub did not
//! start.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use emulator::{Config, Emulator, RunningEmulator, SeedError, StartError};
use tracing_subscriber::EnvFilter;

use super::error::chain;
use super::port_holder::port_holder;
use super::{CliError, seed};
use crate::private_hub;

/// Logs to stderr what `filter` lets through; warnings without one. Not those of rustls: Java, Node and
/// uamqp put an address into SNI, which costs nothing and would be a line for each connection.
pub(super) fn init_log(filter: Option<&str>) {
    use std::io::IsTerminal;
    let filter = EnvFilter::builder().parse_lossy(filter.unwrap_or("warn,rustls=error"));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // A second call has nothing to add.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .try_init();
}

/// Starts a hub; says how long that took.
pub(super) async fn start(config: Config) -> Result<(RunningEmulator, Duration), CliError> {
    let started = tokio::time::Instant::now();
    let hub = Emulator::start(config)
        .await
        .map_err(|error| describe(&error, Movable::ByFlags))?;
    Ok((hub, started.elapsed()))
}

/// The same for `count` hubs, each on a loopback address that nobody else uses.
pub(super) async fn start_private(
    config: Config,
    count: u8,
) -> Result<(RunningEmulator, Duration), CliError> {
    if count > 1 && !cfg!(target_os = "linux") {
        let words = format!("--private {count}: this system has one loopback address");
        return Err(CliError::usage(words).with_remedy(
            "take --private alone, and `--hub-name NAME` for hubs that are told apart by name",
        ));
    }
    let started = tokio::time::Instant::now();
    let hub = private_hub::start_several(config, count)
        .await
        .map_err(|error| describe(&error, Movable::No))?;
    Ok((hub, started.elapsed()))
}

/// Whether the user can move the hub's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Movable {
    /// By the flags of `up`.
    ByFlags,
    /// Not at all: the hub must be where SDKs dial.
    No,
}

/// A start error with its remedies.
pub(super) fn describe(error: &StartError, movable: Movable) -> CliError {
    match error {
        StartError::Bind { what, addr, source } => {
            bind_error(what, *addr, source, movable, || port_holder(*addr))
        }
        StartError::Seed {
            name,
            source: SeedError::Mistakes(mistakes),
        } => seed::mistakes(name, mistakes),
        other => CliError::could_not_run(chain(other)),
    }
}

fn bind_error(
    what: &str,
    addr: SocketAddr,
    source: &io::Error,
    movable: Movable,
    holder: impl FnOnce() -> Option<String>,
) -> CliError {
    let (flag, spare) = flag_of(what);
    let message =
        |why: &str| CliError::could_not_run(format!("cannot bind {addr} for {what}: {why}"));
    let port = addr.port();
    let told = match source.kind() {
        io::ErrorKind::PermissionDenied if cfg!(target_os = "linux") && port < 1024 => {
            let told = message("a port below 1024 needs a permission")
                .with_remedy(
                    "allow this program:  sudo setcap cap_net_bind_service=+ep \"$(command -v \
                     hubnerite)\"",
                )
                .with_remedy(format!(
                    "or every program:    sudo sysctl net.ipv4.ip_unprivileged_port_start={port}"
                ));
            return match movable {
                Movable::ByFlags => told.with_remedy(format!(
                    "or do without:       {flag} off, or {flag} {spare} for tools that take a port"
                )),
                Movable::No => told,
            };
        }
        io::ErrorKind::AddrInUse => match holder() {
            Some(holder) => message(&format!("{holder} has the port")),
            None => message("another program has the port"),
        },
        io::ErrorKind::AddrNotAvailable => {
            return message("this machine has no such address")
                .with_remedy("name an address of this machine with --address IP");
        }
        _ => message(&source.to_string()),
    };
    match movable {
        Movable::ByFlags => {
            told.with_remedy(format!(
                "stop it, or move this endpoint with {flag} {spare}"
            ))
            .with_remedy("or take an address of its own, with the usual ports: --address 127.0.0.2")
        }
        Movable::No => told.with_remedy("stop it: SDKs dial this port and no other"),
    }
}

/// The flag that moves an endpoint, and a port it may go to.
fn flag_of(what: &str) -> (&'static str, u16) {
    match what {
        "MQTT over TLS" => ("--mqtts-port", 8884),
        "HTTPS" => ("--https-port", 8443),
        "AMQP over TLS" => ("--amqps-port", 5673),
        "MQTT" => ("--mqtt-port", 1884),
        "HTTP" => ("--http-port", 8082),
        "blobs" => ("--blob-port", 10_001),
        _ => ("--admin-port", 8081),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: io::ErrorKind, what: &str, addr: &str, holder: Option<&str>) -> String {
        let error = bind_error(
            what,
            addr.parse().unwrap(),
            &kind.into(),
            Movable::ByFlags,
            || holder.map(str::to_owned),
        );
        anstream::adapter::strip_str(&error.render()).to_string()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_low_port_without_permission_names_every_way_out() {
        let told = told(
            io::ErrorKind::PermissionDenied,
            "HTTPS",
            "127.0.0.1:443",
            None,
        );
        insta::assert_snapshot!(told, @r#"
        error: cannot bind 127.0.0.1:443 for HTTPS: a port below 1024 needs a permission
         help: allow this program:  sudo setcap cap_net_bind_service=+ep "$(command -v hubnerite)"
         help: or every program:    sudo sysctl net.ipv4.ip_unprivileged_port_start=443
         help: or do without:       --https-port off, or --https-port 8443 for tools that take a port
        "#);
    }

    #[test]
    fn a_taken_port_names_its_holder_and_the_flag_that_moves_it() {
        let holder = Some("another hubnerite (pid 42)");
        let told = told(
            io::ErrorKind::AddrInUse,
            "MQTT over TLS",
            "[::1]:8883",
            holder,
        );
        insta::assert_snapshot!(told, @r"
        error: cannot bind [::1]:8883 for MQTT over TLS: another hubnerite (pid 42) has the port
         help: stop it, or move this endpoint with --mqtts-port 8884
         help: or take an address of its own, with the usual ports: --address 127.0.0.2
        ");
    }

    #[test]
    fn an_address_of_another_machine_is_called_that() {
        let told = told(
            io::ErrorKind::AddrNotAvailable,
            "admin",
            "192.0.2.1:8080",
            None,
        );
        insta::assert_snapshot!(told, @r"
        error: cannot bind 192.0.2.1:8080 for admin: this machine has no such address
         help: name an address of this machine with --address IP
        ");
    }
}
