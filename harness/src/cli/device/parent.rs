//! `hubnerite device parent`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::{CliError, say, say_json};
use crate::exit_code;
use crate::service_client::ServiceClient;
use crate::target::HubTarget;

/// Which Edge device a device is a child of
#[derive(Subcommand, Debug)]
pub(in crate::cli) enum ParentCommand {
    Show(ShowArgs),
    Set(SetArgs),
}

/// Print the name of a device's parent
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite device parent show sensor")]
pub(in crate::cli) struct ShowArgs {
    /// The child's name
    id: String,
    /// Print the parent's identity as JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Make a device the child of an Edge device
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite device parent set sensor gateway
  hubnerite device parent set sensor other-gateway --force        though it has a parent")]
pub(in crate::cli) struct SetArgs {
    /// The child's name
    id: String,
    /// The Edge device's name
    parent: String,
    /// Take it from the parent that it has
    #[arg(long)]
    force: bool,
    /// Print the child's identity as JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(command: ParentCommand) -> Result<u8, CliError> {
    match command {
        ParentCommand::Show(args) => {
            let mut client = args.target.client().await?;
            let child = client.device(&args.id).await?;
            let parent = parent_of(&mut client, &child).await?;
            if args.json {
                say_json(&parent, true);
            } else {
                say(parent["deviceId"].as_str().unwrap_or("-"));
            }
        }
        ParentCommand::Set(args) => {
            let mut client = args.target.client().await?;
            let mut child = client.device(&args.id).await?;
            if scope_of_parent(&child).is_some() && !args.force {
                let words = format!("{} has a parent", args.id);
                return Err(CliError::failed(words).with_remedy(
                    "--force takes it from there; `hubnerite device parent show` names it",
                ));
            }
            set(&mut child, &client.device(&args.parent).await?)?;
            let written = client.update_device(&args.id, &child).await?;
            if args.json {
                say_json(&written, true);
            }
        }
    }
    Ok(exit_code::OK)
}

/// Makes `child` a child of `parent`: a leaf takes its scope, an Edge device names it beside its own.
pub(super) fn set(child: &mut Value, parent: &Value) -> Result<(), CliError> {
    let scope = parent["deviceScope"].as_str();
    let scope = scope.filter(|_| is_edge(parent)).ok_or_else(|| {
        let words = format!("{} is not an Edge device", parent["deviceId"]);
        CliError::failed(words).with_remedy(
            "`hubnerite device create ID --edge` makes one, `device update ID --edge true` too",
        )
    })?;
    if is_edge(child) {
        child["parentScopes"] = json!([scope]);
    } else {
        child["deviceScope"] = scope.into();
    }
    Ok(())
}

fn is_edge(device: &Value) -> bool {
    device["capabilities"]["iotEdge"] == true
}

/// What the hub's JSON says of the parent.
fn scope_of_parent(child: &Value) -> Option<&str> {
    let scope = if is_edge(child) {
        &child["parentScopes"][0]
    } else {
        &child["deviceScope"]
    };
    scope.as_str().filter(|scope| !scope.is_empty())
}

/// The parent's identity. A scope is `ms-azure-iot-edge://NAME-GENERATION`.
async fn parent_of(client: &mut ServiceClient, child: &Value) -> Result<Value, CliError> {
    let scope = scope_of_parent(child);
    let name = scope
        .and_then(|scope| scope.strip_prefix("ms-azure-iot-edge://"))
        .and_then(|rest| rest.rsplit_once('-'));
    let Some((name, _)) = name else {
        let words = format!("{} has no parent", child["deviceId"]);
        return Err(CliError::failed(words)
            .with_remedy("`hubnerite device parent set CHILD PARENT` gives it one"));
    };
    Ok(client.device(name).await?)
}
