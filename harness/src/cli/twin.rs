//! `hubnerite twin`

use std::io::Read;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{CliError, ToolArgs, say_json};
use crate::exit_code;
use crate::service_client::Addressee;
use crate::target::HubTarget;

/// Show and update the twins of devices and modules
#[derive(Subcommand, Debug)]
pub(super) enum TwinCommand {
    Show(ShowArgs),
    Update(UpdateArgs),
}

/// Show a twin
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite twin show pump-1
  hubnerite twin show pump-1 --module camera
  hubnerite twin show pump-1 --json | jq .properties.reported.iothubDM")]
pub(super) struct ShowArgs {
    /// The device's name
    id: String,
    /// The twin of this module of it
    #[arg(long, value_name = "MODULE")]
    module: Option<String>,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Change tags and desired properties, and show the twin that results
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite twin update pump-1 --desired '{\"interval\": 5}'
  hubnerite twin update pump-1 --tags '{\"site\": null}'                  null removes a key
  hubnerite twin update pump-1 --replace --desired '{}' --tags '{}'     empties both")]
pub(super) struct UpdateArgs {
    /// The device's name
    id: String,
    /// The twin of this module of it
    #[arg(long, value_name = "MODULE")]
    module: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    target: HubTarget,
}

/// What changes, and how the result is printed.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("part").args(["desired", "tags"]).required(true).multiple(true)))]
pub(super) struct ChangeArgs {
    /// Desired properties, a JSON object or a file with it
    #[arg(long, value_name = "JSON")]
    desired: Option<String>,
    /// Tags, a JSON object or a file with it
    #[arg(long, value_name = "JSON")]
    tags: Option<String>,
    /// Replace both parts as a whole instead of merging; a part not given is emptied
    #[arg(long)]
    replace: bool,
    /// Only if the twin still has this etag
    #[arg(short, long, value_name = "ETAG")]
    etag: Option<String>,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: TwinCommand) -> Result<u8, CliError> {
    match command {
        TwinCommand::Show(args) => {
            let twin = args
                .tool
                .target
                .client()
                .await?
                .twin(Addressee::new(&args.id, args.module.as_deref()))
                .await?;
            say_json(&twin, args.tool.json);
        }
        TwinCommand::Update(args) => {
            let of = Addressee::new(&args.id, args.module.as_deref());
            return args.change.make(of, &args.target).await;
        }
    }
    Ok(exit_code::OK)
}

impl ChangeArgs {
    /// Changes a twin, and prints the one that results.
    pub(super) async fn make(&self, of: Addressee<'_>, target: &HubTarget) -> Result<u8, CliError> {
        let update = update_body(self.desired.as_deref(), self.tags.as_deref())?;
        let mut client = target.client().await?;
        let twin = client
            .update_twin(of, &update, self.replace, self.etag.as_deref())
            .await?;
        say_json(&twin, self.json);
        Ok(exit_code::OK)
    }
}

fn update_body(desired: Option<&str>, tags: Option<&str>) -> Result<Value, CliError> {
    let mut body = Map::new();
    if let Some(tags) = tags {
        body.insert("tags".to_owned(), object("--tags", tags)?);
    }
    if let Some(desired) = desired {
        let properties = Map::from_iter([("desired".to_owned(), object("--desired", desired)?)]);
        body.insert("properties".to_owned(), properties.into());
    }
    Ok(body.into())
}

fn object(flag: &str, text: &str) -> Result<Value, CliError> {
    let value = json_argument(flag, text)?;
    if value.is_object() {
        return Ok(value);
    }
    Err(CliError::usage(format!(
        "{flag} takes a JSON object, such as '{{\"interval\": 5}}'"
    )))
}

/// Reads JSON from the command line: as it stands there or, as az takes it too, from a file named there.
pub(super) fn json_argument(flag: &str, text: &str) -> Result<Value, CliError> {
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if let Some(file) = read_file(text) {
        let file = file.map_err(|error| {
            CliError::usage(format!("{flag}: cannot read the file {text}: {error}"))
        })?;
        return serde_json::from_slice(&file)
            .map_err(|error| CliError::usage(format!("{flag}: {text} is not JSON: {error}")));
    }
    if Path::new(text)
        .extension()
        .is_some_and(|kind| kind == "json")
    {
        let words = format!("{flag}: cannot read {text}: there is no such file");
        return Err(CliError::usage(words));
    }
    Err(CliError::usage(format!(
        "{flag} is neither JSON ({error}) nor a file's name"
    ))
    .with_remedy(
        "put JSON in single quotes, with double quotes inside: '{\"interval\": 5}', '\"text\"'",
    ))
}

/// A file's bytes; `None`: there is no such file.
fn read_file(name: &str) -> Option<std::io::Result<Vec<u8>>> {
    if !Path::new(name).is_file() {
        return None;
    }
    Some(std::fs::File::open(name).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            let words = format!("it has more than {FILE_BYTES_MAX} bytes");
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, words));
        }
        Ok(bytes)
    }))
}

/// Far more than a hub takes in one request.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parts_given_are_sent() {
        let cases = [
            (
                Some(r#"{"a":1}"#),
                None,
                r#"{"properties":{"desired":{"a":1}}}"#,
            ),
            (None, Some("{}"), r#"{"tags":{}}"#),
            (
                Some("{}"),
                Some(r#"{"x":null}"#),
                r#"{"properties":{"desired":{}},"tags":{"x":null}}"#,
            ),
        ];
        for (desired, tags, expected) in cases {
            assert_eq!(update_body(desired, tags).unwrap().to_string(), expected);
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("desired.json");
        std::fs::write(&file, "{\"a\": 1}").unwrap();
        let read = update_body(file.to_str(), None).unwrap().to_string();
        assert_eq!(read, r#"{"properties":{"desired":{"a":1}}}"#);
        for broken in ["{a:1}", "5", ""] {
            let error = update_body(Some(broken), None).unwrap_err();
            assert_eq!(error.code(), exit_code::USAGE, "{broken:?}");
        }
    }
}
