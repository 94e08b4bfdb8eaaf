//! A run on sockets: the hub in a process of its own, fleet and judge in another, TLS between them.
//!
//! The fleet dials from as many addresses of 127.0.0.0/8 as it needs ports (`device-sim`'s transport), so that
//! what bounds a run is how many files a process may hold.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::time::Instant;

use crate::growth::{COHORTS, scenario, variables};
use crate::process::{self, Owned};
use crate::record::{Row, as_f64};

/// What one run came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sockets {
    /// Devices that came, were rebooted and came back.
    pub devices: u64,
    /// Whether every step and every check of the scenario passed.
    pub has_passed: bool,
    /// By the wall.
    pub seconds: f64,
    /// CPU time of the hub for each device, in microseconds.
    pub hub_cpu_us: f64,
    /// CPU time of fleet and judge for each device, in microseconds.
    pub fleet_cpu_us: f64,
    /// The most resident memory of the hub.
    pub hub_peak_bytes: u64,
    /// The most resident memory of fleet and judge.
    pub fleet_peak_bytes: u64,
    /// The TLS handshake.
    pub tls: Latency,
    /// From dialling until the device is online: subscribed, its twin read.
    pub online: Latency,
    /// A direct method, REST to device and back.
    pub method: Latency,
}

/// In milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
}

/// Runs a fleet of `devices`, or as many fewer as make four equal cohorts.
///
/// # Errors
/// If a process may not hold as many files, before anything starts; if hub or fleet cannot be run. That the
/// scenario did not pass is none.
pub fn on_sockets(binary: &Path, devices: u64) -> anyhow::Result<Sockets> {
    let devices = devices / COHORTS * COHORTS;
    may_hold(devices + FILES_BESIDE, open_files_max())?;
    let folder = tempfile::tempdir()?;
    let (mut hub, ready) = start_hub(binary, folder.path())?;
    let before = process::so_far(&hub.0)?;
    let report = folder.path().join("report.json");
    let mut command = fleet(binary, devices, &ready, &report)?;
    let started = Instant::now();
    let mut fleet = Owned(command.spawn()?);
    let of_fleet = process::until_end(&mut fleet.0)?;
    let seconds = started.elapsed().as_secs_f64();
    hub.assert_runs("the hub")?;
    let of_hub = process::so_far(&hub.0)?;
    let ended = fleet.0.wait()?;
    let text = std::fs::read_to_string(&report)
        .with_context(|| format!("the fleet ended with {ended} and left no report"))?;
    let document: Value = serde_json::from_str(&text)?;
    let verdict = &document["verdicts"][0];
    let each = |cpu_seconds: f64| cpu_seconds * 1e6 / as_f64(devices);
    Ok(Sockets {
        devices,
        has_passed: ended.success() && verdict["outcome"] == "passed",
        seconds,
        hub_cpu_us: each(of_hub.cpu_seconds - before.cpu_seconds),
        fleet_cpu_us: each(of_fleet.cpu_seconds),
        hub_peak_bytes: of_hub.peak_bytes,
        fleet_peak_bytes: of_fleet.peak_bytes,
        tls: latency(verdict, "tls")?,
        online: latency(verdict, "online")?,
        method: latency(verdict, "method")?,
    })
}

/// A hub on ports that the system chooses, with what it said of itself.
fn start_hub(binary: &Path, folder: &Path) -> anyhow::Result<(Owned, Value)> {
    let mut command = clean(binary);
    command
        .args(["up", "--json", "--address", "127.0.0.1", "--ca"])
        .arg(folder.join("ca"))
        .args(["--mqtts-port", "0", "--https-port", "0"])
        .args(["--mqtt-port", "off", "--http-port", "off"])
        .args(["--admin-port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut hub = Owned(command.spawn()?);
    let mut line = String::new();
    let output = hub.0.stdout.take().context("a pipe")?;
    BufReader::new(output).read_line(&mut line)?;
    let ready = serde_json::from_str(&line).with_context(|| format!("the hub said {line:?}"))?;
    Ok((hub, ready))
}

fn fleet(binary: &Path, devices: u64, ready: &Value, report: &Path) -> anyhow::Result<Command> {
    let text = |name: &str| ready[name].as_str().with_context(|| format!("no {name}"));
    let mut command = clean(binary);
    command
        .env("SSL_CERT_FILE", text("caPath")?)
        .arg("run")
        .arg(scenario())
        .args(["--clock", "real", "--keep-devices"])
        .args(["--hub", text("connectionString")?])
        .args(["--admin", text("adminUrl")?])
        .args(variables(devices, ARRIVALS, CALLS))
        .arg(format!("--report=json={}", report.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    Ok(command)
}

/// What the user's shell sets is not what is measured.
fn clean(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HUBNERITE_") {
            command.env_remove(name);
        }
    }
    command
}

fn latency(verdict: &Value, phase: &str) -> anyhow::Result<Latency> {
    let of = |name: &str| verdict["phases"][phase][name].as_f64();
    let pair = of("p50Ms").zip(of("p99Ms"));
    let (p50_ms, p99_ms) = pair.with_context(|| format!("the report tells no {phase}"))?;
    Ok(Latency { p50_ms, p99_ms })
}

/// How many files a process may hold at most; both processes raise what they have to that.
fn open_files_max() -> Option<u64> {
    #[cfg(unix)]
    return rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    #[cfg(not(unix))]
    None
}

fn may_hold(files: u64, most: Option<u64>) -> anyhow::Result<()> {
    let most = most.unwrap_or(u64::MAX);
    ensure!(
        files <= most,
        "a process may hold {most} files here and {files} are needed: raise the hard bound (as root \
         `ulimit -Hn {files}`, or `nofile` in /etc/security/limits.conf), or ask for at most --devices {}",
        most.saturating_sub(FILES_BESIDE)
    );
    Ok(())
}

impl Row for Sockets {
    const HEADER: &str = "devices,passed,seconds,hub_cpu_us,fleet_cpu_us,hub_peak_bytes,fleet_peak_bytes,\
                          tls_p50_ms,tls_p99_ms,online_p50_ms,online_p99_ms,method_p50_ms,method_p99_ms";

    fn devices(&self) -> u64 {
        self.devices
    }

    fn cells(&self) -> String {
        let mut cells = vec![
            self.devices.to_string(),
            if self.has_passed { "yes" } else { "no" }.to_owned(),
            format!("{:.1}", self.seconds),
            format!("{:.0}", self.hub_cpu_us),
            format!("{:.0}", self.fleet_cpu_us),
            self.hub_peak_bytes.to_string(),
            self.fleet_peak_bytes.to_string(),
        ];
        for latency in [self.tls, self.online, self.method] {
            cells.push(format!("{:.2}", latency.p50_ms));
            cells.push(format!("{:.2}", latency.p99_ms));
        }
        cells.join(",")
    }

    fn parse(cells: &[&str]) -> Option<Self> {
        let number = |place: usize| cells.get(place)?.parse().ok();
        let latency = |place: usize| {
            let (p50_ms, p99_ms) = number(place).zip(number(place + 1))?;
            Some(Latency { p50_ms, p99_ms })
        };
        let has_passed = match *cells.get(1)? {
            "yes" => true,
            "no" => false,
            _ => return None,
        };
        let row = Self {
            devices: cells[0].parse().ok()?,
            has_passed,
            seconds: number(2)?,
            hub_cpu_us: number(3)?,
            fleet_cpu_us: number(4)?,
            hub_peak_bytes: cells.get(5)?.parse().ok()?,
            fleet_peak_bytes: cells.get(6)?.parse().ok()?,
            tls: latency(7)?,
            online: latency(9)?,
            method: latency(11)?,
        };
        (cells.len() == 13).then_some(row)
    }

    /// The rows of the tables of docs/PERFORMANCE.md.
    fn told(&self) -> String {
        let kilobytes = |bytes: u64| as_f64(bytes) / 1e3 / as_f64(self.devices);
        let phase = |name: &str, it: Latency| {
            format!("| {name} | {:.2} ms | {:.1} ms |\n", it.p50_ms, it.p99_ms)
        };
        format!(
            "{} devices on sockets, {} in {:.0} s\n\n\
             | For each device | Hub | Fleet and judge |\n|---|---|---|\n\
             | CPU | {:.0} µs | {:.0} µs |\n| peak resident memory | {:.1} KB | {:.1} KB |\n\n\
             | | p50 | p99 |\n|---|---|---|\n{}{}{}",
            self.devices,
            if self.has_passed {
                "passed"
            } else {
                "NOT passed"
            },
            self.seconds,
            self.hub_cpu_us,
            self.fleet_cpu_us,
            kilobytes(self.hub_peak_bytes),
            kilobytes(self.fleet_peak_bytes),
            phase("TLS handshake", self.tls),
            phase("from dialling to online", self.online),
            phase("method, REST to device and back", self.method),
        )
    }
}

/// Of a cohort, a second; all four come at once.
const ARRIVALS: u64 = 100;
/// Of the one cohort that is called, a second.
const CALLS: u64 = 300;
/// Listeners, logs, the judge's and the service's own connections.
const FILES_BESIDE: u64 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let latency = |p50_ms| Latency {
            p50_ms,
            p99_ms: 12.25,
        };
        let figures = Sockets {
            devices: 19_000,
            has_passed: true,
            seconds: 118.5,
            hub_cpu_us: 796.0,
            fleet_cpu_us: 955.0,
            hub_peak_bytes: 292_000_000,
            fleet_peak_bytes: 180_000_000,
            tls: latency(0.75),
            online: latency(2.5),
            method: latency(0.25),
        };
        let text = figures.cells();
        let cells: Vec<&str> = text.split(',').collect();
        assert_eq!(Sockets::parse(&cells), Some(figures));
        assert_eq!(cells.len(), Sockets::HEADER.split(',').count());
        assert_eq!(Sockets::parse(&cells[1..]), None);
        assert!(figures.told().contains("| CPU | 796 µs | 955 µs |"));
    }

    #[test]
    fn too_many_devices_are_refused_with_the_remedy() {
        assert!(may_hold(19_600, Some(20_000)).is_ok() && may_hold(1, None).is_ok());
        let refused = may_hold(19_600, Some(1_024)).unwrap_err().to_string();
        assert!(refused.contains("ulimit -Hn 19600") && refused.contains("--devices 424"));
    }
}
