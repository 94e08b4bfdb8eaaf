//! `hubnerite query`

use clap::Args;

use hub_core::query::{Collection, Query};

use super::{CliError, say, say_json};
use crate::exit_code;
use crate::target::HubTarget;

/// Ask for twins in the query language of IoT Hub
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite query \"SELECT * FROM devices\"
  hubnerite query \"SELECT * FROM devices WHERE tags.site = 'Oslo' AND status = 'enabled'\"
  hubnerite query --json \"SELECT * FROM devices\" | jq -r .deviceId
  hubnerite query --explain \"SELECT * FROM devices WHERE STARTSWITH(deviceId, 'pump-')\"")]
pub(super) struct QueryArgs {
    /// The query; quote it for the shell
    query: String,
    /// At most this many results
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    top: usize,
    /// Print JSON, one result a line
    #[arg(long)]
    json: bool,
    /// Say which rows Hubnerite would look at, and ask no hub
    #[arg(long, conflicts_with = "json")]
    explain: bool,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(args: QueryArgs) -> Result<u8, CliError> {
    if args.explain {
        say(plan(&args.query)?);
        return Ok(exit_code::OK);
    }
    let results = args
        .target
        .client()
        .await?
        .query(&args.query, args.top)
        .await?;
    for result in &results {
        say_json(result, args.json);
    }
    Ok(exit_code::OK)
}

/// Which rows a query looks at, from its text alone.
fn plan(text: &str) -> Result<String, CliError> {
    let query = Query::parse(text).map_err(|error| {
        CliError::usage(format!("not a query: {error}"))
            .with_remedy("the place is line:column of the query")
    })?;
    Ok(match query.collection() {
        Collection::Devices => query.ids().to_string(),
        Collection::Modules => format!("modules of: {}", query.ids()),
        Collection::Jobs => "scan of all device-job rows".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_which_rows_are_looked_at() {
        //
        let cases = [
            ("devices", "scan of all devices"),
            ("devices WHERE tags.a = 1", "scan of all devices"),
            (
                "devices WHERE deviceId = 'a' AND tags.a = 1",
                "look-up of device \"a\"",
            ),
            ("devices WHERE id IN ['a', 'b']", "look-up of 2 devices"),
            (
                "devices WHERE STARTSWITH(deviceId, 'p')",
                "scan of devices that begin with \"p\"",
            ),
            (
                "devices WHERE deviceId > 'a' AND deviceId <= 'c'",
                "scan of devices from \"a\" to \"c\"",
            ),
            (
                "devices WHERE id = 'a' AND id = 'b'",
                "nothing: no device id can match",
            ),
            (
                "devices.modules WHERE deviceId = 'a'",
                "modules of: look-up of device \"a\"",
            ),
            ("devices.jobs", "scan of all device-job rows"),
        ];
        for (from, expected) in cases {
            let plan = plan(&format!("SELECT * FROM {from}")).ok();
            assert_eq!(plan.as_deref(), Some(expected), "{from}");
        }
        assert!(plan("SELECT *").is_err());
    }
}
