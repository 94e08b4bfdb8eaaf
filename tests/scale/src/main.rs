//! The command line of the runs. See docs/PERFORMANCE.md, "Fleets and scenarios".

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::{Parser, Subcommand};
use hubnerite_scale::{
    Growth, Machine, Row, SIZES, Sockets, add_to, in_memory, on_sockets, read, replace_in, svg,
    with_tables,
};

/// What fleets of growing size cost
#[derive(Debug, Parser)]
#[command(name = "hubnerite-scale", after_help = EXAMPLES)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hub, devices and judge in one process, in virtual time; writes docs/growth.csv
    ///
    /// A million devices take some 7 GB and minutes. Rows of other sizes stay as they are.
    Measure {
        /// The released `hubnerite`
        binary: PathBuf,
        /// The largest fleet to measure
        #[arg(default_value_t = 1_000_000)]
        most: u64,
        /// Write the figures to FILE
        #[arg(long, value_name = "FILE", default_value_os_t = document("growth.csv"))]
        record: PathBuf,
    },
    /// The hub in a process of its own, fleet and judge in another, TLS between; adds a row to docs/sockets.csv
    Sockets {
        /// The released `hubnerite`
        binary: PathBuf,
        /// Devices, in four cohorts; each process holds a file for each device
        #[arg(long, value_name = "N", default_value_t = 19_000, value_parser = clap::value_parser!(u64).range(4..))]
        devices: u64,
        /// Add the figures to FILE
        #[arg(long, value_name = "FILE", default_value_os_t = document("sockets.csv"))]
        record: PathBuf,
    },
    /// Draw docs/growth.csv as docs/images/growth.svg, and write the tables of docs/PERFORMANCE.md
    Plot,
}

const EXAMPLES: &str = "\
Examples (after `cargo build --release`):
  cargo run -p hubnerite-scale -- measure target/release/hubnerite
  cargo run -p hubnerite-scale -- measure target/release/hubnerite 100000
  cargo run -p hubnerite-scale -- plot
  cargo run -p hubnerite-scale -- sockets target/release/hubnerite
  cargo run -p hubnerite-scale -- sockets target/release/hubnerite --devices 400 --record trial.csv";

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Measure {
            binary,
            most,
            record,
        } => measure(&there(&binary)?, most, &record),
        Command::Sockets {
            binary,
            devices,
            record,
        } => {
            let figures = on_sockets(&there(&binary)?, devices)?;
            add_to(&record, &figures, &Machine::look())?;
            say(&figures.told());
            ensure!(
                figures.has_passed,
                "the scenario did not pass; the row says so"
            );
            Ok(())
        }
        Command::Plot => {
            let runs: Vec<Growth> = read(&document("growth.csv"))?;
            std::fs::write(document("images/growth.svg"), svg(&runs))?;
            let sockets: Vec<Sockets> = read(&document("sockets.csv"))?;
            let page = document("PERFORMANCE.md");
            let text = std::fs::read_to_string(&page)?;
            std::fs::write(page, with_tables(&text, &runs, &sockets)?)?;
            Ok(())
        }
    }
}

/// Each figure is written as soon as it is there: the last run takes minutes.
fn measure(binary: &Path, most: u64, record: &Path) -> anyhow::Result<()> {
    let machine = Machine::look();
    for devices in SIZES.into_iter().filter(|size| *size <= most) {
        let run = in_memory(binary, devices)?;
        replace_in(record, &run, &machine)?;
        say(&run.told());
    }
    Ok(())
}

fn there(binary: &Path) -> anyhow::Result<PathBuf> {
    ensure!(
        binary.is_file(),
        "there is no {}; `cargo build --release` makes target/release/hubnerite",
        binary.display()
    );
    Ok(binary.canonicalize()?)
}

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
fn say(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
        assert!(Args::try_parse_from(["it", "sockets", "b", "--devices", "3"]).is_err());
    }
}
