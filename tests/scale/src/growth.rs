//! A run in memory: hub, devices and judge in one process, in virtual time, without a socket.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::bail;
use tokio::time::Instant;

use crate::process;
use crate::record::{Row, as_f64};

/// How many devices the runs have.
pub const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// The cohorts of the scenario.
pub(crate) const COHORTS: u64 = 4;

/// What one run came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Devices that were rebooted, each once.
    pub devices: u64,
    /// By the wall.
    pub seconds: f64,
    /// Of all threads, user and system.
    pub cpu_seconds: f64,
    /// The most resident memory that the process had.
    pub peak_bytes: u64,
}

impl Growth {
    /// Devices rebooted a second by the wall.
    pub(crate) fn rate(&self) -> f64 {
        as_f64(self.devices) / self.seconds
    }

    /// Devices rebooted in a second of CPU time.
    pub(crate) fn rate_of_cpu(&self) -> f64 {
        as_f64(self.devices) / self.cpu_seconds
    }

    /// For each device, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / as_f64(self.devices)
    }

    /// For each device, with what the process itself takes.
    pub(crate) fn kilobytes(&self) -> f64 {
        as_f64(self.peak_bytes) / 1e3 / as_f64(self.devices)
    }
}

impl Row for Growth {
    const HEADER: &str = "devices,seconds,cpu_seconds,peak_bytes";

    fn devices(&self) -> u64 {
        self.devices
    }

    fn cells(&self) -> String {
        let Self {
            devices,
            seconds,
            cpu_seconds,
            peak_bytes,
        } = self;
        format!("{devices},{seconds:.2},{cpu_seconds:.2},{peak_bytes}")
    }

    fn parse(cells: &[&str]) -> Option<Self> {
        let [devices, seconds, cpu_seconds, peak_bytes] = cells else {
            return None;
        };
        Some(Self {
            devices: devices.parse().ok()?,
            seconds: seconds.parse().ok()?,
            cpu_seconds: cpu_seconds.parse().ok()?,
            peak_bytes: peak_bytes.parse().ok()?,
        })
    }

    fn told(&self) -> String {
        format!(
            "{} devices: {:.2} s by the wall, {:.1} us of CPU and {:.1} KB for each",
            self.devices,
            self.seconds,
            self.cpu_us(),
            self.kilobytes()
        )
    }
}

/// Runs a fleet of `devices` in memory; fails if the scenario does not pass.
pub fn in_memory(binary: &Path, devices: u64) -> anyhow::Result<Growth> {
    // A cohort comes, and is called, within a second of virtual time, however large it is: the longer a run, the
    // more pings each device sends.
    let rate = (devices / COHORTS).max(1);
    let mut command = Command::new(binary);
    command
        .arg("run")
        .arg(scenario())
        .args(variables(devices, rate, rate))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = Instant::now();
    let mut process = process::Owned(command.spawn()?);
    let taken = process::until_end(&mut process.0)?;
    let seconds = started.elapsed().as_secs_f64();
    let ended = process.0.wait()?;
    if !ended.success() {
        bail!("the run of {devices} devices ended with {ended}");
    }
    Ok(Growth {
        devices,
        seconds,
        cpu_seconds: taken.cpu_seconds,
        peak_bytes: taken.peak_bytes,
    })
}

/// The scenario of every run.
pub(crate) fn scenario() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/cohorts.yaml")
}

/// Its variables: rates are of a cohort, a second.
pub(crate) fn variables(devices: u64, arrivals: u64, calls: u64) -> [String; 3] {
    [
        format!("--var=each={}", devices / COHORTS),
        format!("--var=arrivals={arrivals}/s"),
        format!("--var=calls={calls}/s"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_one_device() {
        let run = Growth {
            devices: 1000,
            seconds: 0.5,
            cpu_seconds: 0.2,
            peak_bytes: 20_000_000,
        };
        let near = |value: f64, wanted: f64| assert!((value - wanted).abs() < 1e-9, "{value}");
        near(run.cpu_us(), 200.0);
        near(run.kilobytes(), 20.0);
        near(run.rate(), 2000.0);
        near(run.rate_of_cpu(), 5000.0);
    }
}
