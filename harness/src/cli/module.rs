//! `hubnerite module`, in the words of `az iot hub module-identity`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::identity::{AuthArgs, KeyType, connection_string, key_name, renew_keys};
use super::method::{self, CallArgs};
use super::{CliError, ToolArgs, say, say_json};
use crate::exit_code;
use crate::output::style::{FAINT, GOOD, STRONG, paint};
use crate::output::table;
use crate::service_client::Addressee;
use crate::target::HubTarget;

mod twin;

/// Modules of devices: identities, twins, methods
#[derive(Subcommand, Debug)]
pub(super) enum ModuleCommand {
    Create(CreateArgs),
    List(ListArgs),
    Show(ShowArgs),
    Update(UpdateArgs),
    Delete(DeleteArgs),
    ConnectionString(ConnectionStringArgs),
    RenewKey(RenewKeyArgs),
    Twin(twin::TwinArgs),
    InvokeMethod(InvokeArgs),
}

/// Which module.
#[derive(Args, Debug)]
struct ModuleArgs {
    /// The device's name
    device: String,
    /// The module's name
    module: String,
}

/// Register modules of a device and print their connection strings
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite module create pump-1 camera
  hubnerite module create pump-1 camera valve --json
  export IOTHUB_MODULE_CONNECTION_STRING=\"$(hubnerite module create pump-1 camera)\"")]
pub(super) struct CreateArgs {
    /// The device's name
    device: String,
    /// The modules' names
    #[arg(value_name = "MODULE", required = true)]
    modules: Vec<String>,
    #[command(flatten)]
    auth: AuthArgs,
    /// Who looks after it; IoT Edge says iotEdge
    #[arg(long, value_name = "TEXT")]
    managed_by: Option<String>,
    /// Print the identities as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// List the modules of a device
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite module list pump-1
  hubnerite module list pump-1 --json | jq -r .moduleId")]
pub(super) struct ListArgs {
    /// The device's name
    device: String,
    /// Print JSON, one identity a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Show a module identity
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite module show pump-1 camera")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    module: ModuleArgs,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Change a module's identity; what is not named stays
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite module update pump-1 camera --auth x509-ca
  hubnerite module update pump-1 camera --managed-by me")]
#[command(group(clap::ArgGroup::new("change").required(true).multiple(true)
    .args(["auth", "primary_key", "primary_thumbprint", "secondary_thumbprint", "managed_by"])))]
pub(super) struct UpdateArgs {
    #[command(flatten)]
    module: ModuleArgs,
    #[command(flatten)]
    auth: AuthArgs,
    /// Who looks after it
    #[arg(long, value_name = "TEXT")]
    managed_by: Option<String>,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Remove a module, with its twin; its connection ends
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite module delete pump-1 camera")]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    module: ModuleArgs,
    #[command(flatten)]
    target: HubTarget,
}

/// Print a module's connection string, alone
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  export IOTHUB_MODULE_CONNECTION_STRING=\"$(hubnerite module connection-string pump-1 camera)\"")]
pub(super) struct ConnectionStringArgs {
    #[command(flatten)]
    module: ModuleArgs,
    /// With the second key instead of the first
    #[arg(long)]
    secondary: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Make a module's keys anew, and print the connection string that holds from now on
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite module renew-key pump-1 camera --key-type both")]
pub(super) struct RenewKeyArgs {
    #[command(flatten)]
    module: ModuleArgs,
    /// Which key
    #[arg(long, visible_alias = "kt", value_enum)]
    key_type: KeyType,
    /// Print the keys as JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Call a direct method of a module and wait for the answer
///
/// The exit code is 0 if the module answered with a status of 200 to 299, and 1 otherwise.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite module invoke-method pump-1 camera focus
  hubnerite module invoke-method pump-1 camera focus --payload '{\"distance\": 2}' --timeout 5")]
pub(super) struct InvokeArgs {
    #[command(flatten)]
    module: ModuleArgs,
    #[command(flatten)]
    call: CallArgs,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(command: ModuleCommand) -> Result<u8, CliError> {
    match command {
        ModuleCommand::Create(args) => create(args).await,
        ModuleCommand::List(args) => list(args).await,
        ModuleCommand::Show(ShowArgs { module, tool }) => {
            let mut client = tool.target.client().await?;
            let identity = client.module(&module.device, &module.module).await?;
            say_json(&identity, tool.json);
            Ok(exit_code::OK)
        }
        ModuleCommand::Update(args) => update(args).await,
        ModuleCommand::Delete(DeleteArgs { module, target }) => {
            let mut client = target.client().await?;
            client.delete_module(&module.device, &module.module).await?;
            Ok(exit_code::OK)
        }
        ModuleCommand::ConnectionString(args) => {
            let mut client = args.target.client().await?;
            let module = client.module(&args.module.device, &args.module.module);
            let which = key_name(args.secondary);
            let module = module.await?;
            say(connection_string(client.host_name(), &module, which)?);
            Ok(exit_code::OK)
        }
        ModuleCommand::RenewKey(args) => renew_key(args).await,
        ModuleCommand::Twin(args) => twin::run(args).await,
        ModuleCommand::InvokeMethod(args) => {
            method::invoke(args.module.addressee(), args.call, &args.target).await
        }
    }
}

impl ModuleArgs {
    fn addressee(&self) -> Addressee<'_> {
        Addressee::new(&self.device, Some(&self.module))
    }
}

async fn create(args: CreateArgs) -> Result<u8, CliError> {
    let authentication = args.auth.authentication()?;
    let authentication = authentication.unwrap_or_else(|| json!({"type": "sas"}));
    let mut client = args.target.client().await?;
    for id in &args.modules {
        let identity = json!({
            "deviceId": args.device,
            "moduleId": id,
            "authentication": authentication,
            "managedBy": args.managed_by,
        });
        let module = client.register_module(&args.device, id, &identity).await?;
        if args.json {
            say_json(&module, true);
        } else {
            let which = key_name(false);
            say(connection_string(client.host_name(), &module, which)?);
        }
    }
    Ok(exit_code::OK)
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let modules = args.target.client().await?.modules(&args.device).await?;
    if args.json {
        for module in &modules {
            say_json(module, true);
        }
    } else if modules.is_empty() {
        let words = "no modules; `hubnerite module create DEVICE MODULE` makes one";
        say(words);
    } else {
        let rows: Vec<_> = modules.iter().map(row).collect();
        let heading = ["MODULE", "CONNECTION", "AUTHENTICATION", "MANAGED BY"];
        say(table(&heading, &rows).trim_end());
    }
    Ok(exit_code::OK)
}

fn row(module: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| {
        let text = value.as_str().filter(|text| !text.is_empty());
        text.unwrap_or("-").to_owned()
    };
    let painted = |text: String, style| {
        let painted = paint(style, &text);
        (text, painted)
    };
    let connection = text(&module["connectionState"]);
    let is_connected = connection == "Connected";
    vec![
        painted(text(&module["moduleId"]), STRONG),
        painted(connection, if is_connected { GOOD } else { FAINT }),
        painted(text(&module["authentication"]["type"]), FAINT),
        painted(text(&module["managedBy"]), FAINT),
    ]
}

async fn update(args: UpdateArgs) -> Result<u8, CliError> {
    let authentication = args.auth.authentication()?;
    let ModuleArgs { device, module } = &args.module;
    let mut client = args.tool.target.client().await?;
    let mut identity = client.module(device, module).await?;
    if let Some(authentication) = authentication {
        identity["authentication"] = authentication;
    }
    if let Some(managed_by) = args.managed_by {
        identity["managedBy"] = managed_by.into();
    }
    let written = client.update_module(device, module, &identity).await?;
    say_json(&written, args.tool.json);
    Ok(exit_code::OK)
}

async fn renew_key(args: RenewKeyArgs) -> Result<u8, CliError> {
    let ModuleArgs { device, module } = &args.module;
    let mut client = args.target.client().await?;
    let devices = std::slice::from_ref(device);
    for row in renew_keys(&mut client, args.key_type, devices, Some(module)).await? {
        if args.json {
            say_json(&row, true);
            continue;
        }
        let identity = json!({
            "deviceId": device,
            "moduleId": module,
            "authentication": {"symmetricKey": row},
        });
        let which = key_name(false);
        say(connection_string(client.host_name(), &identity, which)?);
    }
    Ok(exit_code::OK)
}
