//! The released `hubnerite`, as its users start it: plain ports, everything it promises switched on.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context;
use hub_proto::connection_string::ConnectionString;
use hub_proto::sas::{SasKey, sign};
use serde_json::{Value, json};

use super::http_client::HttpClient;
use super::process::Process;
use super::speaks::{Endpoint, SpeaksMqtt, Transport};
use crate::inspect::Inspection;
use crate::load::{
    AnswerRoot, ClientTls, Idle, Plan, Publishing, SignedIn, TicketPool, connect_packet,
    publish_packet, subscribe_packet,
};

/// A hub process, and what is needed to call it.
#[derive(Debug)]
pub(crate) struct Hub {
    process: Process,
    mqtt: Endpoint,
    http: Endpoint,
    /// For setting up, without TLS in any case.
    plain_http: SocketAddr,
    admin: SocketAddr,
    ca: PathBuf,
    authorization: String,
    key: SasKey,
}

/// How a hub is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HubOptions<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) transport: Transport,
    /// Whether it serves HTTPS beside plain MQTT, as `hubnerite fleet` asks of it.
    pub(crate) has_https: bool,
    /// Where its certificate authority is kept; default: in files of its own.
    pub(crate) authority: Option<&'a Path>,
}

impl Hub {
    pub(crate) fn start(options: HubOptions<'_>) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let mut arguments = vec!["up", "--json", "--address", "127.0.0.1"];
        arguments.extend(["--http-port", "0", "--admin-port", "0"]);
        arguments.extend(match options.transport {
            Transport::Plain => [
                "--mqtt-port",
                "0",
                "--mqtts-port",
                "off",
                "--https-port",
                if options.has_https { "0" } else { "off" },
            ],
            Transport::Tls => [
                "--mqtt-port",
                "off",
                "--mqtts-port",
                "0",
                "--https-port",
                "0",
            ],
        });
        let mut arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
        let own = files.path().join("ca");
        arguments.push("--ca".into());
        arguments.push(options.authority.unwrap_or(&own).into());
        let mut process = Process::start(options.binary, arguments, files)?;
        let ready = process.line().context("the hub is not ready")?;
        Self::attach(process, &ready, options.transport)
    }

    fn attach(
        process: Process,
        ready: &serde_json::Value,
        transport: Transport,
    ) -> anyhow::Result<Self> {
        let port = |name: &str| -> anyhow::Result<SocketAddr> {
            let port = ready["ports"][name].as_u64();
            let port = u16::try_from(port.with_context(|| format!("no {name} port"))?)?;
            Ok(SocketAddr::from(([127, 0, 0, 1], port)))
        };
        let text = ready["connectionString"].as_str();
        let owner = ConnectionString::parse(text.context("no connection string")?)?;
        let ca = PathBuf::from(ready["caPath"].as_str().context("no CA file")?);
        let (mqtt, http, tls) = match transport {
            Transport::Plain => ("mqtt", "http", None),
            Transport::Tls => ("mqtts", "https", Some(ClientTls::trusting(&ca, None)?)),
        };
        let endpoint = |name| -> anyhow::Result<Endpoint> {
            Ok(Endpoint {
                address: port(name)?,
                tls: tls.clone(),
            })
        };
        Ok(Self {
            mqtt: endpoint(mqtt)?,
            http: endpoint(http)?,
            plain_http: port("http")?,
            admin: port("admin")?,
            ca,
            authorization: sign(
                "127.0.0.1",
                &owner.key,
                FAR_FUTURE_UNIX_S,
                Some("iothubowner"),
            ),
            key: SasKey::from_bytes(b"a key of thirty-two bytes,shared"),
            process,
        })
    }

    /// Where callers ask.
    pub(crate) fn http(&self) -> &Endpoint {
        &self.http
    }

    /// Where callers ask without TLS, whatever devices speak.
    pub(crate) fn plain_http(&self) -> Endpoint {
        Endpoint {
            address: self.plain_http,
            tls: None,
        }
    }

    /// The folder of its certificate authority.
    pub(crate) fn authority(&self) -> &Path {
        self.ca.parent().unwrap_or(&self.ca)
    }

    /// The same hub to clients that resume their sessions.
    pub(crate) fn with_tickets(
        mut self,
        pool: &std::sync::Arc<TicketPool>,
    ) -> anyhow::Result<Self> {
        self.mqtt.tls = Some(ClientTls::trusting(
            &self.ca,
            Some(std::sync::Arc::clone(pool)),
        )?);
        Ok(self)
    }

    /// The same, looked into while it is measured.
    pub(crate) fn inspected(mut self, inspection: Option<Inspection>) -> Self {
        self.process.inspection = inspection;
        self
    }

    /// A request to the service endpoint, ready to be written.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Rc<[u8]> {
        let authorization = &self.authorization;
        let length = body.len();
        let text = format!(
            "{method} {path}?api-version=2021-04-12 HTTP/1.1\r\nHost: 127.0.0.1\r\n\
             Authorization: {authorization}\r\nContent-Type: application/json; charset=utf-8\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        text.into_bytes().into()
    }

    /// Asks the service endpoint once; the whole answer, which must be a success.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> anyhow::Result<Vec<u8>> {
        HttpClient::connect(self.plain_http)?.ask(&self.request(method, path, body))
    }

    /// Registers devices with one key, a hundred in each request.
    pub(crate) fn register(&self, devices: &[String]) -> anyhow::Result<()> {
        let key = self.key.expose();
        for some in devices.chunks(100) {
            self.bulk(some, |id| {
                json!({
                    "id": id, "importMode": "create", "status": "enabled",
                    "authentication": {
                        "type": "sas",
                        "symmetricKey": { "primaryKey": key, "secondaryKey": key },
                    },
                })
            })?;
        }
        Ok(())
    }

    /// Gives each device a tag and a desired property.
    pub(crate) fn write_twins(&self, devices: &[String]) -> anyhow::Result<()> {
        for some in devices.chunks(100) {
            self.bulk(some, |id| {
                json!({
                    "id": id, "importMode": "updateTwin",
                    "tags": { "building": "43" },
                    "properties": { "desired": { "telemetryIntervalSeconds": 60 } },
                })
            })?;
        }
        Ok(())
    }

    fn bulk(&self, devices: &[String], row: impl Fn(&String) -> Value) -> anyhow::Result<()> {
        let rows: Vec<_> = devices.iter().map(row).collect();
        self.ask("POST", "/devices", &Value::from(rows).to_string())
            .context("writing identities")?;
        Ok(())
    }

    /// Idle devices that have reported a property and hear of calls and of their twins.
    pub(crate) fn twinned(&self, devices: &[String]) -> impl Iterator<Item = Plan> {
        devices.iter().map(|device| {
            let filters = [HUB_CALLS_FILTER, DESIRED_FILTER, ANSWERS_FILTER];
            let subscribe = subscribe_packet(&filters);
            let signed_in = SignedIn::new(self.device_connects(device), Some(subscribe));
            let report = publish_packet(&reported_topic(1), None, br#"{"firmware":"1.4.2"}"#);
            self.mqtt().plan(Idle::after(signed_in, report))
        })
    }

    /// Devices that patch a reported property and keep so many patches open.
    pub(crate) fn reporting(&self, devices: &[String], open: u16) -> impl Iterator<Item = Plan> {
        devices.iter().map(move |device| {
            let subscribe = subscribe_packet(&[ANSWERS_FILTER]);
            let signed_in = SignedIn::new(self.device_connects(device), Some(subscribe));
            let packets = (1..=open)
                .map(|rid| publish_packet(&reported_topic(rid), None, br#"{"temperature":21.5}"#))
                .collect();
            self.mqtt().plan(Publishing::new(signed_in, packets))
        })
    }

    /// A request to the admin endpoint, ready to be written.
    pub(crate) fn admin_request(method: &str, path: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// Where the admin endpoint is.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }
}

impl SpeaksMqtt for Hub {
    fn process(&self) -> &Process {
        &self.process
    }

    fn mqtt(&self) -> Endpoint {
        self.mqtt.clone()
    }

    /// With a token of the device's own.
    fn device_connects(&self, device: &str) -> Vec<u8> {
        device_connects(device, &self.key)
    }

    fn calls_filter(&self, _device: &str) -> String {
        HUB_CALLS_FILTER.to_owned()
    }

    fn answer_root(&self) -> AnswerRoot {
        hub_answer_root
    }
}

/// CONNECT of a hub's device with a token of its own.
pub(super) fn device_connects(device: &str, key: &SasKey) -> Vec<u8> {
    let user = format!("127.0.0.1/{device}/?api-version=2021-04-12");
    let audience = format!("127.0.0.1/devices/{device}");
    let password = sign(&audience, key, FAR_FUTURE_UNIX_S, None);
    connect_packet(device, Some((&user, &password)))
}

fn reported_topic(rid: u16) -> String {
    format!("$iothub/twin/PATCH/properties/reported/?$rid={rid}")
}

pub(super) const HUB_CALLS_FILTER: &str = "$iothub/methods/POST/#";
const DESIRED_FILTER: &str = "$iothub/twin/PATCH/properties/desired/#";
const ANSWERS_FILTER: &str = "$iothub/twin/res/#";

pub(super) fn hub_answer_root(_topic: &[u8]) -> [&[u8]; 2] {
    [b"$iothub", b""]
}

/// 2100-01-01.
const FAR_FUTURE_UNIX_S: i64 = 4_102_444_800;
