//! Finds the facts about this machine that [`super::doctor`] judges. Changes nothing; a port that is
//! free is bound for a moment.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};

use emulator::config::Ports;
use emulator::tls::{Authority, TrustFiles};
use hub_proto::time::{Instant, Now, Timestamp};

use super::doctor::{self, Bound, Finding, Trusting};
use crate::admin_client::{AdminClient, AdminError};

/// What to examine.
#[derive(Debug)]
pub struct Examination {
    /// Where the CA is or will be kept.
    pub ca_dir: PathBuf,
    /// Where a running hub's admin API would be.
    pub admin_url: String,
    /// The addresses a hub would bind.
    pub addresses: Vec<IpAddr>,
    /// The ports a hub would bind.
    pub ports: Ports,
    /// The machine's wall time.
    pub wall: Timestamp,
    /// Reads a variable of the environment.
    pub variable: fn(&str) -> Option<String>,
    /// Finds out who listens on a port.
    pub port_holder: fn(SocketAddr) -> Option<String>,
}

/// All checks, in the order in which they are worth reading.
pub async fn examine(examination: &Examination) -> Vec<Finding> {
    let mut findings = vec![doctor::clock(examination.wall)];
    findings.extend(authority(examination));
    findings.push(doctor::localhost(&resolve_localhost()));
    let (hub_runs, hub) = running_hub(&examination.admin_url).await;
    findings.push(hub);
    findings.extend(ports(examination, hub_runs));
    #[cfg(unix)]
    findings.push(doctor::open_files(crate::open_files::open_files()));
    findings.extend(variables(examination));
    findings
}

fn authority(examination: &Examination) -> Vec<Finding> {
    let dir = &examination.ca_dir;
    let now = Now {
        mono: Instant::ZERO,
        wall: examination.wall,
    };
    let opened = Authority::open(dir, now)
        .map(|authority| authority.map(|authority| authority.ca_not_after()));
    let mut findings = vec![doctor::ca(dir, &opened)];
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = dir.join("ca.key");
        if let Ok(metadata) = fs::metadata(&key) {
            findings.extend(doctor::key_mode(&key, metadata.permissions().mode()));
        }
    }
    findings
}

fn resolve_localhost() -> Vec<IpAddr> {
    ("localhost", 0_u16)
        .to_socket_addrs()
        .map(|addresses| addresses.map(|address| address.ip()).collect())
        .unwrap_or_default()
}

/// Whether a hub runs, and what to say of it.
async fn running_hub(url: &str) -> (bool, Finding) {
    match AdminClient::new(url).json("/health").await {
        Ok(health) if health["status"] == "ok" => {
            (true, Finding::ok(format!("a hub runs and is well: {url}")))
        }
        Ok(health) => (
            true,
            Finding::warn(
                format!("a hub runs at {url} but says {health}"),
                "look at its log",
            ),
        ),
        Err(AdminError::Unreachable { .. }) => (
            false,
            Finding::ok(format!("no hub runs at {url}; `hubnerite up` starts one")),
        ),
        Err(error) => (
            false,
            Finding::warn(
                error.to_string(),
                "stop it, or move the hub's with --admin-port",
            ),
        ),
    }
}

fn ports(examination: &Examination, hub_runs: bool) -> Vec<Finding> {
    let Ports {
        mqtts,
        amqps,
        https,
        mqtt,
        http,
        admin,
    } = examination.ports;
    let unprivileged_from = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let endpoints = [
        ("MQTT", "--mqtts-port", mqtts),
        ("HTTPS", "--https-port", https),
        ("AMQP", "--amqps-port", amqps),
        ("plain MQTT", "--mqtt-port", mqtt),
        ("plain HTTP", "--http-port", http),
        ("admin", "--admin-port", admin),
    ];
    let mut findings = Vec::new();
    for (endpoint, flag, port) in endpoints {
        // Port 0 is whichever is free.
        let Some(port) = port.filter(|port| *port != 0) else {
            continue;
        };
        for address in &examination.addresses {
            let address = SocketAddr::new(*address, port);
            let result = TcpListener::bind(address).map(drop);
            let holder = match &result {
                Ok(()) => None,
                Err(_) => (examination.port_holder)(address),
            };
            findings.push(doctor::port(&Bound {
                endpoint,
                flag,
                address,
                result,
                holder,
                hub_runs,
                unprivileged_from,
            }));
        }
    }
    findings
}

fn variables(examination: &Examination) -> Vec<Finding> {
    let files = TrustFiles::in_dir(&examination.ca_dir);
    let Ok(ca_pem) = fs::read_to_string(&files.ca) else {
        // Without a CA there is nothing yet that could be trusted.
        return Vec::new();
    };
    let mut findings: Vec<Finding> = [
        (
            "SSL_CERT_FILE",
            "Python and C devices, Go, Rust, .NET on Linux",
        ),
        ("REQUESTS_CA_BUNDLE", "the Python service SDK and az"),
        ("NODE_EXTRA_CA_CERTS", "Node"),
    ]
    .into_iter()
    .map(|(name, readers)| {
        let value = (examination.variable)(name);
        doctor::variable(name, readers, &file_trusting(value, &ca_pem))
    })
    .collect();
    let java = java_trusting((examination.variable)("JAVA_TOOL_OPTIONS"), &files.pkcs12);
    findings.push(doctor::variable("JAVA_TOOL_OPTIONS", "Java", &java));
    findings
}

/// Whether the PEM file named by a variable holds the CA.
fn file_trusting(value: Option<String>, ca_pem: &str) -> Trusting {
    let Some(file) = value.filter(|value| !value.is_empty()) else {
        return Trusting::Unset;
    };
    match fs::read_to_string(&file) {
        Ok(text) if text.contains(ca_pem.trim()) => Trusting::Ours,
        Ok(_) => Trusting::Other(file),
        // `REQUESTS_CA_BUNDLE` may be a directory.
        Err(_) if Path::new(&file).exists() => Trusting::Other(file),
        Err(_) => Trusting::Missing(file),
    }
}

/// Whether Java's options name our trust store.
fn java_trusting(value: Option<String>, trust_store: &Path) -> Trusting {
    let Some(options) = value.filter(|value| !value.is_empty()) else {
        return Trusting::Unset;
    };
    let ours = trust_store.display().to_string();
    if !options.contains(&ours) {
        Trusting::Other(options)
    } else if trust_store.exists() {
        Trusting::Ours
    } else {
        Trusting::Missing(ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Verdict;

    #[test]
    fn a_variable_trusts_us_if_its_file_holds_our_ca() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let (ours, other, gone, folder) = (path("a.pem"), path("b.pem"), path("gone"), path(""));
        fs::write(&ours, "other\nCA\nmore").unwrap();
        fs::write(&other, "other").unwrap();
        for (file, expected) in [
            (ours, Trusting::Ours),
            (other.clone(), Trusting::Other(other)),
            (gone.clone(), Trusting::Missing(gone)),
            // `REQUESTS_CA_BUNDLE` may be one.
            (folder.clone(), Trusting::Other(folder)),
        ] {
            assert_eq!(file_trusting(Some(file), "CA\n"), expected);
        }
        assert_eq!(file_trusting(None, "CA\n"), Trusting::Unset);
        assert_eq!(file_trusting(Some(String::new()), "CA\n"), Trusting::Unset);
    }

    #[tokio::test]
    async fn a_held_port_is_found_with_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        let findings = examine(&Examination {
            ca_dir: dir.path().join("none"),
            admin_url: "ftp://127.0.0.1".to_owned(),
            addresses: vec!["127.0.0.1".parse().unwrap()],
            ports: Ports {
                mqtts: Some(port),
                amqps: None,
                https: Some(0),
                mqtt: None,
                http: None,
                admin: None,
            },
            wall: Timestamp::from_unix_seconds(1_790_000_000),
            variable: |_| None,
            port_holder: |_| Some("nginx (pid 7)".to_owned()),
        })
        .await;
        let failed: Vec<_> = findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Fail)
            .collect();
        let [failed] = failed[..] else {
            panic!("{findings:?}")
        };
        assert_eq!(
            failed.what,
            format!("MQTT port 127.0.0.1:{port} is held by nginx (pid 7)")
        );
        assert!(!dir.path().join("none").exists(), "looking makes nothing");
    }
}
