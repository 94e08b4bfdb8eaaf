//! `hubnerite module twin`

use clap::{Args, Subcommand};

use super::ModuleArgs;
use crate::cli::twin::ChangeArgs;
use crate::cli::{CliError, ToolArgs, say_json};
use crate::exit_code;
use crate::target::HubTarget;

/// Show and update a module's twin; without a verb it is shown
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  hubnerite module twin pump-1 camera
  hubnerite module twin show pump-1 camera --json | jq .properties.reported
  hubnerite module twin update pump-1 camera --desired '{\"interval\": 5}'")]
pub(in crate::cli) struct TwinArgs {
    #[command(subcommand)]
    command: Option<TwinCommand>,
    /// The device's name
    #[arg(required = true)]
    device: Option<String>,
    /// The module's name
    #[arg(required = true)]
    module: Option<String>,
    #[command(flatten)]
    tool: ToolArgs,
}

#[derive(Subcommand, Debug)]
enum TwinCommand {
    Show(ShowArgs),
    Update(Box<UpdateArgs>),
}

/// Show a module's twin
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite module twin show pump-1 camera")]
struct ShowArgs {
    #[command(flatten)]
    module: ModuleArgs,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Change tags and desired properties of a module's twin, and show the twin that results
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite module twin update pump-1 camera --desired '{\"interval\": 5}'
  hubnerite module twin update pump-1 camera --replace --desired '{}' --tags '{}'     empties both")]
struct UpdateArgs {
    #[command(flatten)]
    module: ModuleArgs,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(args: TwinArgs) -> Result<u8, CliError> {
    match args.command {
        Some(TwinCommand::Update(args)) => {
            let of = args.module.addressee();
            args.change.make(of, &args.target).await
        }
        Some(TwinCommand::Show(args)) => show(&args.module, &args.tool).await,
        None => {
            let (Some(device), Some(module)) = (args.device, args.module) else {
                return Err(CliError::usage("which module's twin?")
                    .with_remedy("`hubnerite module twin DEVICE MODULE`"));
            };
            show(&ModuleArgs { device, module }, &args.tool).await
        }
    }
}

async fn show(module: &ModuleArgs, tool: &ToolArgs) -> Result<u8, CliError> {
    let mut client = tool.target.client().await?;
    say_json(&client.twin(module.addressee()).await?, tool.json);
    Ok(exit_code::OK)
}
