//! `hubnerite hub`: the hubs of a running process.

use clap::{Args, Subcommand};
use hyper::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{CliError, say, say_json};
use crate::exit_code;
use crate::output::style::{FAINT, GOOD, STRONG, paint};
use crate::output::table;
use crate::target::{AdminTarget, encode};

/// Make, list and remove the hubs of the Hubnerite of this machine
#[derive(Subcommand, Debug)]
pub(super) enum HubCommand {
    Create(CreateArgs),
    Fork(ForkArgs),
    List(ListArgs),
    Delete(DeleteArgs),
}

/// Make a hub beside the default one; prints its connection string
///
/// It begins empty, with the policies that Hubnerite was started with. If there is one of that name,
/// it is left as it is.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite hub create orders                HostName=orders.localhost
  hubnerite device create pump-1 --hub-name orders
  IOTHUB_CONNECTION_STRING=\"$(hubnerite hub create test-7)\" pytest")]
pub(super) struct CreateArgs {
    /// orders (HostName=orders.localhost), or a loopback address that is bound, such as 127.0.0.7
    name: String,
    /// Print JSON, with the connection strings of all policies
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminTarget,
}

/// Make a hub that begins as a copy of another; prints its connection string
///
/// Identities with their keys, twins, waiting messages, configurations, jobs and policies are the same;
/// connections are not copied. From then on the two have nothing to do with each other.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite hub fork localhost test-7        the default hub as it is now, as HostName=test-7.localhost
  hubnerite hub fork golden test-7 --replace")]
pub(super) struct ForkArgs {
    /// The hub to copy: localhost for the default one
    source: String,
    /// The name of the copy, as for `hub create`
    name: String,
    /// Put the copy in place of a hub of that name
    #[arg(long)]
    replace: bool,
    /// Leave scheduled jobs out
    #[arg(long)]
    without_jobs: bool,
    /// Print JSON, with the connection strings of all policies
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminTarget,
}

/// List the hubs
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hubnerite hub list\n  hubnerite hub list --json | jq -r '.[].name'"
)]
pub(super) struct ListArgs {
    /// Print JSON, one array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminTarget,
}

/// Remove a hub with all that is in it, and close its connections
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite hub delete orders")]
pub(super) struct DeleteArgs {
    /// As it was made
    name: String,
    #[command(flatten)]
    admin: AdminTarget,
}

pub(super) async fn run(command: HubCommand) -> Result<u8, CliError> {
    match command {
        HubCommand::Create(args) => create(args).await,
        HubCommand::Fork(args) => fork(args).await,
        HubCommand::List(args) => list(args).await,
        HubCommand::Delete(args) => delete(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<u8, CliError> {
    let made = ask(&args.admin, Method::PUT, &args.name).await?;
    tell_made(&made, &args.name, args.json);
    Ok(exit_code::OK)
}

async fn fork(args: ForkArgs) -> Result<u8, CliError> {
    let path = format!("/admin/hubs/{}/fork", encode(&args.source));
    let jobs = if args.without_jobs { "none" } else { "all" };
    let body = json!({ "to": args.name, "replace": args.replace, "jobs": jobs });
    let client = args.admin.client();
    let made = client.post(&path, body.to_string().into()).await?;
    let made = serde_json::from_slice(&made)
        .map_err(|error| CliError::could_not_run(format!("the hub's answer: {error}")))?;
    tell_made(&made, &args.name, args.json);
    Ok(exit_code::OK)
}

fn tell_made(made: &Value, name: &str, as_json: bool) {
    if as_json {
        say_json(made, true);
    } else {
        let owner = &made["connectionStrings"]["iothubowner"];
        let host = made["hostName"].as_str().unwrap_or(name);
        say(owner.as_str().unwrap_or(host));
    }
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let told = args.admin.client().json("/admin/hubs").await?;
    if args.json {
        say_json(&told["hubs"], true);
        return Ok(exit_code::OK);
    }
    let hubs = told["hubs"].as_array().into_iter().flatten();
    let rows: Vec<_> = hubs.map(row).collect();
    say(table(&["HUB", "HOST NAME", "DEVICES", "EVENTS"], &rows).trim_end());
    Ok(exit_code::OK)
}

fn row(hub: &Value) -> Vec<(String, String)> {
    let text = |key: &str| match &hub[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut name = text("name");
    let mut shown = paint(STRONG, &name);
    if hub["isDefault"] == true {
        name.push_str(" (default)");
        shown = format!("{shown}{}", paint(FAINT, " (default)"));
    }
    let plain = |key: &str| (text(key), text(key));
    vec![
        (name, shown),
        plain("hostName"),
        plain("devices"),
        plain("newestEvent"),
    ]
}

async fn delete(args: DeleteArgs) -> Result<u8, CliError> {
    let gone = ask(&args.admin, Method::DELETE, &args.name).await?;
    let host = gone["deleted"].as_str().unwrap_or(&args.name);
    say(format_args!("{} {host}", paint(GOOD, "deleted")));
    Ok(exit_code::OK)
}

async fn ask(admin: &AdminTarget, verb: Method, name: &str) -> Result<Value, CliError> {
    let path = format!("/admin/hubs/{}", encode(name));
    let answer = admin.client().ask(verb, &path, Bytes::new()).await?;
    serde_json::from_slice(&answer)
        .map_err(|error| CliError::could_not_run(format!("the hub's answer: {error}")))
}
