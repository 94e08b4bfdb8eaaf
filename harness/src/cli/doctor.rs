//! `hubnerite doctor`

use std::net::IpAddr;
use std::path::Path;

use clap::Args;
use emulator::HubHost;

use super::port_holder::port_holder;
use super::{CliError, say};
use crate::clock::wall_now;
use crate::exit_code;
use crate::settings::{ConfigFlag, EndpointFlags, HubFlags, Settings, SettingsFile};
use crate::target::{AdminTarget, HUB_PATH};
use crate::trust::{Examination, Verdict, examine, report, worst};

/// Look whether a hub will start on this machine, and whether clients will reach and trust it
///
/// Changes nothing. The exit code is 0 if nothing is in the way, and 1 otherwise.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite doctor
  hubnerite doctor --address 127.0.0.2
  hubnerite doctor --hub-name 127.0.0.7      may a hub of its own have that address?")]
pub(super) struct DoctorArgs {
    #[command(
        flatten,
        next_help_heading = "Endpoints (PORT: a number, 0 for a free one, or off)"
    )]
    endpoints: EndpointFlags,
    #[command(flatten, next_help_heading = "Hub")]
    hub: HubFlags,
    #[command(flatten, next_help_heading = "Options")]
    config: ConfigFlag,
    #[command(flatten)]
    admin: AdminTarget,
}

pub(super) async fn run(args: DoctorArgs) -> Result<u8, CliError> {
    let file = SettingsFile::load(args.config.config.as_deref())?;
    let named = args.hub.ca.clone();
    let mut settings = Settings::merge(args.endpoints, args.hub, file)?;
    if named.is_none() {
        // The one that clients meet, wherever a hub started now would keep its own.
        let told = args.admin.client().json(HUB_PATH).await;
        let running = told.as_ref().ok().and_then(|told| told["caPath"].as_str());
        if let Some(dir) = running.and_then(|file| Path::new(file).parent()) {
            dir.clone_into(&mut settings.ca_dir);
        }
    }
    let mut addresses = if settings.addresses.is_empty() {
        DEFAULT_ADDRESSES.to_vec()
    } else {
        settings.addresses
    };
    for address in settings.hubs.iter().filter_map(HubHost::address) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let findings = examine(&Examination {
        ca_dir: settings.ca_dir,
        admin_url: args.admin.url,
        addresses,
        ports: settings.ports,
        wall: wall_now(),
        variable: |name| std::env::var(name).ok(),
        port_holder,
    })
    .await;
    say(report(&findings).trim_end());
    Ok(match worst(&findings) {
        Verdict::Ok | Verdict::Warn => exit_code::OK,
        Verdict::Fail => exit_code::FAILED,
    })
}

const DEFAULT_ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
];
