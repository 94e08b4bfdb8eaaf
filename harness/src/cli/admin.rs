//! `hubnerite metrics`, `reset`, `snapshot`, `restore`, `clock`: what testers do to a running hub.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{CliError, say, say_json};
use crate::admin_client::AdminError;
use crate::exit_code;
use crate::output::style::{FAINT, STRONG, paint};
use crate::target::{AdminTarget, HubName};

/// Show the hubs of this machine in numbers, in the text format of Prometheus
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite metrics
  hubnerite metrics | grep connections")]
pub(super) struct MetricsArgs {
    #[command(flatten)]
    admin: AdminTarget,
}

/// Empty the hub of this machine: identities, twins, queues, configurations, jobs, connections
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite reset
  hubnerite reset --keep-configurations
  hubnerite reset --json            tells the number of the newest event, to read on from

The shared access keys stay, and so does the event log.")]
pub(super) struct ResetArgs {
    /// Leave the automatic configurations as they are
    #[arg(long)]
    keep_configurations: bool,
    #[command(flatten)]
    name_of_hub: HubName,
    #[command(flatten)]
    common: Common,
}

/// Write down what the hub of this machine holds, or keep it there under a name
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite snapshot > before.json  identities with their keys, twins, messages, configurations, jobs
  hubnerite snapshot --name before  kept by the hub itself, until it stops

A job that runs is half done: wait for its end, or take the snapshot --without-jobs.")]
pub(super) struct SnapshotArgs {
    /// Let the hub keep it under NAME
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Leave scheduled jobs out
    #[arg(long)]
    without_jobs: bool,
    #[command(flatten)]
    name_of_hub: HubName,
    #[command(flatten)]
    common: Common,
}

/// Put a snapshot back in place of what the hub holds
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite restore before.json
  hubnerite restore --name before

All of it or nothing; every connection is closed.")]
pub(super) struct RestoreArgs {
    /// The file that `hubnerite snapshot` wrote
    #[arg(
        value_name = "FILE",
        required_unless_present = "name",
        conflicts_with = "name"
    )]
    file: Option<PathBuf>,
    /// The snapshot that the hub keeps under NAME
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    name_of_hub: HubName,
    #[command(flatten)]
    common: Common,
}

/// Show or move the time of a hub that was started with --clock virtual
#[derive(Subcommand, Debug)]
#[command(after_help = "\
Examples:
  hubnerite clock show
  hubnerite clock advance 1h30m     all that is due by then happens, in order
  hubnerite clock set 2027-01-01T00:00:00Z
  hubnerite clock thaw              let it run; `freeze` stops it")]
pub(super) enum ClockCommand {
    /// Show the hub's time
    #[command(after_help = "Examples:\n  hubnerite clock show\n  hubnerite clock show --json")]
    Show(ClockArgs),
    /// Move it on
    #[command(
        after_help = "Examples:\n  hubnerite clock advance 90s\n  hubnerite clock advance 2d"
    )]
    Advance(AdvanceArgs),
    /// Move it to an instant; back, only what is shown goes back
    #[command(after_help = "Examples:\n  hubnerite clock set 2027-01-01T00:00:00Z")]
    Set(SetArgs),
    /// Let it stand
    #[command(after_help = "Examples:\n  hubnerite clock freeze")]
    Freeze(ClockArgs),
    /// Let it run as the machine's does
    #[command(after_help = "Examples:\n  hubnerite clock thaw")]
    Thaw(ClockArgs),
}

/// A command on the clock without a word more.
#[derive(Args, Debug)]
pub(super) struct ClockArgs {
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
pub(super) struct AdvanceArgs {
    /// How far: 90s, 1h30m, 2d, or an ISO 8601 duration
    #[arg(value_name = "DURATION")]
    by: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// Where to, such as 2027-01-01T00:00:00Z
    #[arg(value_name = "TIME")]
    to: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Common {
    /// Print the hub's answer, JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminTarget,
}

impl Common {
    async fn post(&self, path: &str, body: Bytes) -> Result<Value, CliError> {
        let answer = self.admin.client().post(path, body).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| CliError::could_not_run(format!("the hub's answer: {error}")))
    }

    fn tell(&self, answer: &Value, words: impl FnOnce(&Value) -> String) {
        if self.json {
            say_json(answer, true);
        } else {
            say(words(answer));
        }
    }
}

pub(super) async fn metrics(args: MetricsArgs) -> Result<u8, CliError> {
    let text = args.admin.client().bytes("/metrics").await?;
    say(String::from_utf8_lossy(&text).trim_end());
    Ok(exit_code::OK)
}

pub(super) async fn reset(args: ResetArgs) -> Result<u8, CliError> {
    let path = if args.keep_configurations {
        "/admin/reset?keepConfigurations=true"
    } else {
        "/admin/reset"
    };
    let answer = args
        .common
        .post(&args.name_of_hub.path(path), Bytes::new())
        .await?;
    args.common
        .tell(&answer, |answer| format!("{} removed", contents(answer)));
    Ok(exit_code::OK)
}

pub(super) async fn snapshot(args: SnapshotArgs) -> Result<u8, CliError> {
    let jobs = if args.without_jobs { "none" } else { "all" };
    let path = format!("/admin/snapshot?jobs={jobs}");
    let Some(name) = &args.name else {
        let client = args.common.admin.client();
        let document = client
            .post(&args.name_of_hub.path(&path), Bytes::new())
            .await?;
        say(String::from_utf8_lossy(&document));
        return Ok(exit_code::OK);
    };
    let path = args.name_of_hub.path(&named(&path, name));
    let answer = args.common.post(&path, Bytes::new()).await?;
    args.common.tell(&answer, |answer| {
        format!("{} kept as {}", contents(answer), paint(STRONG, name))
    });
    Ok(exit_code::OK)
}

pub(super) async fn restore(args: RestoreArgs) -> Result<u8, CliError> {
    let (path, body) = match (&args.name, &args.file) {
        (Some(name), _) => (named("/admin/restore", name), Bytes::new()),
        (None, Some(file)) => ("/admin/restore".to_owned(), read(file)?),
        (None, None) => return Err(CliError::usage("neither a file nor a name is given")),
    };
    let path = args.name_of_hub.path(&path);
    let answer = args.common.post(&path, body).await?;
    args.common
        .tell(&answer, |answer| format!("{} restored", contents(answer)));
    Ok(exit_code::OK)
}

pub(super) async fn clock(command: ClockCommand) -> Result<u8, CliError> {
    let (common, answer) = match command {
        ClockCommand::Show(ClockArgs { common }) => {
            let answer = common.admin.client().json("/admin/clock").await?;
            (common, answer)
        }
        ClockCommand::Advance(AdvanceArgs { by, common }) => {
            let body = json!({ "by": iso_duration(&by)? });
            let answer = move_clock(&common, "advance", Some(body)).await?;
            (common, answer)
        }
        ClockCommand::Set(SetArgs { to, common }) => {
            let answer = move_clock(&common, "set", Some(json!({ "to": to }))).await?;
            (common, answer)
        }
        ClockCommand::Freeze(ClockArgs { common }) => {
            let answer = move_clock(&common, "freeze", None).await?;
            (common, answer)
        }
        ClockCommand::Thaw(ClockArgs { common }) => {
            let answer = move_clock(&common, "thaw", None).await?;
            (common, answer)
        }
    };
    common.tell(&answer, |answer| {
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        let running = answer["running"].as_bool().unwrap_or(true);
        let state = if running { "it runs" } else { "it stands" };
        let mode = format!("({} clock; {state})", text("mode"));
        format!("{} {}", text("now"), paint(FAINT, mode))
    });
    Ok(exit_code::OK)
}

async fn move_clock(common: &Common, how: &str, body: Option<Value>) -> Result<Value, CliError> {
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    common.post(&format!("/admin/clock/{how}"), body).await
}

/// What an answer counts, without what there is none of.
fn contents(answer: &Value) -> String {
    let count = |key: &str, one: &str, many: &str| match answer[key].as_u64() {
        Some(1) => format!("1 {one}"),
        count => format!("{} {many}", count.unwrap_or(0)),
    };
    let mut told = count("identities", "identity", "identities");
    for (key, one, many) in [
        ("configurations", "configuration", "configurations"),
        ("jobs", "job", "jobs"),
    ] {
        if answer[key].as_u64().is_some_and(|count| count > 0) {
            told.push_str(", ");
            told.push_str(&count(key, one, many));
        }
    }
    told
}

fn named(path: &str, name: &str) -> String {
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}name={name}")
}

fn read(file: &Path) -> Result<Bytes, CliError> {
    let bytes = std::fs::read(file)
        .map_err(|error| CliError::usage(format!("cannot read {}: {error}", file.display())))?;
    Ok(bytes.into())
}

/// `1h30m` and its like as ISO 8601; what begins with `P` is left to the hub.
pub(super) fn iso_duration(text: &str) -> Result<String, CliError> {
    if text.starts_with('P') {
        return Ok(text.to_owned());
    }
    let wrong = || {
        CliError::usage(format!("{text:?} is not a span of time"))
            .with_remedy("give it as 90s, 1h30m, 2d or PT1H30M")
    };
    let (mut days, mut clock, mut rest) = (String::new(), String::new(), text);
    while !rest.is_empty() {
        let end = rest.find(|sign: char| !(sign.is_ascii_digit() || sign == '.'));
        let end = end.filter(|end| *end > 0).ok_or_else(wrong)?;
        let (count, behind) = rest.split_at(end);
        let (unit, behind) = behind.split_at(behind.chars().next().map_or(0, char::len_utf8));
        match unit {
            "d" if clock.is_empty() => days.extend([count, "D"]),
            "h" => clock.extend([count, "H"]),
            "m" => clock.extend([count, "M"]),
            "s" => clock.extend([count, "S"]),
            _ => return Err(wrong()),
        }
        rest = behind;
    }
    match (days.is_empty(), clock.is_empty()) {
        (true, true) => Err(wrong()),
        (_, true) => Ok(format!("P{days}")),
        _ => Ok(format!("P{days}T{clock}")),
    }
}

impl From<AdminError> for CliError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Refused { detail, remedy, .. } => {
                let told = Self::failed(detail);
                match remedy {
                    Some(remedy) => told.with_remedy(remedy),
                    None => told,
                }
            }
            other => Self::could_not_run_because(&other).with_remedy(
                "start a hub with `hubnerite up`, or name its admin API with --admin URL",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        for (text, expected) in [
            ("90s", Some("PT90S")),
            ("1h30m", Some("PT1H30M")),
            ("2d", Some("P2D")),
            ("1d0.5h", Some("P1DT0.5H")),
            ("PT1H", Some("PT1H")),
            ("", None),
            ("1", None),
            ("h", None),
            ("1y", None),
            ("1h2d", None),
            ("1é", None),
        ] {
            assert_eq!(iso_duration(text).ok().as_deref(), expected, "{text}");
        }
    }
}
