//! `hubnerite method`

use clap::{Args, Subcommand};
use serde_json::json;

use super::twin::json_argument;
use super::{CliError, say, say_json};
use crate::exit_code;
use crate::output::style::{BAD, GOOD, paint};
use crate::service_client::{Addressee, MethodCall};
use crate::target::HubTarget;

/// Call direct methods
#[derive(Subcommand, Debug)]
pub(super) enum MethodCommand {
    Invoke(InvokeArgs),
}

/// Call a direct method and wait for the answer
///
/// The exit code is 0 if the device answered with a status of 200 to 299, and 1 otherwise.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite method invoke pump-1 reboot
  hubnerite method invoke pump-1 setSpeed --payload '{\"rpm\": 900}' --timeout 5
  hubnerite method invoke pump-1 focus --module camera
  hubnerite method invoke pump-1 reboot --connect-timeout 20    wait for the device to connect")]
pub(super) struct InvokeArgs {
    /// The device's name
    device: String,
    #[command(flatten)]
    call: CallArgs,
    /// Call it on this module of the device
    #[arg(long, value_name = "MODULE")]
    module: Option<String>,
    #[command(flatten)]
    target: HubTarget,
}

/// What is called, and how the answer is printed.
#[derive(Args, Debug)]
pub(super) struct CallArgs {
    /// The method's name
    method: String,
    /// The argument, any JSON or a file with it; default: null
    #[arg(long, aliases = ["method-payload", "mp"], value_name = "JSON")]
    payload: Option<String>,
    /// How long the device may take to answer, 5 to 300; default: 30
    #[arg(long, alias = "to", value_name = "SECONDS")]
    timeout: Option<u64>,
    /// How long the device may take to connect, 0 to 300; default: 0, it must be connected
    #[arg(long, value_name = "SECONDS")]
    connect_timeout: Option<u64>,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: MethodCommand) -> Result<u8, CliError> {
    let MethodCommand::Invoke(args) = command;
    let on = Addressee::new(&args.device, args.module.as_deref());
    invoke(on, args.call, &args.target).await
}

/// Calls a method, prints what it answered, and says so with the exit code.
pub(super) async fn invoke(
    on: Addressee<'_>,
    args: CallArgs,
    target: &HubTarget,
) -> Result<u8, CliError> {
    let payload = args
        .payload
        .as_deref()
        .map(|text| json_argument("--payload", text))
        .transpose()?;
    let call = MethodCall {
        name: args.method,
        payload,
        response_timeout_s: args.timeout,
        connect_timeout_s: args.connect_timeout,
    };
    let reply = target.client().await?.invoke_method(on, &call).await?;
    let good = (200..300).contains(&reply.status);
    if args.json {
        say_json(
            &json!({"payload": reply.payload, "status": reply.status}),
            true,
        );
    } else {
        let style = if good { GOOD } else { BAD };
        say(format_args!(
            "{}  {}",
            paint(style, reply.status),
            reply.payload
        ));
    }
    Ok(if good {
        exit_code::OK
    } else {
        exit_code::FAILED
    })
}
