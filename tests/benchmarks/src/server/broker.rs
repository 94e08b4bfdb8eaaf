//! Brokers, where request and response travel through plain topics: mosquitto, and those that the suite
//! serves itself in a process of its own.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use super::certificates::Certificates;
use super::process::Process;
use super::speaks::{Endpoint, SpeaksMqtt, Transport};
use crate::load::{AnswerRoot, ClientTls, connect_packet, request_id};
use crate::serve::Served;

/// A broker without authentication.
#[derive(Debug)]
pub(crate) struct Broker {
    process: Process,
    mqtt: Endpoint,
    _certificates: Option<Certificates>,
}

/// Where mosquitto is; Debian keeps it in /usr/sbin.
pub(crate) fn mosquitto_path() -> Option<PathBuf> {
    let paths = ["mosquitto", "/usr/sbin/mosquitto"];
    let runs = |path: &&str| {
        let asked = Command::new(path)
            .arg("-h")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        asked.is_ok()
    };
    paths.into_iter().find(runs).map(PathBuf::from)
}

impl Broker {
    /// Starts mosquitto, which writes nothing and bounds no queue.
    pub(crate) fn mosquitto(path: &std::path::Path, transport: Transport) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut config = format!("listener {} 127.0.0.1\n", address.port());
        let mut certificates = None;
        let mut tls = None;
        if transport == Transport::Tls {
            let made = Certificates::make()?;
            tls = Some(ClientTls::trusting(&made.ca(), None)?);
            let (chain, key) = (made.chain(), made.key());
            writeln!(
                config,
                "certfile {}\nkeyfile {}",
                chain.display(),
                key.display()
            )?;
            certificates = Some(made);
        }
        config += "allow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\n\
                   max_inflight_messages 0\nlog_dest none\n";
        // Started by root it gives root up, and then has to read what is ours.
        config += "user root\n";
        let file = files.path().join("mosquitto.conf");
        std::fs::write(&file, config)?;
        let process = Process::start(path, ["-c".into(), file.into()], files)?;
        wait_until_listening(address).context("mosquitto")?;
        Ok(Self {
            process,
            mqtt: Endpoint { address, tls },
            _certificates: certificates,
        })
    }

    /// Starts a broker of the suite's own.
    pub(crate) fn served(what: Served) -> anyhow::Result<Self> {
        let (process, address) = what.start(&[])?;
        Ok(Self {
            process,
            mqtt: Endpoint { address, tls: None },
            _certificates: None,
        })
    }

    /// The same over TLS.
    pub(crate) fn served_over_tls(
        what: Served,
        certificates: Certificates,
        trust: ClientTls,
    ) -> anyhow::Result<Self> {
        let file = |path: PathBuf| path.to_string_lossy().into_owned();
        let files = [file(certificates.chain()), file(certificates.key())];
        let (process, address) = what.start(&files)?;
        Ok(Self {
            process,
            mqtt: Endpoint {
                address,
                tls: Some(trust),
            },
            _certificates: Some(certificates),
        })
    }
}

fn wait_until_listening(address: SocketAddr) -> anyhow::Result<()> {
    for _ in 0..250 {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("nobody listens on {address}");
}

impl SpeaksMqtt for Broker {
    fn process(&self) -> &Process {
        &self.process
    }

    fn mqtt(&self) -> Endpoint {
        self.mqtt.clone()
    }

    fn device_connects(&self, device: &str) -> Vec<u8> {
        connect_packet(device, None)
    }

    fn calls_filter(&self, device: &str) -> String {
        format!("devices/{device}/methods/POST/#")
    }

    /// `callers/{number}`, the number being the first part of the request's id.
    fn answer_root(&self) -> AnswerRoot {
        |topic| {
            let rid = request_id(topic);
            let caller = rid.iter().position(|byte| *byte == b'-');
            [b"callers/", &rid[..caller.unwrap_or(rid.len())]]
        }
    }
}
