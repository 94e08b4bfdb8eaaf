//! `hubnerite device`

use clap::{Args, Subcommand};
use hub_proto::connection_string::{ConnectionString, Owner};
use hub_proto::sas::SasKey;
use serde_json::{Value, json};

use super::{CliError, say, say_json};
use crate::exit_code;
use crate::output::style::{BAD, FAINT, GOOD, STRONG, paint};
use crate::output::table;
use crate::secret::Secret;
use crate::service_client::DeviceKeys;
use crate::target::HubTarget;

/// Create, list, show and delete device identities
#[derive(Subcommand, Debug)]
pub(super) enum DeviceCommand {
    Create(CreateArgs),
    List(ListArgs),
    Show(ShowArgs),
    Delete(DeleteArgs),
    ConnectionString(ConnectionStringArgs),
}

/// Register devices and print their connection strings
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite device create pump-1
  hubnerite device create pump-1 pump-2 pump-3 --json
  export IOTHUB_DEVICE_CONNECTION_STRING=\"$(hubnerite device create pump-1)\"")]
pub(super) struct CreateArgs {
    /// The devices' names
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Use this key, in base64, for the device instead of a fresh one
    #[arg(long, value_name = "BASE64", requires = "secondary_key")]
    primary_key: Option<Secret>,
    /// The second key, in base64
    #[arg(long, value_name = "BASE64", requires = "primary_key")]
    secondary_key: Option<Secret>,
    /// Print the identities as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// List device identities
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite device list
  hubnerite device list --json | jq -r .deviceId")]
pub(super) struct ListArgs {
    /// At most this many; the hub gives no more than 1000
    #[arg(long, value_name = "NUMBER", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    top: u32,
    /// Print JSON, one identity a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Show a device identity
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite device show pump-1")]
pub(super) struct ShowArgs {
    /// The device's name
    id: String,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Remove devices, with their twins and queues
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite device delete pump-1 pump-2")]
pub(super) struct DeleteArgs {
    /// The devices' names
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    target: HubTarget,
}

/// Print a device's connection string, alone
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  export IOTHUB_DEVICE_CONNECTION_STRING=\"$(hubnerite device connection-string pump-1)\"")]
pub(super) struct ConnectionStringArgs {
    /// The device's name
    id: String,
    /// With the second key instead of the first
    #[arg(long)]
    secondary: bool,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(command: DeviceCommand) -> Result<u8, CliError> {
    match command {
        DeviceCommand::Create(args) => create(args).await,
        DeviceCommand::List(args) => list(args).await,
        DeviceCommand::Show(args) => show(args).await,
        DeviceCommand::Delete(args) => delete(args).await,
        DeviceCommand::ConnectionString(args) => print_connection_string(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<u8, CliError> {
    let mut client = args.target.client().await?;
    let keys = args.primary_key.zip(args.secondary_key);
    let keys = keys.map(|(primary, secondary)| DeviceKeys {
        primary: primary.expose().to_owned(),
        secondary: secondary.expose().to_owned(),
    });
    for id in &args.ids {
        let device = client.create_device(id, keys.clone()).await?;
        if args.json {
            say_json(&device, true);
        } else {
            say(connection_string(
                client.host_name(),
                &device,
                "primaryKey",
            )?);
        }
    }
    Ok(exit_code::OK)
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let devices = args.target.client().await?.devices(args.top).await?;
    if args.json {
        for device in &devices {
            say_json(device, true);
        }
        return Ok(exit_code::OK);
    }
    if devices.is_empty() {
        say("no devices; `hubnerite device create ID` makes one");
        return Ok(exit_code::OK);
    }
    let rows: Vec<_> = devices.iter().map(row).collect();
    say(table(&["DEVICE", "CONNECTION", "STATUS", "LAST ACTIVITY"], &rows).trim_end());
    Ok(exit_code::OK)
}

fn row(device: &Value) -> Vec<(String, String)> {
    let text = |key: &str| device[key].as_str().unwrap_or("-").to_owned();
    let painted = |text: String, style| {
        let painted = paint(style, &text);
        (text, painted)
    };
    let connected = text("connectionState");
    let connection_style = if connected == "Connected" {
        GOOD
    } else {
        FAINT
    };
    let status = text("status");
    let status_style = if status == "enabled" { FAINT } else { BAD };
    let activity = match text("lastActivityTime") {
        never if never.starts_with("0001-") => "never".to_owned(),
        at => at,
    };
    vec![
        painted(text("deviceId"), STRONG),
        painted(connected, connection_style),
        painted(status, status_style),
        painted(activity, FAINT),
    ]
}

async fn show(args: ShowArgs) -> Result<u8, CliError> {
    let device = args.target.client().await?.device(&args.id).await?;
    say_json(&device, args.json);
    Ok(exit_code::OK)
}

async fn delete(args: DeleteArgs) -> Result<u8, CliError> {
    let mut client = args.target.client().await?;
    for id in &args.ids {
        client.delete_device(id).await?;
    }
    Ok(exit_code::OK)
}

async fn print_connection_string(args: ConnectionStringArgs) -> Result<u8, CliError> {
    let mut client = args.target.client().await?;
    let device = client.device(&args.id).await?;
    let which = if args.secondary {
        "secondaryKey"
    } else {
        "primaryKey"
    };
    say(connection_string(client.host_name(), &device, which)?);
    Ok(exit_code::OK)
}

/// The connection string of an identity as the hub shows it.
pub(super) fn connection_string(
    host_name: &str,
    device: &Value,
    which: &str,
) -> Result<String, CliError> {
    let id = device["deviceId"].as_str().unwrap_or_default();
    let key = device["authentication"]["symmetricKey"][which]
        .as_str()
        .unwrap_or_default();
    let key = SasKey::from_base64(key)
        .map_err(|_| CliError::failed(format!("device {} has no symmetric key", json!(id))))?;
    let connection_string = ConnectionString {
        host_name: host_name.to_owned(),
        gateway_host_name: None,
        owner: Owner::Device(id.to_owned()),
        key,
    };
    Ok(connection_string.expose())
}
