//! `hubnerite up`

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::signals::Signals;
use super::{CliError, ledger, say, seed, start};
use crate::exit_code;
use crate::output::Ready;
use crate::settings::{ConfigFlag, EndpointFlags, HubFlags, Settings, SettingsFile};

/// Start a hub and keep it running until Ctrl-C
///
/// Everything is in memory and gone when it stops, but for the certificate authority. Flags win over
/// HUBNERITE_* variables, those over hubnerite.toml, whose keys are the long names of the flags.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite up                                       the SDKs' ports, on 127.0.0.1 and ::1
  hubnerite up --address 127.0.0.2                   a second hub beside it, HostName=127.0.0.2
  hubnerite up --hub-name orders --hub-name billing  hubs of their own, HostName=orders.localhost
  hubnerite up --host myhub.azure-devices.net        with `127.0.0.1 myhub.azure-devices.net` in
                                                     /etc/hosts, for code with a fixed name
  hubnerite up --https-port 0 --mqtts-port 0 --json  free ports, told in JSON
  hubnerite up --private --json                      for a test: the SDKs' ports on an address that
                                                     nobody else uses, told in JSON
  hubnerite up --seed devices.yaml                   begins with the devices of a file

The first SIGINT or SIGTERM stops the hub in order, a second one at once.")]
pub(super) struct UpArgs {
    #[command(
        flatten,
        next_help_heading = "Endpoints (PORT: a number, 0 for a free one, or off)"
    )]
    endpoints: EndpointFlags,
    #[command(flatten, next_help_heading = "Hub")]
    hub: HubFlags,
    /// Take the SDKs' ports on a loopback address that nobody else uses, so that hubs side by side never
    /// meet; with COUNT as many hubs, each on an address of its own
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1",
          value_parser = clap::value_parser!(u8).range(1..=64),
          conflicts_with_all = ["address", "mqtts_port", "amqps_port", "https_port"],
          help_heading = "Hub")]
    private: Option<u8>,
    #[command(flatten, next_help_heading = "Output")]
    output: OutputFlags,
    #[command(flatten, next_help_heading = "Options")]
    config: ConfigFlag,
}

#[derive(Args, Debug)]
struct OutputFlags {
    /// Once ready, print one line of JSON instead of the overview
    #[arg(long)]
    json: bool,
    /// Once ready, write that line of JSON to FILE, whole or not at all
    #[arg(
        long,
        value_name = "FILE",
        env = "HUBNERITE_READY_FILE",
        hide_env_values = true
    )]
    ready_file: Option<PathBuf>,
    /// Log to stderr what FILTER lets through: debug, or emulator=trace,warn; default: warn
    #[arg(
        long,
        value_name = "FILTER",
        env = "HUBNERITE_LOG",
        hide_env_values = true
    )]
    log: Option<String>,
    /// Show the settings as merged from flags, variables and file, as a file, and start nothing
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(args: UpArgs) -> Result<u8, CliError> {
    let file = SettingsFile::load(args.config.config.as_deref())?;
    let mut settings = Settings::merge(args.endpoints, args.hub, file)?;
    settings.ready_file = args.output.ready_file.or(settings.ready_file);
    settings.log = args.output.log.or(settings.log);
    if args.output.check {
        say(settings.to_toml().trim_end());
        return Ok(exit_code::OK);
    }
    start::init_log(settings.log.as_deref());
    // Before the hub is ready, so that whoever waits for that may signal at once.
    let mut signals = Signals::listen()
        .map_err(|error| CliError::could_not_run(format!("cannot listen for signals: {error}")))?;
    let config = seed::config_of(&settings)?;
    let (hub, took) = match args.private {
        Some(count) => start::start_private(config, count).await?,
        None => start::start(config).await?,
    };
    let ready = Ready::of(&hub, took);
    // The file first: whoever has read the line may read the file.
    if let Some(path) = &settings.ready_file {
        write_whole(path, &ready.to_json()).map_err(|error| {
            CliError::could_not_run(format!("cannot write {}: {error}", path.display()))
        })?;
    }
    if args.output.json {
        say(ready.to_json());
    } else {
        say(ready.to_block().trim_end());
    }
    signals.next().await;
    tracing::info!("stopping");
    ledger::tell_reliance(&hub);
    tokio::select! {
        () = hub.stop() => Ok(exit_code::OK),
        second = signals.next() => Ok(second.exit_code()),
    }
}

/// Writes beside `path` and moves over it: a reader sees all of it or nothing.
fn write_whole(path: &Path, line: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    std::fs::write(&beside, format!("{line}\n"))?;
    std::fs::rename(&beside, path)
}
