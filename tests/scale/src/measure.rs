//! Runs the product in processes of its own, and reads what they take while they run.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::Instant;

use crate::record::Run;

/// How many devices the runs have.
pub(crate) const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// The cohorts of the scenario.
const COHORTS: u64 = 4;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Hub, devices and judge in one process, in virtual time, without a socket.
pub(crate) fn in_memory(binary: &Path, devices: u64) -> anyhow::Result<Run> {
    let mut command = Command::new(binary);
    // The faster they come, the less there is to wait for in virtual time; nothing else depends on it.
    let rate = (devices / COHORTS).clamp(100, 5_000);
    command
        .arg("run")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/cohorts.yaml"))
        .arg(format!("--var=each={}", devices / COHORTS))
        .arg(format!("--var=arrivals={rate}/s"))
        .arg(format!("--var=calls={rate}/s"));
    measure(command, devices)
}

fn measure(mut command: Command, devices: u64) -> anyhow::Result<Run> {
    let started = Instant::now();
    let mut process = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let watched = watch(&process);
    let seconds = started.elapsed().as_secs_f64();
    let ended = process.wait()?;
    let (cpu_seconds, peak_bytes) = watched?;
    if !ended.success() {
        bail!("the run of {devices} devices ended with {ended}");
    }
    Ok(Run {
        devices,
        seconds,
        cpu_seconds,
        peak_bytes,
    })
}

/// Looks at a process until it has ended: its CPU time and its most memory.
fn watch(process: &Child) -> anyhow::Result<(f64, u64)> {
    let folder = format!("/proc/{}", process.id());
    let mut peak_bytes = 0;
    loop {
        let stat = std::fs::read_to_string(format!("{folder}/stat"))?;
        let (cpu_seconds, is_over) = read_stat(&stat).context("an unreadable /proc/PID/stat")?;
        if is_over {
            return Ok((cpu_seconds, peak_bytes));
        }
        let status = std::fs::read_to_string(format!("{folder}/status"))?;
        peak_bytes = read_peak(&status).unwrap_or(peak_bytes);
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The CPU time in seconds, and whether the process only waits to be taken away.
fn read_stat(stat: &str) -> Option<(f64, bool)> {
    // The second field is the command in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    // utime and stime are fields 14 and 15 of the whole line, in ticks of 10 ms.
    let ticks = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
    Some((f64::from(ticks) / 100.0, fields[0] == "Z"))
}

fn read_peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_it_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4 1 2 3 4 150 50 9 9 20 0";
        assert_eq!(read_stat(stat), Some((2.0, false)));
        assert_eq!(read_stat(&stat.replace(") S ", ") Z ")), Some((2.0, true)));
        assert_eq!(read_stat("7 (a"), None);
        assert_eq!(read_peak("Name:\ta\nVmHWM:\t   20 kB\n"), Some(20_480));
    }
}
