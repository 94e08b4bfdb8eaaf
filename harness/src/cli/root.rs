//! The tree of sub-commands, and the way from the arguments to the exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use super::{
    CliError, admin, c2d, completions, configuration, demo, device, digital_twin, doctor, env,
    events, exec, fleet, hub, job, ledger, method, module, not_built, plan, policy, query, run,
    sas, seed, start, trust, twin, up, verify,
};
use crate::open_files;
use crate::output::style;

/// Azure IoT Hub on a laptop: one binary, no account, unmodified SDKs.
#[derive(Parser, Debug)]
#[command(name = "hubnerite", version, styles = style::CLAP, after_help = AFTER_HELP)]
#[command(max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Up(up::UpArgs),
    Demo(demo::DemoArgs),
    Fleet(fleet::FleetArgs),
    Exec(exec::ExecArgs),
    Run(Box<run::RunArgs>),
    #[command(subcommand)]
    Hub(hub::HubCommand),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    #[command(subcommand)]
    Device(device::DeviceCommand),
    #[command(subcommand)]
    Module(module::ModuleCommand),
    #[command(subcommand)]
    Twin(twin::TwinCommand),
    #[command(subcommand)]
    Method(method::MethodCommand),
    #[command(subcommand)]
    C2d(c2d::C2dCommand),
    #[command(subcommand)]
    DigitalTwin(digital_twin::DigitalTwinCommand),
    #[command(subcommand)]
    Job(job::JobCommand),
    #[command(subcommand)]
    Configuration(configuration::ConfigurationCommand),
    Query(query::QueryArgs),
    Events(events::EventsArgs),
    Ledger(ledger::LedgerArgs),
    Verify(verify::VerifyArgs),
    Wait(verify::WaitArgs),
    Metrics(admin::MetricsArgs),
    Reset(admin::ResetArgs),
    Snapshot(admin::SnapshotArgs),
    Restore(admin::RestoreArgs),
    Seed(seed::SeedArgs),
    #[command(subcommand)]
    Clock(admin::ClockCommand),
    Env(env::EnvArgs),
    Trust(trust::TrustArgs),
    Doctor(doctor::DoctorArgs),
    Sas(sas::SasArgs),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    Lesson(not_built::NotBuiltArgs),
    #[command(hide = true)]
    Studio(not_built::NotBuiltArgs),
    Plan(plan::PlanArgs),
}

impl Command {
    /// Whether a hub or a fleet is in this process: many files that are open at a time.
    fn keeps_connections(&self) -> bool {
        matches!(
            self,
            Self::Up(_) | Self::Demo(_) | Self::Fleet(_) | Self::Exec(_) | Self::Run(_)
        )
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // `up` reads its log filter from the file too, and so starts logging itself.
    if !matches!(cli.command, Command::Up(_)) {
        start::init_log(std::env::var("HUBNERITE_LOG").ok().as_deref());
    }
    if cli.command.keeps_connections() {
        open_files::prepare();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(run(cli.command));
            // Whatever still waits has been told to stop, or is of no interest any more.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(CliError::could_not_run(format!(
            "cannot start threads: {error}"
        ))),
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        let _ = writeln!(anstream::stderr(), "{}", error.render());
        error.code()
    }))
}

async fn run(command: Command) -> Result<u8, CliError> {
    match command {
        Command::Up(args) => up::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Fleet(args) => fleet::run(args).await,
        Command::Exec(args) => exec::run(args).await,
        Command::Run(args) => run::run(*args).await,
        Command::Hub(command) => hub::run(command).await,
        Command::Policy(command) => policy::run(command).await,
        Command::Device(command) => device::run(command).await,
        Command::Module(command) => module::run(command).await,
        Command::Twin(command) => twin::run(command).await,
        Command::Method(command) => method::run(command).await,
        Command::C2d(command) => c2d::run(command).await,
        Command::DigitalTwin(command) => digital_twin::run(command).await,
        Command::Job(command) => job::run(command).await,
        Command::Configuration(command) => configuration::run(command).await,
        Command::Query(args) => query::run(args).await,
        Command::Events(args) => events::run(args).await,
        Command::Ledger(args) => ledger::run(args).await,
        Command::Verify(args) => verify::verify(args).await,
        Command::Wait(args) => verify::wait(args).await,
        Command::Metrics(args) => admin::metrics(args).await,
        Command::Reset(args) => admin::reset(args).await,
        Command::Snapshot(args) => admin::snapshot(args).await,
        Command::Restore(args) => admin::restore(args).await,
        Command::Seed(args) => seed::run(args).await,
        Command::Clock(command) => admin::clock(command).await,
        Command::Env(args) => env::run(args).await,
        Command::Trust(args) => trust::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Sas(args) => sas::run(args).await,
        Command::Lesson(_) => Err(not_built::refuse(
            "lesson",
            "teach by exercises that it checks",
        )),
        Command::Studio(_) => Err(not_built::refuse("studio", "show the hub in a browser")),
        Command::Plan(args) => plan::run(args).await,
        Command::Completions(args) => Ok(completions::run(&args, Cli::command())),
    }
}

const AFTER_HELP: &str = "\
Examples:
  hubnerite demo                          watch a device reboot on command, in three seconds
  hubnerite up                            a hub on the standard ports, in memory
  hubnerite device create pump-1          prints its connection string
  hubnerite exec -- pytest                a private hub for the life of one command

Exit codes:
  0  done            1  the hub or the device said no
  2  wrong usage     3  could not run: port taken, hub unreachable";

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::exit_code;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Every sub-command with its path from the root.
    fn commands(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let path = format!("{path} {}", sub.get_name());
            found.push((
                path.clone(),
                sub.clone().bin_name(path.trim_start().to_owned()),
            ));
            commands(sub, &path, found);
        }
    }

    #[test]
    fn the_help_of_every_command_reads_well() {
        let mut root = Cli::command().term_width(100);
        root.build();
        let mut found = vec![(String::new(), root.clone())];
        commands(&root, "hubnerite", &mut found);
        let mut text = String::new();
        for (path, mut command) in found {
            let help = command.render_long_help().to_string();
            let _ = write!(text, "===== {path}\n{help}\n");
            assert!(
                command.has_subcommands() || help.contains("Examples:"),
                "{path} has no examples"
            );
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn every_setting_of_up_is_a_key_of_the_file_and_the_reverse() {
        // These say how one run goes, not what the hub is.
        let not_settings = ["json", "check", "config", "private"];
        let up = Cli::command().find_subcommand("up").unwrap().clone();
        let mut flags: Vec<&str> = up
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .filter(|flag| !not_settings.contains(flag))
            .collect();
        let mut keys = crate::settings::KEYS.to_vec();
        flags.sort_unstable();
        keys.sort_unstable();
        assert_eq!(flags, keys);
    }

    #[test]
    fn exit_codes_in_the_help_are_the_constants() {
        for (code, words) in [
            (exit_code::OK, "0  done"),
            (exit_code::FAILED, "1  the hub or the device said no"),
            (exit_code::USAGE, "2  wrong usage"),
            (exit_code::COULD_NOT_RUN, "3  could not run"),
        ] {
            assert!(
                AFTER_HELP.contains(words) && words.starts_with(&code.to_string()),
                "{words}"
            );
        }
    }
}
