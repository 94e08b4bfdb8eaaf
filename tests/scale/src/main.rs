//! What fleets of growing size cost: runs `scenarios/cohorts.yaml` with a thousand to a million devices,
//! keeps the figures in `docs/growth.csv`, and draws them.
//!
//!     cargo run --release -p hubnerite-scale -- measure target/release/hubnerite
//!     cargo run -p hubnerite-scale -- plot
//!
//! The last run wants some gigabytes of memory; `measure BINARY 100000` stops before it. Figures are not judged here:
//! what is judged is that every device did what it should.

mod measure;
mod plot;
mod record;

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::record::Run;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["measure", binary] => measure_to(Path::new(binary), 1_000_000),
        ["measure", binary, most] => measure_to(Path::new(binary), most.parse()?),
        ["plot"] => {
            let runs = record::read(&record_file())?;
            std::fs::write(
                repository().join("docs/images/growth.svg"),
                plot::svg(&runs),
            )?;
            Ok(())
        }
        _ => bail!("usage: measure BINARY [MOST] | plot"),
    }
}

fn measure_to(binary: &Path, most: u64) -> anyhow::Result<()> {
    let mut runs: Vec<Run> = Vec::new();
    for devices in measure::SIZES.into_iter().filter(|size| *size <= most) {
        let run = measure::in_memory(binary, devices)?;
        say(&run.row());
        runs.push(run);
    }
    record::write(&record_file(), &runs)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn record_file() -> PathBuf {
    repository().join("docs/growth.csv")
}

#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
fn say(line: &str) {
    println!("{line}");
}
