//! `hubnerite digital-twin`, in the words of `az iot hub digital-twin`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::twin::json_argument;
use super::{CliError, ToolArgs, say_json};
use crate::exit_code;
use crate::service_client::MethodCall;

/// Plug and Play: properties, components and commands of a device with a model
#[derive(Subcommand, Debug)]
pub(super) enum DigitalTwinCommand {
    Show(ShowArgs),
    Update(UpdateArgs),
    #[command(visible_alias = "invoke")]
    InvokeCommand(InvokeArgs),
}

/// Show a digital twin
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite digital-twin show thermostat-1
  hubnerite digital-twin show thermostat-1 --json | jq '.[\"$metadata\"][\"$model\"]'")]
pub(super) struct ShowArgs {
    /// The device's name
    id: String,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Change properties by a JSON Patch, and show the digital twin that results
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite digital-twin update thermostat-1 '[{\"op\": \"add\", \"path\": \"/target\", \"value\": 42}]'
  hubnerite digital-twin update thermostat-1 '[{\"op\": \"remove\", \"path\": \"/inside/target\"}]'")]
pub(super) struct UpdateArgs {
    /// The device's name
    id: String,
    /// The JSON Patch, or a file with it: add, replace and remove
    #[arg(value_name = "PATCH")]
    patch: String,
    /// Only if the twin still has this etag
    #[arg(short, long, value_name = "ETAG")]
    etag: Option<String>,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Call a command and print the device's answer
///
/// Exit code 1 if the device's status is not in the two hundreds.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite digital-twin invoke-command thermostat-1 reboot --payload 3
  hubnerite digital-twin invoke-command thermostat-1 getReport --component inside")]
pub(super) struct InvokeArgs {
    /// The device's name
    id: String,
    /// The command's name
    command: String,
    /// The component that has the command; default: the root
    #[arg(long, alias = "component-path", value_name = "NAME")]
    component: Option<String>,
    /// The command's argument, any JSON or a file with it; default: none
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
    /// How long the device may take to answer, 5 to 300; default: 30
    #[arg(long, aliases = ["response-timeout", "rto"], value_name = "SECONDS")]
    timeout: Option<u64>,
    /// How long the device may take to connect, 0 to 300; default: 0, it must be connected
    #[arg(long, alias = "cto", value_name = "SECONDS")]
    connect_timeout: Option<u64>,
    #[command(flatten)]
    tool: ToolArgs,
}

pub(super) async fn run(command: DigitalTwinCommand) -> Result<u8, CliError> {
    match command {
        DigitalTwinCommand::Show(args) => {
            let twin = args
                .tool
                .target
                .client()
                .await?
                .digital_twin(&args.id)
                .await?;
            say_json(&twin, args.tool.json);
            Ok(exit_code::OK)
        }
        DigitalTwinCommand::Update(args) => {
            let patch = json_argument("PATCH", &args.patch)?;
            let mut client = args.tool.target.client().await?;
            client
                .update_digital_twin(&args.id, &patch, args.etag.as_deref())
                .await?;
            say_json(&client.digital_twin(&args.id).await?, args.tool.json);
            Ok(exit_code::OK)
        }
        DigitalTwinCommand::InvokeCommand(args) => invoke(args).await,
    }
}

async fn invoke(args: InvokeArgs) -> Result<u8, CliError> {
    let payload = args.payload.as_deref();
    let payload = payload.map(|text| json_argument("--payload", text));
    let command = MethodCall {
        name: args.command,
        payload: payload.transpose()?,
        response_timeout_s: args.timeout,
        connect_timeout_s: args.connect_timeout,
    };
    let mut client = args.tool.target.client().await?;
    let component = args.component.as_deref();
    let reply = client.invoke_command(&args.id, component, &command).await?;
    say_json(
        &json!({"status": reply.status, "payload": reply.payload}),
        args.tool.json,
    );
    Ok(if (200..300).contains(&reply.status) {
        exit_code::OK
    } else {
        exit_code::FAILED
    })
}
