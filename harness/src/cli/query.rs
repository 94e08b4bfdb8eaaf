//! `hubnerite query`

use clap::Args;

use super::{CliError, say_json};
use crate::exit_code;
use crate::target::HubTarget;

/// Ask for twins in the query language of IoT Hub
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite query \"SELECT * FROM devices\"
  hubnerite query \"SELECT * FROM devices WHERE tags.site = 'Oslo' AND status = 'enabled'\"
  hubnerite query --json \"SELECT * FROM devices\" | jq -r .deviceId")]
pub(super) struct QueryArgs {
    /// The query; quote it for the shell
    query: String,
    /// At most this many results
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    top: usize,
    /// Print JSON, one result a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(args: QueryArgs) -> Result<u8, CliError> {
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
