//! [`TestHub`]: an emulator for one test, on ports or on an address of its own.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use emulator::config::{BlobEndpoint, Config, Ports};
use emulator::tls::{TRUST_STORE_PASSWORD, TrustFiles, export};
use emulator::{Emulator, HubHost, RunningEmulator, StartError};
use hub_core::event::{Event, EventKind};
use hub_proto::ids::DeviceId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::rest::Rest;
use crate::skip::Skip;
use crate::wire::Wire;

/// How long a test waits for what should come at once. Generous: two cores, everything in parallel.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// How many addresses are tried before a test gives up.
const ADDRESSES_MAX: u32 = 16;

/// A hub of one test's own. It stops when it is dropped.
#[derive(Debug)]
pub struct TestHub {
    emulator: RunningEmulator,
    address: IpAddr,
    /// Where its CA is, for as long as it runs.
    _folder: TempDir,
}

impl TestHub {
    /// A hub on ports that the system chooses, plain MQTT included.
    pub async fn start() -> Self {
        let started = Self::start_on(Ipv4Addr::LOCALHOST.into(), Ports::ANY, Vec::new()).await;
        started.unwrap_or_else(|error| panic!("the hub does not start: {error:?}"))
    }

    /// A hub on the ports that are constants in the SDKs, on a loopback address that no other test has.
    pub async fn start_on_sdk_ports() -> Result<Self, Skip> {
        Self::start_hubs_on_sdk_ports(1).await
    }

    /// The same with a second hub in the process, whose name is another such address.
    pub async fn start_two_on_sdk_ports() -> Result<Self, Skip> {
        Self::start_hubs_on_sdk_ports(2).await
    }

    async fn start_hubs_on_sdk_ports(count: usize) -> Result<Self, Skip> {
        for _ in 0..ADDRESSES_MAX {
            let address = fresh_address();
            let ports = Ports {
                admin: None,
                ..Ports::default()
            };
            let hubs = (1..count).map(|_| fresh_hub()).collect();
            match Self::start_on(address, ports, hubs).await {
                Ok(hub) => return Ok(hub),
                Err(StartError::Bind { source, .. }) if source.kind() == ErrorKind::AddrInUse => {}
                Err(StartError::Bind { source, addr, .. }) if is_missing_right(&source) => {
                    return Err(Skip::new(format!(
                        "the SDKs dial port 443, and {addr} cannot be bound ({source}); \
                         run as root, or lower net.ipv4.ip_unprivileged_port_start"
                    )));
                }
                Err(error) => panic!("the hub does not start on {address}: {error:?}"),
            }
        }
        panic!("{ADDRESSES_MAX} loopback addresses are taken on port 443 or 8883");
    }

    async fn start_on(
        address: IpAddr,
        ports: Ports,
        hubs: Vec<HubHost>,
    ) -> Result<Self, StartError> {
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let config = Config {
            addresses: vec![address],
            ports,
            hubs,
            blobs: Some(BlobEndpoint {
                dir: folder.path().join("blobs"),
                port: 0,
            }),
            ..Config::new(folder.path())
        };
        let emulator = Emulator::start(config).await?;
        Ok(Self {
            emulator,
            address,
            _folder: folder,
        })
    }

    /// The emulator itself.
    pub fn emulator(&self) -> &RunningEmulator {
        &self.emulator
    }

    /// The hub's name: its address.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Where containers of blobs are: `http://ADDRESS/devstoreaccount1`.
    pub fn blob_url(&self) -> String {
        let url = self.emulator.blob_url();
        url.expect("every test hub has a folder of blobs")
    }

    /// A back end of the hub.
    pub fn rest(&self) -> Rest {
        let port = self
            .emulator
            .ports()
            .https
            .expect("every test hub has HTTPS");
        let text = self.connection_string();
        let (_, key) = text.rsplit_once("SharedAccessKey=").expect("it has a key");
        Rest::new(
            SocketAddr::new(self.address, port),
            self.trust(),
            key.to_owned(),
        )
    }

    /// What a client needs that trusts the hub's CA and nothing else.
    fn trust(&self) -> ClientConfig {
        let pem = std::fs::read(self.emulator.ca_path()).expect("the CA's certificate can be read");
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots
                .add(certificate.expect("the CA's file is PEM"))
                .expect("the CA is a root");
        }
        ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("ring has the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// A connection to the plain MQTT port, nothing sent yet.
    pub async fn dial(&self) -> Wire {
        let port = self.emulator.ports().mqtt.expect("the hub has plain MQTT");
        Wire::dial(SocketAddr::new(self.address, port), self.host()).await
    }

    /// A connection to the MQTT port over TLS, opened to the server of that name, nothing sent yet.
    pub async fn dial_tls(&self, server_name: &str) -> Wire {
        let port = self.emulator.ports().mqtts.expect("the hub has MQTT");
        let address = SocketAddr::new(self.address, port);
        Wire::dial_tls(address, server_name.to_owned(), self.trust()).await
    }

    /// The connection string of `iothubowner`.
    pub fn connection_string(&self) -> String {
        let text = self.emulator.connection_string("iothubowner", &self.host());
        text.expect("every hub has the policy iothubowner")
    }

    /// The connection string of a device.
    pub fn device_connection_string(&self, device: &str) -> String {
        let id = DeviceId::parse(device).expect("tests choose good names");
        self.emulator
            .client_connection_string(&id.into(), &self.host())
            .expect("the device exists")
    }

    /// The CA's certificate.
    pub fn ca_path(&self) -> &Path {
        self.emulator.ca_path()
    }

    /// Tells a program of the hub and has it trust the hub's CA, through the variables that each SDK
    /// reads; nothing else on the machine is touched.
    pub fn introduce(&self, command: &mut Command) {
        let ca = self.ca_path();
        command
            .env("IOTHUB_CONNECTION_STRING", self.connection_string())
            .env("SSL_CERT_FILE", ca)
            .env("REQUESTS_CA_BUNDLE", ca)
            .env("NODE_EXTRA_CA_CERTS", ca);
        // The hub is on this machine, whatever proxy the machine has.
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy).env_remove(proxy.to_lowercase());
        }
    }

    /// The options by which a Java machine trusts the hub's CA.
    pub fn java_options(&self) -> String {
        let store = self.trust_files().pkcs12;
        format!(
            "-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD}",
            store.display()
        )
    }

    /// Waits for the first event that `pick` takes.
    pub async fn event<T>(&self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
        let log = self.emulator.event_log();
        let search = async {
            let mut seen = 0;
            loop {
                let page = log.read(seen, 1000);
                if let Some(found) = page.events.iter().find_map(|(_, event)| pick(event)) {
                    return found;
                }
                seen = page.events.last().map_or(seen, |(number, _)| *number);
                log.appended_after(seen).await;
            }
        };
        let found = timeout(DEADLINE, search).await;
        found.unwrap_or_else(|_| {
            panic!(
                "no such event in {DEADLINE:?}: {what}; {:?}",
                log.read(0, 1000)
            )
        })
    }

    /// Waits for a message of that device; says its application properties and its body.
    pub async fn telemetry(&self, device: &str) -> (Vec<(String, Option<String>)>, Vec<u8>) {
        self.event("telemetry", |event| match &event.kind {
            EventKind::Telemetry {
                properties,
                payload,
            } if event.client.to_string() == device => {
                Some((properties.read().application, payload.clone()))
            }
            _ => None,
        })
        .await
    }

    /// Whether a message of that device has come by now.
    pub fn has_telemetry(&self, device: &str) -> bool {
        let page = self.emulator.event_log().read(0, 1000);
        page.events.iter().any(|(_, event)| {
            event.client.to_string() == device && matches!(event.kind, EventKind::Telemetry { .. })
        })
    }

    /// The primary key of a device.
    pub fn primary_key(&self, device: &str) -> String {
        let text = self.device_connection_string(device);
        let (_, key) = text.rsplit_once("SharedAccessKey=").expect("it has a key");
        key.to_owned()
    }

    fn trust_files(&self) -> TrustFiles {
        let now = self.emulator.hub().now();
        export(self.emulator.authority(), now).expect("the trust files can be written")
    }
}

/// A loopback address that no test of this process had yet, and hardly one of another process.
fn fresh_address() -> IpAddr {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let octet = |number: u32| u8::try_from(1 + number % 254).expect("below 255");
    // Not under 127.0, where people have things of their own.
    Ipv4Addr::new(127, octet(process / 254), octet(process), octet(count)).into()
}

/// A hub whose name is such an address.
fn fresh_hub() -> HubHost {
    let name = fresh_address().to_string();
    HubHost::parse(&name).expect("a loopback address is a name")
}

/// No right to a low port, or (as on macOS) no loopback address but 127.0.0.1.
fn is_missing_right(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::AddrNotAvailable
    )
}
