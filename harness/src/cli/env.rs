//! `hubnerite env`

use std::path::{Path, PathBuf};

use clap::Args;
use emulator::config::Policies;
use emulator::tls::TrustFiles;
use hub_proto::connection_string::{ConnectionString, Owner};
use hyper::Method;
use hyper::body::Bytes;
use serde_json::Value;

use super::CliError;
use super::error::chain;
use crate::admin_client::AdminClient;
use crate::clock::wall_now;
use crate::exit_code;
use crate::output::Ready;
use crate::settings::default_ca_dir;
use crate::target::{AdminTarget, HUB_PATH, HubName};
use crate::trust::{Shell, render, trust_files, variables};

/// Print the variables by which SDKs find and trust the hub of this machine
///
/// They hold for the shell that takes them in, and nothing is installed anywhere. The keys are those that the
/// hub has now; with no hub running they are the well-known ones.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eval \"$(hubnerite env)\"
  eval \"$(hubnerite env --host 127.0.0.1)\"       for Java and C, which insist on a dot
  eval \"$(hubnerite env --hub-name orders)\"       a hub of its own, with the keys it has now
  hubnerite env --shell fish | source
  hubnerite env --shell powershell | Out-String | Invoke-Expression")]
pub(super) struct EnvArgs {
    /// Print for this shell
    #[arg(long, value_enum, default_value_t = Shell::default())]
    shell: Shell,
    /// The host name in the connection string; default: the running hub's, or localhost
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// The certificate authority is kept in DIR; default: the running hub's, or the user's data folder
    #[arg(long, value_name = "DIR", env = "HUBNERITE_CA", hide_env_values = true)]
    ca: Option<PathBuf>,
    #[command(flatten)]
    name: HubName,
    #[command(flatten)]
    admin: AdminTarget,
}

pub(super) async fn run(args: EnvArgs) -> Result<u8, CliError> {
    let admin = args.admin.client();
    let told = told(&admin, &args.name).await?;
    let ca_dir = ca_dir_of(args.ca, &told)?;
    let mut credential = match told["connectionStrings"]["iothubowner"].as_str() {
        Some(text) => ConnectionString::parse(text)
            .map_err(|error| CliError::could_not_run(error.to_string()))?,
        // A hub has lost the policy: its well-known keys would open nothing.
        None if !told.is_null() => {
            return Err(
                CliError::failed(format!("the hub has no policy {OWNER:?}")).with_remedy(format!(
                    "make it again: hubnerite policy create {OWNER} --permissions \
                     RegistryRead,RegistryWrite,ServiceConnect,DeviceConnect"
                )),
            );
        }
        None => well_known(),
    };
    if let Some(host) = args.host {
        credential.host_name = host;
    }
    let files = export_files(ca_dir).await?;
    let variables = variables(
        &credential.expose(),
        Some(admin.url()),
        &files,
        java_options().as_deref(),
    );
    super::say(render(args.shell, &variables).trim_end());
    Ok(exit_code::OK)
}

/// What the running hub tells of itself; null if none runs, unless one was asked for by name.
pub(super) async fn told(admin: &AdminClient, name: &HubName) -> Result<Value, CliError> {
    // Asked so that a refusal comes in the API's own words.
    match admin
        .ask(Method::GET, &name.path(HUB_PATH), Bytes::new())
        .await
    {
        Ok(told) => serde_json::from_slice(&told)
            .map_err(|error| CliError::could_not_run(format!("the hub's answer: {error}"))),
        Err(_) if name.hub_name.is_none() => Ok(Value::Null),
        Err(error) => Err(error.into()),
    }
}

/// The variables for a process that shall find and trust the hub `ready`.
pub(super) async fn variables_of(ready: &Ready) -> Result<Vec<(String, String)>, CliError> {
    let ca_dir = ready.ca.parent().map_or_else(PathBuf::new, PathBuf::from);
    let files = export_files(ca_dir).await?;
    let admin_url = ready.admin_url.as_deref();
    Ok(variables(
        ready.connection_string.expose(),
        admin_url,
        &files,
        java_options().as_deref(),
    ))
}

fn well_known() -> ConnectionString {
    let policies = Policies::well_known();
    ConnectionString {
        host_name: "localhost".to_owned(),
        gateway_host_name: None,
        owner: Owner::Policy(OWNER.to_owned()),
        key: policies.0[OWNER].primary.clone(),
    }
}

fn java_options() -> Option<String> {
    std::env::var("JAVA_TOOL_OPTIONS").ok()
}

/// The folder named, or else the running hub's, or else the user's.
pub(super) fn ca_dir_of(named: Option<PathBuf>, told: &Value) -> Result<PathBuf, CliError> {
    match (named, told["caPath"].as_str().map(Path::new)) {
        (Some(dir), _) => Ok(dir),
        (None, Some(file)) => Ok(file.parent().unwrap_or(Path::new(".")).to_owned()),
        (None, None) => Ok(default_ca_dir()?),
    }
}

/// Writing them takes some tens of milliseconds of work.
pub(super) async fn export_files(ca_dir: PathBuf) -> Result<TrustFiles, CliError> {
    let shown = ca_dir.display().to_string();
    let wall = wall_now();
    tokio::task::spawn_blocking(move || trust_files(&ca_dir, wall))
        .await
        .map_err(|error| CliError::could_not_run(error.to_string()))?
        .map_err(|error| {
            // Its text names the remedy.
            CliError::could_not_run(format!(
                "cannot write trust files to {shown}: {}",
                chain(&error)
            ))
        })
}

const OWNER: &str = "iothubowner";
