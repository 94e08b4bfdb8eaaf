//! The released `hubnerite`, as its users start it: plain ports, everything it promises switched on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, bail, ensure};
use hub_proto::connection_string::ConnectionString;
use hub_proto::sas::{SasKey, sign};

use super::process::Process;
use super::speaks::{Endpoint, SpeaksMqtt, Transport};
use crate::load::{AnswerRoot, ClientTls, TicketPool, connect_packet};

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
}

impl Hub {
    pub(crate) fn start(options: HubOptions<'_>) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let mut command = Command::new(options.binary);
        command.args(["up", "--json", "--address", "127.0.0.1"]);
        command.args(["--http-port", "0", "--admin-port", "0"]);
        command.args(match options.transport {
            Transport::Plain => ["--mqtt-port", "0", "--mqtts-port", "off"],
            Transport::Tls => ["--mqtt-port", "off", "--mqtts-port", "0"],
        });
        command.args(match options.transport {
            Transport::Plain => ["--https-port", "off"],
            Transport::Tls => ["--https-port", "0"],
        });
        command.arg("--ca").arg(files.path().join("ca"));
        // What the user's shell sets is not what is measured.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HUBNERITE_") {
                command.env_remove(name);
            }
        }
        command.current_dir(files.path());
        let mut process = Process::start(command, files)?;
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
        ask(self.plain_http, &self.request(method, path, body))
    }

    /// Registers devices with one key, a hundred in each request.
    pub(crate) fn register(&self, devices: &[String]) -> anyhow::Result<()> {
        let key = self.key.expose();
        for some in devices.chunks(100) {
            let rows: Vec<_> = some
                .iter()
                .map(|id| {
                    serde_json::json!({
                        "id": id, "importMode": "create", "status": "enabled",
                        "authentication": {
                            "type": "sas",
                            "symmetricKey": { "primaryKey": key, "secondaryKey": key },
                        },
                    })
                })
                .collect();
            self.ask(
                "POST",
                "/devices",
                &serde_json::Value::from(rows).to_string(),
            )
            .context("registering devices")?;
        }
        Ok(())
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

pub(super) const HUB_CALLS_FILTER: &str = "$iothub/methods/POST/#";

pub(super) fn hub_answer_root(_topic: &[u8]) -> [&[u8]; 2] {
    [b"$iothub", b""]
}

/// Writes a request to a connection of its own and reads the answer, which must be a success.
fn ask(address: SocketAddr, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request)?;
    read_answer(&mut stream)
}

/// Reads one answer; anything but a success is an error.
pub(crate) fn read_answer(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut some = [0; 4096];
    loop {
        let bytes = stream.read(&mut some)?;
        ensure!(bytes > 0, "the hub closed the connection");
        answer.extend_from_slice(&some[..bytes]);
        let Some(head_bytes) = answer.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&answer[..head_bytes])?.to_ascii_lowercase();
        if !head.starts_with("http/1.1 2") {
            bail!("the hub answered {}", String::from_utf8_lossy(&answer));
        }
        let length = head
            .lines()
            .find_map(|it| it.strip_prefix("content-length:"));
        let length: usize = length.map_or(Ok(0), |length| length.trim().parse())?;
        if answer.len() >= head_bytes + 4 + length {
            return Ok(answer);
        }
    }
}

/// 2100-01-01.
const FAR_FUTURE_UNIX_S: i64 = 4_102_444_800;
