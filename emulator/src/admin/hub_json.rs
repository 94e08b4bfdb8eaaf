//! How to reach the hub: names, ports, connection strings, files to trust.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hub_proto::connection_string::{ConnectionString, Owner};
use serde::Serialize;

use super::serve::AdminContext;
use crate::config::Policy;
use crate::tls::TrustFiles;

/// The host name in the connection strings.
const HOST_NAME: &str = "localhost";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HubBody<'a> {
    host_name: &'static str,
    /// Names beside `localhost`, names under `.localhost` and loopback addresses.
    further_host_names: &'a [String],
    ports: PortsBody,
    /// By policy, with the primary key.
    connection_strings: BTreeMap<&'a str, String>,
    ca_path: PathBuf,
    /// Null until the files are written.
    trust: Option<TrustBody>,
}

#[derive(Serialize)]
struct PortsBody {
    mqtts: Option<u16>,
    https: Option<u16>,
    mqtt: Option<u16>,
    admin: Option<u16>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrustBody {
    ca: PathBuf,
    bundle: PathBuf,
    hashed_dir: PathBuf,
    pkcs12: PathBuf,
}

/// The answer of `/admin/hub`.
pub(super) fn print(context: &AdminContext, trust: Option<&TrustFiles>) -> String {
    let ports = context.ports;
    let body = HubBody {
        host_name: HOST_NAME,
        further_host_names: &context.host_names,
        ports: PortsBody {
            mqtts: ports.mqtts,
            https: ports.https,
            mqtt: ports.mqtt,
            admin: ports.admin,
        },
        connection_strings: connection_strings(context),
        ca_path: absolute(&context.ca_path),
        trust: trust.map(|files| TrustBody {
            ca: absolute(&files.ca),
            bundle: absolute(&files.bundle),
            hashed_dir: absolute(&files.hashed_dir),
            pkcs12: absolute(&files.pkcs12),
        }),
    };
    serde_json::to_string_pretty(&body).expect("texts and numbers are always JSON")
}

fn connection_strings(context: &AdminContext) -> BTreeMap<&str, String> {
    let print = |name: &String, policy: &Policy| {
        let string = ConnectionString {
            host_name: HOST_NAME.to_owned(),
            gateway_host_name: None,
            owner: Owner::Policy(name.clone()),
            key: policy.primary.clone(),
        };
        string.expose()
    };
    let policies = context.connection.hub.policies().0.iter();
    policies
        .map(|(name, policy)| (name.as_str(), print(name, policy)))
        .collect()
}

/// Whoever reads this need not stand in our working folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
