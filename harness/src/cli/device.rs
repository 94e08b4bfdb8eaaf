//! `hubnerite device`

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::identity::{AuthArgs, KeyType, connection_string, key_name, renew_keys};
use super::{CliError, ToolArgs, say, say_json};
use crate::exit_code;
use crate::output::style::{BAD, FAINT, GOOD, STRONG, paint};
use crate::output::table;
use crate::target::HubTarget;

mod parent;
mod transfer;

/// Device identities
#[derive(Subcommand, Debug)]
pub(super) enum DeviceCommand {
    Create(CreateArgs),
    List(ListArgs),
    Show(ShowArgs),
    Update(UpdateArgs),
    Delete(DeleteArgs),
    ConnectionString(ConnectionStringArgs),
    RenewKey(RenewKeyArgs),
    #[command(subcommand)]
    Parent(parent::ParentCommand),
    Statistics(StatisticsArgs),
    Export(transfer::ExportArgs),
    Import(transfer::ImportArgs),
}

/// Register devices and print their connection strings
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite device create pump-1
  hubnerite device create pump-1 pump-2 pump-3 --json
  hubnerite device create gateway --edge
  hubnerite device create sensor --parent gateway --status disabled --status-reason \"not paid\"
  hubnerite device create meter --primary-thumbprint 781BC9694ADEB8929D4F7FE4B9A3A6DE58B07952
  export IOTHUB_DEVICE_CONNECTION_STRING=\"$(hubnerite device create pump-1)\"")]
pub(super) struct CreateArgs {
    /// The devices' names
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    auth: AuthArgs,
    /// Make it an IoT Edge device, with its two system modules
    #[arg(long, aliases = ["edge-enabled", "ee"])]
    edge: bool,
    /// The Edge device that it is a child of
    #[arg(long, aliases = ["set-parent", "pd"], value_name = "ID")]
    parent: Option<String>,
    #[command(flatten)]
    status: StatusArgs,
    /// Print the identities as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Whether a device may connect.
#[derive(Args, Debug)]
struct StatusArgs {
    /// Whether it may connect
    #[arg(long, alias = "sta", value_parser = ["enabled", "disabled"])]
    status: Option<String>,
    /// Why, up to 128 characters
    #[arg(long, alias = "star", value_name = "TEXT")]
    status_reason: Option<String>,
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
    #[command(flatten)]
    tool: ToolArgs,
}

/// Change a device's identity; what is not named stays
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite device update pump-1 --status disabled --status-reason stolen
  hubnerite device update pump-1 --auth x509-ca
  hubnerite device update pump-1 --auth sas                       fresh keys")]
#[command(group(clap::ArgGroup::new("change").required(true).multiple(true)
    .args(["auth", "primary_key", "primary_thumbprint", "secondary_thumbprint", "edge", "status", "status_reason"])))]
pub(super) struct UpdateArgs {
    /// The device's name
    id: String,
    #[command(flatten)]
    auth: AuthArgs,
    /// Whether it is an IoT Edge device
    #[arg(long, aliases = ["edge-enabled", "ee"], value_name = "BOOL")]
    edge: Option<bool>,
    #[command(flatten)]
    status: StatusArgs,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Make keys anew, and print the connection strings that hold from now on
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite device renew-key pump-1 --key-type primary
  hubnerite device renew-key pump-1 pump-2 --key-type both --json
  hubnerite device renew-key pump-1 --key-type swap               the second key becomes the first")]
pub(super) struct RenewKeyArgs {
    /// The devices' names
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Which key
    #[arg(long, visible_alias = "kt", value_enum)]
    key_type: KeyType,
    /// Print the keys as JSON, one device a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Count devices: all, enabled, disabled, connected
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hubnerite device statistics\n  hubnerite device statistics --json | jq .connectedDeviceCount"
)]
pub(super) struct StatisticsArgs {
    #[command(flatten)]
    tool: ToolArgs,
}

/// Remove devices, with their modules, twins and queues
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
        DeviceCommand::Update(args) => update(args).await,
        DeviceCommand::RenewKey(args) => renew_key(args).await,
        DeviceCommand::Parent(command) => parent::run(command).await,
        DeviceCommand::Statistics(args) => statistics(args).await,
        DeviceCommand::Export(args) => transfer::export(args).await,
        DeviceCommand::Import(args) => transfer::import(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<u8, CliError> {
    let authentication = args.auth.authentication()?;
    let authentication = authentication.unwrap_or_else(|| json!({"type": "sas"}));
    let mut client = args.target.client().await?;
    let mut identity = json!({
        "authentication": authentication,
        "capabilities": {"iotEdge": args.edge},
        "status": "enabled",
    });
    args.status.write(&mut identity);
    if let Some(parent) = &args.parent {
        parent::set(&mut identity, &client.device(parent).await?)?;
    }
    for id in &args.ids {
        identity["deviceId"] = id.as_str().into();
        let device = client.register_device(id, &identity).await?;
        if args.json {
            say_json(&device, true);
        } else {
            say(connection_string(
                client.host_name(),
                &device,
                key_name(false),
            )?);
        }
    }
    Ok(exit_code::OK)
}

impl StatusArgs {
    fn write(&self, identity: &mut Value) {
        for (name, value) in [
            ("status", &self.status),
            ("statusReason", &self.status_reason),
        ] {
            if let Some(value) = value {
                identity[name] = value.as_str().into();
            }
        }
    }
}

async fn update(args: UpdateArgs) -> Result<u8, CliError> {
    let authentication = args.auth.authentication()?;
    let mut client = args.tool.target.client().await?;
    let mut identity = client.device(&args.id).await?;
    args.status.write(&mut identity);
    if let Some(authentication) = authentication {
        identity["authentication"] = authentication;
    }
    if let Some(edge) = args.edge {
        identity["capabilities"] = Map::from_iter([("iotEdge".to_owned(), edge.into())]).into();
    }
    let written = client.update_device(&args.id, &identity).await?;
    say_json(&written, args.tool.json);
    Ok(exit_code::OK)
}

async fn renew_key(args: RenewKeyArgs) -> Result<u8, CliError> {
    let mut client = args.target.client().await?;
    for row in renew_keys(&mut client, args.key_type, &args.ids, None).await? {
        if args.json {
            say_json(&row, true);
        } else {
            let identity = json!({"deviceId": row["id"], "authentication": {"symmetricKey": row}});
            say(connection_string(
                client.host_name(),
                &identity,
                key_name(false),
            )?);
        }
    }
    Ok(exit_code::OK)
}

async fn statistics(args: StatisticsArgs) -> Result<u8, CliError> {
    let counts = args.tool.target.client().await?.statistics().await?;
    if args.tool.json {
        say_json(&counts, true);
        return Ok(exit_code::OK);
    }
    let names = [
        ("DEVICES", "totalDeviceCount"),
        ("ENABLED", "enabledDeviceCount"),
        ("DISABLED", "disabledDeviceCount"),
        ("CONNECTED", "connectedDeviceCount"),
    ];
    let cell = |name: &str| (counts[name].to_string(), counts[name].to_string());
    let row: Vec<_> = names.iter().map(|(_, name)| cell(name)).collect();
    say(table(&names.map(|(heading, _)| heading), &[row]).trim_end());
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
    if devices.len() == 1000 {
        say(
            "the hub lists no more than 1000; `hubnerite query \"SELECT * FROM devices\"` goes through all",
        );
    }
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
    let device = args.tool.target.client().await?.device(&args.id).await?;
    say_json(&device, args.tool.json);
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
    say(connection_string(
        client.host_name(),
        &device,
        key_name(args.secondary),
    )?);
    Ok(exit_code::OK)
}
