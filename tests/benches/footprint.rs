//! What the hub costs before anybody uses it: time to ready, memory at rest, size of the binary.
//!
//! `cargo bench -p hubnerite-tests --bench footprint`

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use hubnerite_tests::release_hub;
use tokio::time::Instant;

const STARTS: usize = 21;

/// One start of the hub.
struct Start {
    /// From the spawn of the process to its ready line.
    seen: Duration,
    /// What the ready line says of itself.
    told_ms: u64,
    /// Resident memory once ready.
    resident_kib: u64,
}

fn main() -> anyhow::Result<()> {
    let binary = release_hub();
    let bytes = std::fs::metadata(&binary)?.len();
    say(&format!("binary: {:.1} MB", mega(bytes)));
    let ca = tempfile::tempdir()?;
    let first = start(&binary, ca.path())?;
    say(&format!(
        "first start, CA made: ready after {:.1} ms",
        first.seen.as_secs_f64() * 1e3
    ));
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(start(&binary, ca.path())?);
    }
    starts.sort_by_key(|start| start.seen);
    let median = &starts[STARTS / 2];
    say(&format!(
        "start: ready after {:.1} ms (median of {STARTS}; slowest {:.1} ms; the hub itself says {} ms)",
        median.seen.as_secs_f64() * 1e3,
        starts[STARTS - 1].seen.as_secs_f64() * 1e3,
        median.told_ms,
    ));
    starts.sort_by_key(|start| start.resident_kib);
    let resident = starts[STARTS / 2].resident_kib;
    say(&format!(
        "idle: {:.1} MB resident (median)",
        mega(resident * 1024)
    ));
    Ok(())
}

fn start(binary: &Path, ca: &Path) -> anyhow::Result<Start> {
    let spawned = Instant::now();
    let mut process = Command::new(binary)
        .args([
            "up",
            "--json",
            "--mqtts-port",
            "0",
            "--https-port",
            "0",
            "--admin-port",
            "0",
        ])
        .arg("--ca")
        .arg(ca)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let measured = measure(&mut process, spawned);
    process.kill()?;
    process.wait()?;
    measured
}

fn measure(process: &mut Child, spawned: Instant) -> anyhow::Result<Start> {
    let mut line = String::new();
    BufReader::new(process.stdout.take().context("a pipe")?).read_line(&mut line)?;
    let seen = spawned.elapsed();
    let ready: serde_json::Value = serde_json::from_str(&line).context("the hub is not ready")?;
    // The trust files are written in the background: let that be over before memory is read.
    std::thread::sleep(Duration::from_millis(200));
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.context("no VmRSS")?.trim().trim_end_matches(" kB");
    let told_ms = ready["readyMs"].as_u64().context("no readyMs")?;
    Ok(Start {
        seen,
        told_ms,
        resident_kib: resident.trim().parse()?,
    })
}

fn mega(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    let bytes = bytes as f64;
    bytes / 1e6
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn say(line: &str) {
    println!("{line}");
}
