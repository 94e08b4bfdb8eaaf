//! `hubnerite trust`

use std::path::PathBuf;

use clap::Args;

use super::env::{ca_dir_of, export_files, told};
use super::{CliError, say};
use crate::exit_code;
use crate::target::{AdminTarget, HubName};
use crate::trust::{Sdk, System, guide};

/// Tell what to type so that a client trusts the hub of this machine
///
/// Nothing is installed: the trust files are written beside the certificate authority, and the steps
/// are for you to take.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite trust                        every client, on this system
  hubnerite trust java
  hubnerite trust dotnet --system windows")]
pub(super) struct TrustArgs {
    /// Only this client
    #[arg(value_enum)]
    client: Option<Sdk>,
    /// The system that the client runs on; default: this one
    #[arg(long, value_enum)]
    system: Option<System>,
    /// The certificate authority is kept in DIR; default: the running hub's, or the user's data folder
    #[arg(long, value_name = "DIR", env = "HUBNERITE_CA", hide_env_values = true)]
    ca: Option<PathBuf>,
    #[command(flatten)]
    name: HubName,
    #[command(flatten)]
    admin: AdminTarget,
}

pub(super) async fn run(args: TrustArgs) -> Result<u8, CliError> {
    // All hubs of a process have one authority: a name that leads nowhere is refused all the same.
    let told = told(&args.admin.client(), &args.name).await?;
    let files = export_files(ca_dir_of(args.ca, &told)?).await?;
    let system = args.system.unwrap_or(System::here());
    say(guide(&files, args.client, system).trim_end());
    Ok(exit_code::OK)
}
