//! `hubnerite seed`, and the seed of a hub that starts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use emulator::config::SeedFile;
use emulator::{Config, Mistake};
use hyper::body::Bytes;
use serde_json::Value;

use super::{CliError, say, say_json};
use crate::admin_client::AdminError;
use crate::exit_code;
use crate::output::style::{GOOD, paint};
use crate::settings::Settings;
use crate::target::{AdminTarget, HubName};

/// Make the devices, modules and configurations of a file in the hub of this machine
///
/// The file is YAML (or JSON) with `devices` and `configurations`, or the lines of an export of
/// identities. Either all of it is made or, if anything is wrong or there already, nothing.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite seed devices.yaml
  hubnerite seed devices.yaml --existing keep     run it again, and what is there stays
  hubnerite seed export/devices.txt --hub-name orders
  hubnerite up --seed devices.yaml                a hub that begins so

A file:
  devices:
    - id: pump-1
      tags: {site: a}
      properties: {desired: {interval: 5}, reported: {fw: \"1.0\"}}
      modules: [{id: camera}]
    - id: meter-{n:04}                            meter-0001 to meter-1000
      count: 1000
      tags: {floor: \"{n}\"}
  configurations:
    - id: interval
      targetCondition: tags.site = 'a'
      content: {deviceContent: {properties.desired.interval: 10}}")]
pub(super) struct SeedArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What becomes of devices and configurations of the file that the hub holds already
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    existing: Existing,
    /// Print the hub's answer, JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    name_of_hub: HubName,
    #[command(flatten)]
    admin: AdminTarget,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Existing {
    /// Make nothing at all
    Refuse,
    /// They stay as they are
    Keep,
    /// They go, and are made anew
    Replace,
}

pub(super) async fn run(args: SeedArgs) -> Result<u8, CliError> {
    let text = read(&args.file)?;
    let existing = match args.existing {
        Existing::Refuse => "refuse",
        Existing::Keep => "keep",
        Existing::Replace => "replace",
    };
    let path = format!("/admin/seed?existing={existing}");
    let path = args.name_of_hub.path(&path);
    let answered = args.admin.client().post(&path, Bytes::from(text)).await;
    let answer = answered.map_err(|error| refused(&args.file, error))?;
    let answer: Value = serde_json::from_slice(&answer)
        .map_err(|error| CliError::could_not_run(format!("the hub's answer: {error}")))?;
    if args.json {
        say_json(&answer, true);
    } else {
        say(told(&answer));
    }
    Ok(exit_code::OK)
}

/// The configuration of a hub, with its seed read.
pub(super) fn config_of(settings: &Settings) -> Result<Config, CliError> {
    let mut config = settings.to_config();
    if let Some(file) = &settings.seed {
        config.seed = Some(SeedFile {
            name: file.display().to_string(),
            text: read(file)?,
        });
    }
    Ok(config)
}

/// Mistakes, one a line, as compilers tell theirs.
pub(super) fn mistakes(file: &str, mistakes: &[Mistake]) -> CliError {
    let lines: Vec<String> = mistakes
        .iter()
        .map(|mistake| format!("{file}:{mistake}"))
        .collect();
    CliError::usage(lines.join("\n       "))
}

fn read(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file)
        .map_err(|error| CliError::usage(format!("cannot read {}: {error}", file.display())))
}

fn refused(file: &Path, error: AdminError) -> CliError {
    let AdminError::Refused { problem, .. } = &error else {
        return error.into();
    };
    let number = |value: &Value| value.as_u64().and_then(|it| usize::try_from(it).ok());
    let mistake = |value: &Value| {
        Some(Mistake {
            line: number(&value["line"])?,
            column: number(&value["column"])?,
            message: value["message"].as_str()?.to_owned(),
        })
    };
    let all = problem["mistakes"].as_array().into_iter().flatten();
    let all: Vec<Mistake> = all.filter_map(mistake).collect();
    if all.is_empty() {
        return error.into();
    }
    mistakes(&file.display().to_string(), &all)
        .with_remedy("nothing was changed; see `hubnerite seed --help` for the form of a file")
}

fn told(answer: &Value) -> String {
    let count = |key: &str, one: &str, many: &str| match answer[key].as_u64().unwrap_or(0) {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let made = [
        count("devices", "device", "devices"),
        count("modules", "module", "modules"),
        count("configurations", "configuration", "configurations"),
    ];
    let made: Vec<String> = made.into_iter().flatten().collect();
    let mut line = if made.is_empty() {
        "nothing to make".to_owned()
    } else {
        format!("{} {}", paint(GOOD, "made"), made.join(", "))
    };
    for (key, word) in [("kept", "kept"), ("replaced", "replaced")] {
        if let Some(count) = answer[key].as_u64().filter(|count| *count > 0) {
            let _ = write!(line, ", {count} {word}");
        }
    }
    line
}
