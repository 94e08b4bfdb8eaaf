//! The servers under test: processes of their own, on ports the system chose, ended on drop.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use hub_proto::connection_string::ConnectionString;
use hub_proto::sas::{SasKey, sign};
use hubnerite_tests::release_hub;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::callers::read_answer;

/// A caller's connection to the hub.
pub(crate) type TlsClient = tokio_rustls::client::TlsStream<TcpStream>;

/// A server process with an MQTT port.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    /// Where it speaks plain MQTT.
    pub(crate) mqtt: SocketAddr,
    _files: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended by itself; there is nothing to do about either.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Where mosquitto is; Debian keeps it in /usr/sbin.
    pub(crate) fn mosquitto_path() -> Option<String> {
        ["mosquitto", "/usr/sbin/mosquitto"]
            .into_iter()
            .find(|path| {
                Command::new(path)
                    .arg("-h")
                    .stdout(Stdio::null())
                    .status()
                    .is_ok()
            })
            .map(str::to_owned)
    }

    /// Starts mosquitto without authentication.
    pub(crate) async fn start_mosquitto(path: &str) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = files.path().join("mosquitto.conf");
        let mut file = std::fs::File::create(&config)?;
        writeln!(
            file,
            "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true"
        )?;
        writeln!(file, "max_queued_messages 0\nmax_inflight_messages 0")?;
        let process = Command::new(path)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mqtt = SocketAddr::from(([127, 0, 0, 1], port));
        let server = Self {
            process,
            mqtt,
            _files: files,
        };
        for _ in 0..100 {
            if TcpStream::connect(mqtt).await.is_ok() {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("mosquitto does not listen on {mqtt}");
    }

    /// User and system time the process has used.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The second field is the command in parentheses and may hold anything.
        let (_, fields) = stat
            .rsplit_once(") ")
            .context("an unreadable /proc/PID/stat")?;
        let ticks = |index: usize| -> anyhow::Result<u64> {
            Ok(fields
                .split(' ')
                .nth(index)
                .context("a short /proc/PID/stat")?
                .parse()?)
        };
        // utime and stime are fields 14 and 15 of the whole line, in ticks of 10 ms.
        Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
    }
}

/// A hub process, and what is needed to call it.
pub(crate) struct Hub {
    server: Server,
    https: SocketAddr,
    tls: TlsConnector,
    authorization: String,
}

/// A device of the hub.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    /// Its name.
    pub(crate) id: String,
    /// Its key.
    pub(crate) key: SasKey,
}

impl Hub {
    /// Starts the hub as released, or the one that `HUBNERITE_BINARY` names, with plain MQTT.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let ready_file = files.path().join("ready.json");
        let process = Command::new(release_hub())
            .args([
                "up",
                "--address",
                "127.0.0.1",
                "--mqtts-port",
                "off",
                "--https-port",
                "0",
            ])
            .args(["--mqtt-port", "0", "--admin-port", "off", "--json"])
            .arg("--ca")
            .arg(files.path().join("ca"))
            .arg("--ready-file")
            .arg(&ready_file)
            .stdout(Stdio::null())
            .spawn()?;
        let server = Server {
            process,
            mqtt: SocketAddr::from(([127, 0, 0, 1], 0)),
            _files: files,
        };
        let mut text = String::new();
        for _ in 0..500 {
            if let Ok(found) = std::fs::read_to_string(&ready_file) {
                text = found;
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self::attach(
            server,
            &serde_json::from_str(&text).context("the hub is not ready")?,
        )
    }

    fn attach(mut server: Server, ready: &serde_json::Value) -> anyhow::Result<Self> {
        let port = |name: &str| -> anyhow::Result<SocketAddr> {
            let port = ready["ports"][name]
                .as_u64()
                .with_context(|| format!("no {name} port"))?;
            Ok(SocketAddr::from(([127, 0, 0, 1], u16::try_from(port)?)))
        };
        server.mqtt = port("mqtt")?;
        let text = ready["connectionString"]
            .as_str()
            .context("no connection string")?;
        let owner = ConnectionString::parse(text)?;
        let token = sign("127.0.0.1", &owner.key, 4_102_444_800, Some("iothubowner"));
        let mut roots = RootCertStore::empty();
        let ca = ready["caPath"].as_str().context("no CA file")?;
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self {
            server,
            https: port("https")?,
            tls,
            authorization: token,
        })
    }

    /// The process.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Where it speaks plain MQTT.
    pub(crate) fn mqtt(&self) -> SocketAddr {
        self.server.mqtt
    }

    /// A connection to the service endpoint.
    pub(crate) async fn connect(&self) -> anyhow::Result<TlsClient> {
        let tcp = TcpStream::connect(self.https).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.https.ip().into());
        Ok(self.tls.connect(name, tcp).await?)
    }

    /// A request, ready to be written.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        format!(
            "{method} {path}?api-version=2021-04-12 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {}\r\n\
             Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
            self.authorization,
            body.len()
        )
        .into_bytes()
    }

    /// Registers `count` devices with one key.
    pub(crate) async fn register_devices(&self, count: usize) -> anyhow::Result<Vec<Registered>> {
        let key = SasKey::from_bytes(b"a key of thirty-two bytes,shared");
        let mut connection = self.connect().await?;
        let mut answer = Vec::new();
        let mut devices = Vec::new();
        for number in 0..count {
            let id = format!("device-{number}");
            let text = key.expose();
            let body = format!(
                r#"{{"deviceId":"{id}","authentication":{{"type":"sas","symmetricKey":{{"primaryKey":"{text}","secondaryKey":"{text}"}}}}}}"#
            );
            connection
                .write_all(&self.request("PUT", &format!("/devices/{id}"), &body))
                .await?;
            read_answer(&mut connection, &mut answer).await?;
            devices.push(Registered {
                id,
                key: key.clone(),
            });
        }
        Ok(devices)
    }
}
