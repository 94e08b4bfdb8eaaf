//! Judgements of facts about this machine: pure, each with its remedy. [`super::probes`] finds the
//! facts.

use std::fmt::Write;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use emulator::tls::TlsError;
use hub_proto::time::Timestamp;

use crate::open_files::OpenFiles;
use crate::output::style::{self, paint};

/// How a check came out, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing to do.
    Ok,
    /// Works, or works for some clients only.
    Warn,
    /// A hub will not start, or no client will reach it.
    Fail,
}

/// One check's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(what: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            what: what.into(),
            remedy: None,
        }
    }

    pub(super) fn warn(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            what: what.into(),
            remedy: Some(remedy.into()),
        }
    }

    pub(super) fn fail(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            what: what.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// The findings as lines for a person; styled, so print them through `anstream`.
pub fn report(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let (style, word) = match finding.verdict {
            Verdict::Ok => (style::GOOD, "ok  "),
            Verdict::Warn => (style::NOTE, "warn"),
            Verdict::Fail => (style::BAD, "fail"),
        };
        let _ = writeln!(text, "{}  {}", paint(style, word), finding.what);
        for line in finding.remedy.iter().flat_map(|remedy| remedy.lines()) {
            let _ = writeln!(text, "      {line}");
        }
    }
    text
}

/// The worst verdict among `findings`.
pub fn worst(findings: &[Finding]) -> Verdict {
    findings
        .iter()
        .map(|finding| finding.verdict)
        .max()
        .unwrap_or(Verdict::Ok)
}

/// What opening the CA gave: its last instant, nothing if there is none yet, or the reason why not.
pub(super) fn ca(dir: &Path, opened: &Result<Option<Timestamp>, TlsError>) -> Finding {
    match opened {
        Ok(Some(not_after)) => Finding::ok(format!(
            "certificate authority in {}, good until {}",
            dir.display(),
            not_after.to_string().split('T').next().unwrap_or_default()
        )),
        Ok(None) => Finding::ok(format!(
            "no certificate authority in {} yet; the first `hubnerite up` makes one",
            dir.display()
        )),
        Err(error) => {
            let text = error.to_string();
            let (what, remedy) = text
                .split_once("; ")
                .unwrap_or((&text, "see `hubnerite up --help`"));
            Finding::fail(what, remedy)
        }
    }
}

/// The key's permission bits.
pub(super) fn key_mode(key: &Path, mode: u32) -> Option<Finding> {
    (mode & 0o077 != 0).then(|| {
        Finding::warn(
            format!(
                "{} can be read by others (mode {:o})",
                key.display(),
                mode & 0o777
            ),
            format!("chmod 600 '{}'", key.display()),
        )
    })
}

/// What binding an endpoint's address gave.
#[derive(Debug)]
pub(super) struct Bound<'a> {
    /// "MQTT", "HTTPS".
    pub(super) endpoint: &'a str,
    /// The flag that moves it.
    pub(super) flag: &'a str,
    pub(super) address: SocketAddr,
    pub(super) result: io::Result<()>,
    /// Who listens there already.
    pub(super) holder: Option<String>,
    /// Whether a hub runs on this machine.
    pub(super) hub_runs: bool,
    /// The lowest port that needs no right, where the system tells.
    pub(super) unprivileged_from: Option<u16>,
}

pub(super) fn port(bound: &Bound<'_>) -> Finding {
    let Bound {
        endpoint,
        flag,
        address,
        ..
    } = bound;
    let error = match &bound.result {
        Ok(()) => return Finding::ok(format!("{endpoint} port {address} is free")),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let ours = match &bound.holder {
                Some(holder) => holder.contains("hubnerite"),
                None => bound.hub_runs,
            };
            if bound.hub_runs && ours {
                return Finding::ok(format!("{endpoint} port {address} is the running hub's"));
            }
            let holder = bound.holder.as_deref().unwrap_or("another program");
            Finding::fail(
                format!("{endpoint} port {address} is held by {holder}"),
                format!("stop it, or move the hub's port with {flag} (few SDKs can follow)"),
            )
        }
        io::ErrorKind::PermissionDenied => Finding::fail(
            format!(
                "{endpoint} port {address} may not be bound by this user{}",
                {
                    let from = bound
                        .unprivileged_from
                        .filter(|from| address.port() < *from);
                    from.map(|from| format!(" (ports below {from} need a right)"))
                        .unwrap_or_default()
                }
            ),
            format!(
                "{}\nor move the hub's port with {flag} (few SDKs can follow)",
                low_ports()
            ),
        ),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported if address.is_ipv6() => {
            Finding::warn(
                format!("this machine has no address {}", address.ip()),
                "the hub does without; clients that try ::1 first fall back to 127.0.0.1",
            )
        }
        _ => Finding::fail(
            format!("{endpoint} port {address} cannot be bound: {error}"),
            format!("move the hub's port with {flag}"),
        ),
    }
}

/// How this system lets an ordinary user bind ports below 1024.
fn low_ports() -> &'static str {
    if cfg!(target_os = "linux") {
        "sudo setcap cap_net_bind_service=+ep \"$(command -v hubnerite)\"\n\
         or, until the next boot and for every program: \
         sudo sysctl net.ipv4.ip_unprivileged_port_start=443"
    } else if cfg!(windows) {
        "look for it in: netsh interface ipv4 show excludedportrange protocol=tcp"
    } else {
        "run it with the right to bind low ports"
    }
}

/// What `localhost` resolves to.
pub(super) fn localhost(resolved: &[IpAddr]) -> Finding {
    let remedy = "put these lines into the hosts file:\n127.0.0.1 localhost\n::1 localhost";
    if let Some(stranger) = resolved.iter().find(|address| !address.is_loopback()) {
        return Finding::fail(format!("localhost resolves to {stranger}"), remedy);
    }
    let v4 = resolved.iter().any(IpAddr::is_ipv4);
    let v6 = resolved.iter().any(IpAddr::is_ipv6);
    match (v4, v6) {
        (true, true) => Finding::ok("localhost resolves to 127.0.0.1 and ::1"),
        (true, false) => Finding::ok("localhost resolves to 127.0.0.1 (not to ::1, which is fine)"),
        (false, true) => Finding::warn("localhost resolves to ::1 only", remedy),
        (false, false) => Finding::fail("localhost does not resolve", remedy),
    }
}

/// Whether the wall clock can be right: certificates and tokens are judged by it.
pub(super) fn clock(wall: Timestamp) -> Finding {
    let seconds = wall.unix_seconds();
    let date = wall.to_string();
    let date = date.split('.').next().unwrap_or_default();
    if (YEAR_2025..YEAR_2100).contains(&seconds) {
        Finding::ok(format!("the clock says {date} UTC"))
    } else {
        Finding::fail(
            format!("the clock says {date} UTC, which cannot be"),
            "set it: certificates and tokens are refused otherwise",
        )
    }
}

/// How many files, and so connections, a process may have open.
pub(super) fn open_files(bounds: OpenFiles) -> Finding {
    let Some(soft) = bounds.soft else {
        return Finding::ok("the number of open files has no limit");
    };
    let hard = bounds
        .hard
        .map_or("no limit".to_owned(), |hard| hard.to_string());
    let raised = bounds.raised().unwrap_or(soft);
    let bounds =
        format!("a process may have {soft} files open, {raised} in a hub (hard limit: {hard})");
    if raised >= OPEN_FILES_FEW {
        return Finding::ok(bounds);
    }
    Finding::warn(
        format!("{bounds}: enough for some {} devices", raised / 2),
        "raise the hard limit (ulimit -Hn as root, or limits.conf) before starting a hub for a fleet",
    )
}

/// Whether a variable makes its readers trust our CA.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trusting {
    Unset,
    /// A file that is not there.
    Missing(String),
    /// Something without our CA.
    Other(String),
    Ours,
}

pub(super) fn variable(name: &str, readers: &str, trusting: &Trusting) -> Finding {
    let eval = "eval \"$(hubnerite env)\" in the shell that starts them; see `hubnerite trust`";
    match trusting {
        Trusting::Ours => Finding::ok(format!("{name} makes {readers} trust the hub")),
        Trusting::Unset => Finding::warn(
            format!("{name} is not set: {readers} will not trust the hub"),
            eval,
        ),
        Trusting::Missing(file) => Finding::fail(
            format!("{name} names {file}, which is not there: {readers} will trust nobody"),
            eval,
        ),
        Trusting::Other(value) => Finding::warn(
            format!("{name} is {value}, without our CA: {readers} will not trust the hub"),
            eval,
        ),
    }
}

const YEAR_2025: i64 = 1_735_689_600;
const YEAR_2100: i64 = 4_102_444_800;
/// Below this a fleet is soon at its end; 1,024 is the usual default of a login shell.
const OPEN_FILES_FEW: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(result: io::Result<()>, holder: Option<&str>, hub_runs: bool) -> Finding {
        port(&Bound {
            endpoint: "HTTPS",
            flag: "--https-port",
            address: "127.0.0.1:443".parse().unwrap(),
            result,
            holder: holder.map(str::to_owned),
            hub_runs,
            unprivileged_from: Some(1_024),
        })
    }

    fn line(finding: &Finding) -> String {
        format!("{:?}: {}", finding.verdict, finding.what)
    }

    #[test]
    fn a_port_is_judged_by_who_holds_it() {
        let in_use = || Err(io::ErrorKind::AddrInUse.into());
        let denied = Err(io::ErrorKind::PermissionDenied.into());
        let cases = [
            (
                bound(Ok(()), None, false),
                "Ok: HTTPS port 127.0.0.1:443 is free",
            ),
            (
                bound(in_use(), Some("nginx (pid 7)"), true),
                "Fail: HTTPS port 127.0.0.1:443 is held by nginx (pid 7)",
            ),
            (
                bound(in_use(), None, false),
                "Fail: HTTPS port 127.0.0.1:443 is held by another program",
            ),
            (
                bound(in_use(), Some("another hubnerite (pid 7)"), true),
                "Ok: HTTPS port 127.0.0.1:443 is the running hub's",
            ),
            (
                bound(in_use(), None, true),
                "Ok: HTTPS port 127.0.0.1:443 is the running hub's",
            ),
            (
                bound(denied, None, false),
                "Fail: HTTPS port 127.0.0.1:443 may not be bound by this user \
                 (ports below 1024 need a right)",
            ),
        ];
        for (finding, expected) in cases {
            assert_eq!(line(&finding), expected);
            assert_eq!(finding.remedy.is_some(), finding.verdict != Verdict::Ok);
        }
    }

    #[test]
    fn localhost_must_be_this_machine() {
        let cases: [(&[&str], Verdict); 5] = [
            (&["127.0.0.1", "::1"], Verdict::Ok),
            (&["127.0.0.1"], Verdict::Ok),
            (&["::1"], Verdict::Warn),
            (&[], Verdict::Fail),
            (&["127.0.0.1", "203.0.113.9"], Verdict::Fail),
        ];
        for (addresses, expected) in cases {
            let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
            assert_eq!(localhost(&addresses).verdict, expected, "{addresses:?}");
        }
    }

    #[test]
    fn a_clock_before_or_long_after_our_time_is_wrong() {
        for (seconds, expected) in [
            (0, Verdict::Fail),
            (1_790_000_000, Verdict::Ok),
            (YEAR_2100, Verdict::Fail),
        ] {
            assert_eq!(
                clock(Timestamp::from_unix_seconds(seconds)).verdict,
                expected
            );
        }
    }

    #[test]
    fn only_a_variable_that_names_a_missing_file_breaks_its_readers() {
        for (trusting, expected) in [
            (Trusting::Ours, Verdict::Ok),
            (Trusting::Unset, Verdict::Warn),
            (
                Trusting::Other("/etc/ssl/cert.pem".to_owned()),
                Verdict::Warn,
            ),
            (Trusting::Missing("/gone.pem".to_owned()), Verdict::Fail),
        ] {
            assert_eq!(
                variable("SSL_CERT_FILE", "Python", &trusting).verdict,
                expected
            );
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_pointed_out() {
        let key = Path::new("ca.key");
        assert_eq!(key_mode(key, 0o100_600), None);
        let finding = key_mode(key, 0o100_644).unwrap();
        assert_eq!(
            line(&finding),
            "Warn: ca.key can be read by others (mode 644)"
        );
    }

    #[test]
    fn few_open_files_are_a_warning() {
        let judged = |soft, hard| line(&open_files(OpenFiles { soft, hard }));
        assert_eq!(
            judged(Some(256), Some(1_024)),
            "Warn: a process may have 256 files open, 1024 in a hub (hard limit: 1024): \
             enough for some 512 devices"
        );
        assert_eq!(
            judged(Some(1_024), Some(65_536)),
            "Ok: a process may have 1024 files open, 65536 in a hub (hard limit: 65536)"
        );
        assert_eq!(
            judged(None, None),
            "Ok: the number of open files has no limit"
        );
    }

    #[test]
    fn the_report_is_a_line_for_each_finding_and_its_remedy_below() {
        let findings = [
            Finding::ok("a"),
            Finding::warn("b", "do c\nor d"),
            Finding::fail("e", "f"),
        ];
        assert_eq!(
            anstream::adapter::strip_str(&report(&findings)).to_string(),
            "ok    a\nwarn  b\n      do c\n      or d\nfail  e\n      f\n"
        );
        assert_eq!(worst(&findings), Verdict::Fail);
        assert_eq!(worst(&[]), Verdict::Ok);
    }
}
