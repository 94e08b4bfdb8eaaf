//! How to reach the hub: names, ports, connection strings, files to trust.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hub_proto::connection_string::{ConnectionString, Owner};
use serde::Serialize;

use super::serve::AdminContext;
use crate::config::Policy;
use crate::tls::TrustFiles;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HubBody<'a> {
    host_name: &'a str,
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
    /// Where AMQP is refused.
    amqps: Option<u16>,
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

/// The answer of `/admin/hub` to a client that came under the name `asked`: whatever leads to this
/// endpoint leads to the hub.
pub(super) fn print(context: &AdminContext, asked: &str, trust: Option<&TrustFiles>) -> String {
    let ports = context.ports;
    let host_name = host_name(asked);
    let body = HubBody {
        host_name,
        further_host_names: &context.host_names,
        ports: PortsBody {
            mqtts: ports.mqtts,
            amqps: ports.amqps,
            https: ports.https,
            mqtt: ports.mqtt,
            admin: ports.admin,
        },
        connection_strings: connection_strings(context, host_name),
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

fn connection_strings<'a>(context: &'a AdminContext, host: &str) -> BTreeMap<&'a str, String> {
    let print = |name: &String, policy: &Policy| {
        let string = ConnectionString {
            host_name: host.to_owned(),
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

/// `localhost` in place of the addresses that it stands for.
fn host_name(asked: &str) -> &str {
    match asked.trim_matches(['[', ']']) {
        "127.0.0.1" | "::1" => "localhost",
        host => host,
    }
}

/// Whoever reads this need not stand in our working folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
