//! What a hub by name costs in a process that runs: the time to make it, and its memory while idle.
//!
//! `cargo bench -p emulator --bench hubs`

use std::error::Error;

use emulator::config::Ports;
use emulator::{Config, Emulator, HubHost, RunningEmulator};
use tokio::time::Instant;

const HUBS: u32 = 1_000;
const ROUNDS: u32 = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let hub = Emulator::start(Config {
        ports: Ports::ANY,
        ..Config::new(folder.path())
    })
    .await?;
    for round in 0..ROUNDS {
        measure(&hub, round)?;
        // The tasks of hubs that are gone end when they are next polled.
        tokio::task::yield_now().await;
    }
    hub.stop().await;
    Ok(())
}

fn measure(hub: &RunningEmulator, round: u32) -> Result<(), Box<dyn Error>> {
    let names = (0..HUBS).map(|number| HubHost::parse(&format!("round-{round}-{number}")));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let before = resident_kib()?;
    let mut times = Vec::new();
    for name in &names {
        let start = Instant::now();
        hub.create_hub(name.clone())?;
        times.push(start.elapsed());
    }
    let kib = resident_kib()?.saturating_sub(before);
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    say(&format!(
        "{HUBS} hubs: made in {:?} (p50), {:?} (p99), {:?} (slowest); {:.1} KiB resident each",
        at(50),
        at(99),
        at(100),
        f64::from(kib) / f64::from(HUBS),
    ));
    for name in &names {
        hub.delete_hub(name);
    }
    Ok(())
}

/// Linux alone tells.
fn resident_kib() -> Result<u32, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.ok_or("no VmRSS")?.trim().trim_end_matches(" kB");
    Ok(resident.parse()?)
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn say(line: &str) {
    println!("{line}");
}
