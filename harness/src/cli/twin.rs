//! `hubnerite twin`

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{CliError, say_json};
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
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Change tags and desired properties, and show the twin that results
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite twin update pump-1 --desired '{\"interval\": 5}'
  hubnerite twin update pump-1 --tags '{\"site\": null}'                  null removes a key
  hubnerite twin update pump-1 --replace --desired '{}' --tags '{}'     empties both")]
#[command(group(clap::ArgGroup::new("part").args(["desired", "tags"]).required(true).multiple(true)))]
pub(super) struct UpdateArgs {
    /// The device's name
    id: String,
    /// The twin of this module of it
    #[arg(long, value_name = "MODULE")]
    module: Option<String>,
    /// Desired properties, a JSON object
    #[arg(long, value_name = "JSON")]
    desired: Option<String>,
    /// Tags, a JSON object
    #[arg(long, value_name = "JSON")]
    tags: Option<String>,
    /// Replace both parts as a whole instead of merging; a part not given is emptied
    #[arg(long)]
    replace: bool,
    /// Only if the twin still has this etag
    #[arg(long, value_name = "ETAG")]
    etag: Option<String>,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(command: TwinCommand) -> Result<u8, CliError> {
    match command {
        TwinCommand::Show(args) => {
            let twin = args
                .target
                .client()
                .await?
                .twin(Addressee::new(&args.id, args.module.as_deref()))
                .await?;
            say_json(&twin, args.json);
        }
        TwinCommand::Update(args) => {
            let update = update_body(args.desired.as_deref(), args.tags.as_deref())?;
            let of = Addressee::new(&args.id, args.module.as_deref());
            let mut client = args.target.client().await?;
            let twin = client
                .update_twin(of, &update, args.replace, args.etag.as_deref())
                .await?;
            say_json(&twin, args.json);
        }
    }
    Ok(exit_code::OK)
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

/// Reads JSON from the command line.
pub(super) fn json_argument(flag: &str, text: &str) -> Result<Value, CliError> {
    serde_json::from_str(text).map_err(|error| {
        CliError::usage(format!("{flag} is not JSON: {error}")).with_remedy(
            "put it in single quotes, with double quotes inside: '{\"interval\": 5}', '\"text\"'",
        )
    })
}

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
        for broken in ["{a:1}", "5", ""] {
            let error = update_body(Some(broken), None).unwrap_err();
            assert_eq!(error.code(), exit_code::USAGE, "{broken:?}");
        }
    }
}
