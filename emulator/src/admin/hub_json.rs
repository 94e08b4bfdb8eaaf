//! How to reach the hub: names, ports, connection strings, files to trust.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hyper::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Answer, JSON, json_document};
use super::call::Call;
use super::route::{Handler, ResponseBody, Route};
use crate::host_names::HubHost;
use crate::hub::HubHandle;
use crate::tls::TrustFiles;

pub(super) const ROUTES: &[Route] = &[Route {
    name: "hub",
    verb: Method::GET,
    path: "/admin/hub",
    summary: "How to reach the hub: names, ports, connection strings, files to trust",
    parameters: &[],
    request: None,
    response: ResponseBody {
        content_type: JSON,
        schema,
    },
    handler: Handler::Always(show),
}];

fn schema() -> Value {
    let port = json!({ "type": ["integer", "null"] });
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["hostName", "furtherHostNames", "ports", "blobUrl", "connectionStrings", "caPath", "trust"],
        "properties": {
            "hostName": text,
            "furtherHostNames": { "type": "array", "items": text },
            "ports": {
                "type": "object",
                "properties": {
                    "mqtts": port, "amqps": port, "https": port, "mqtt": port, "http": port,
                    "admin": port
                }
            },
            "blobUrl": { "type": ["string", "null"] },
            "connectionStrings": { "type": "object", "additionalProperties": text },
            "caPath": text,
            "trust": {
                "type": ["object", "null"],
                "properties": { "ca": text, "bundle": text, "hashedDir": text, "pkcs12": text }
            }
        }
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HubBody<'a> {
    host_name: &'a str,
    /// Names of the default hub beside `localhost` and the addresses bound.
    further_host_names: &'a [String],
    ports: PortsBody,
    /// Where the folder of blobs is; null: there is none.
    blob_url: Option<&'a str>,
    /// By policy, with the primary key.
    connection_strings: BTreeMap<String, String>,
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
    http: Option<u16>,
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

/// A client of the default hub is told the name under which it came, since that leads to it; another
/// hub has a name of its own.
fn show(call: &Call) -> Answer {
    let context = &call.context;
    let (ports, trust) = (context.ports, context.trust.borrow().clone());
    let own_name = call.hub.own_name();
    let host_name = own_name.map_or_else(|| host_name(&call.host), HubHost::as_str);
    let body = HubBody {
        host_name,
        further_host_names: own_name.map_or(&*context.host_names, |_| &[]),
        ports: PortsBody {
            mqtts: ports.mqtts,
            amqps: ports.amqps,
            https: ports.https,
            mqtt: ports.mqtt,
            http: ports.http,
            admin: ports.admin,
        },
        blob_url: context.blob_url.as_deref(),
        connection_strings: connection_strings(&call.hub, host_name),
        ca_path: absolute(&context.ca_path),
        trust: trust.as_deref().map(TrustBody::of),
    };
    json_document(&body)
}

impl TrustBody {
    fn of(files: &TrustFiles) -> Self {
        Self {
            ca: absolute(&files.ca),
            bundle: absolute(&files.bundle),
            hashed_dir: absolute(&files.hashed_dir),
            pkcs12: absolute(&files.pkcs12),
        }
    }
}

/// Those of every policy, with the primary key, for clients that come under `host`.
pub(super) fn connection_strings(hub: &HubHandle, host: &str) -> BTreeMap<String, String> {
    let policies = hub.policies();
    let names = policies.0.keys();
    names
        .filter_map(|name| Some((name.clone(), hub.connection_string_at(name, host)?)))
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
