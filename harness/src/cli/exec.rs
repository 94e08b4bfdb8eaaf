//! `hubnerite exec`

use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;

use clap::Args;
use emulator::RunningEmulator;
use hub_proto::connection_string::ConnectionString;
use tokio::process::{Child, Command};

use super::identity::connection_string;
use super::signals::{Ending, Signals};
use super::{CliError, ledger, seed, start};
use crate::exit_code;
use crate::output::Ready;
use crate::private_hub;
use crate::service_client::{Endpoint, ServiceClient, trusted_roots};
use crate::settings::{ConfigFlag, EndpointFlags, HubFlags, Settings, SettingsFile};

/// Run a command with a private hub, for as long as the command runs
///
/// The hub has the ports that SDKs dial, on a loopback address of its own, so that runs side by side
/// never meet. The command finds it in its variables: `IOTHUB_CONNECTION_STRING`,
/// `IOTHUB_DEVICE_CONNECTION_STRING` (with --device), `HUBNERITE_ADMIN_URL`, and those by which each
/// SDK trusts it. The exit code is the command's own; 128 and the signal's number if a signal ended it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite exec -- pytest
  hubnerite exec --device pump-1 -- node dmpatterns_getstarted_device.js
  hubnerite exec -- sh -c 'npm run device & npm test'")]
pub(super) struct ExecArgs {
    /// Create this device first; the first one's connection string is in
    /// `IOTHUB_DEVICE_CONNECTION_STRING` (repeatable)
    #[arg(long, value_name = "ID")]
    device: Vec<String>,
    #[command(flatten, next_help_heading = "Hub")]
    hub: HubFlags,
    #[command(flatten, next_help_heading = "Options")]
    config: ConfigFlag,
    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<OsString>,
}

pub(super) async fn run(args: ExecArgs) -> Result<u8, CliError> {
    let file = SettingsFile::load(args.config.config.as_deref())?;
    let settings = Settings::merge(EndpointFlags::default(), args.hub, file)?;
    let mut signals = Signals::listen()
        .map_err(|error| CliError::could_not_run(format!("cannot listen for signals: {error}")))?;
    let hub = private_hub::start(seed::config_of(&settings)?)
        .await
        .map_err(|error| start::describe(&error, start::Movable::No))?;
    let result = run_with(&hub, &args.device, &args.command, &mut signals).await;
    ledger::tell_reliance(&hub);
    hub.stop().await;
    result
}

async fn run_with(
    hub: &RunningEmulator,
    devices: &[String],
    command: &[OsString],
    signals: &mut Signals,
) -> Result<u8, CliError> {
    let ready = Ready::of(hub, std::time::Duration::ZERO);
    let device_strings = create_devices(&ready, devices).await?;
    let (program, arguments) = command.split_first().expect("clap asks for a command");
    let mut child = Command::new(program);
    child
        .args(arguments)
        .envs(super::env::variables_of(&ready).await?);
    if let Some(first) = device_strings.first() {
        child.env("IOTHUB_DEVICE_CONNECTION_STRING", first);
    }
    let child = child
        .spawn()
        .map_err(|error| spawn_error(program, &error))?;
    Ok(wait(child, signals).await)
}

async fn create_devices(ready: &Ready, devices: &[String]) -> Result<Vec<String>, CliError> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    let credential = ConnectionString::parse(ready.connection_string.expose())
        .map_err(|error| CliError::could_not_run(error.to_string()))?;
    let endpoint = Endpoint {
        host_name: ready.host.clone(),
        dial_host: ready.host.clone(),
        port: ready.ports.https.expect("a private hub has HTTPS"),
        tls: trusted_roots(Some(&ready.ca))?,
    };
    let mut client = ServiceClient::new(endpoint, credential);
    let mut strings = Vec::new();
    for id in devices {
        let device = client.create_device(id).await?;
        strings.push(connection_string(&ready.host, &device, "primaryKey")?);
    }
    Ok(strings)
}

fn spawn_error(program: &OsString, error: &io::Error) -> CliError {
    let program = program.display();
    match error.kind() {
        io::ErrorKind::NotFound => CliError::new(
            exit_code::NOT_FOUND,
            format!("{program}: command not found"),
        ),
        io::ErrorKind::PermissionDenied => CliError::new(
            exit_code::NOT_EXECUTABLE,
            format!("{program}: permission denied"),
        ),
        _ => CliError::could_not_run(format!("cannot start {program}: {error}")),
    }
}

/// Waits for the command, passing signals on; the hub lives until the command has ended.
async fn wait(mut child: Child, signals: &mut Signals) -> u8 {
    loop {
        tokio::select! {
            status = child.wait() => return status.map_or(exit_code::COULD_NOT_RUN, code_of),
            ending = signals.next() => pass_on(&child, ending),
        }
    }
}

#[cfg(unix)]
fn pass_on(child: &Child, ending: Ending) {
    use rustix::process::{Pid, Signal, kill_process};
    use std::io::IsTerminal;
    // Ctrl-C reaches the command too, which is in the terminal's foreground beside us: a second
    // signal from here would look like an impatient user.
    if ending == Ending::Interrupt && io::stdin().is_terminal() {
        return;
    }
    let signal = match ending {
        Ending::Interrupt => Signal::INT,
        Ending::Terminate => Signal::TERM,
    };
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended this moment.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(not(unix))]
fn pass_on(_child: &Child, _ending: Ending) {
    // The console tells every process in it.
}

fn code_of(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    let code = status.code().unwrap_or(i32::from(exit_code::COULD_NOT_RUN));
    // Windows has longer codes; what matters is that failure stays failure.
    u8::try_from(code).unwrap_or(exit_code::FAILED)
}
