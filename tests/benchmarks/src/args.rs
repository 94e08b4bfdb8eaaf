//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;

use crate::figure::{self, Figure};
use crate::serve::Served;

/// Measure hubnerite against its peers, and against what the machine can do
///
/// Every figure is measured in interleaved rounds: hub, peer, hub, peer. What is told is the median of the
/// rounds, and of the ratios within each round. Rates move with whatever else the machine does; the server's CPU
/// time for each operation hardly does. A goal that is missed is told and fails nothing.
#[derive(Debug, Parser)]
#[command(name = "hubnerite-benchmarks", after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Measure these figures alone (see --list)
    #[arg(long, value_name = "FIGURE", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Rounds of each figure
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,
    /// How long a server is measured in each round, after a second of warming up
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: u64,
    /// The hub to measure; default: built now, as released
    #[arg(long, value_name = "FILE", env = "HUBNERITE_BINARY")]
    pub(crate) binary: Option<PathBuf>,
    /// Install mosquitto with apt-get if it is missing; it is left out otherwise
    #[arg(long)]
    pub(crate) install_peers: bool,
    /// Write every sample and every comparison to FILE as well
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Sample the hub under the load of the one figure of --only, and draw where its CPU time goes (needs perf)
    #[arg(long, value_name = "FILE", conflicts_with = "per_operation")]
    pub(crate) flame_graph: Option<PathBuf>,
    /// Count the hub's allocations and system calls for each operation of the figures (needs perf, and root)
    #[arg(long)]
    pub(crate) per_operation: bool,
    /// Write the goals into the table of FILE, docs/PERFORMANCE.md, in place of the rows of the same goals
    #[arg(long, value_name = "FILE")]
    pub(crate) goals_in: Option<PathBuf>,
    /// List the figures and measure nothing
    #[arg(long)]
    pub(crate) list: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the suite starts of itself.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Become a program that ends with the suite
    #[command(hide = true)]
    Become {
        program: PathBuf,
        arguments: Vec<OsString>,
    },
    /// Be one of the suite's own servers
    #[command(hide = true)]
    Serve {
        what: Served,
        arguments: Vec<String>,
    },
}

const EXAMPLES: &str = "\
Examples (after `cargo run --release --manifest-path tests/benchmarks/Cargo.toml --`):
  --list                              what can be measured
  --only method,rest                  two figures
  --only telemetry --rounds 5         more rounds
  --binary ./hubnerite --json now.json   a binary that is there; all samples as JSON
  --only method --flame-graph method.svg   where the hub's CPU time goes
  --only method,telemetry --per-operation  allocations and system calls";

impl Args {
    /// The figures asked for, in the order of the suite.
    pub(crate) fn figures(&self) -> anyhow::Result<Vec<&'static Figure>> {
        for name in &self.only {
            let known = figure::ALL.iter().any(|figure| figure.name == name);
            ensure!(
                known,
                "there is no figure {name:?}; --list tells which there are"
            );
        }
        let wanted = |figure: &&Figure| {
            self.only.is_empty() || self.only.iter().any(|name| name == figure.name)
        };
        let figures: Vec<_> = figure::ALL.iter().filter(wanted).collect();
        figures.first().context("nothing to measure")?;
        Ok(figures)
    }

    /// The one figure asked for.
    pub(crate) fn only_figure(&self) -> anyhow::Result<&'static Figure> {
        ensure!(
            self.only.len() == 1,
            "a flame graph is of one figure: --only method"
        );
        Ok(self.figures()?[0])
    }

    pub(crate) fn measured(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_a_wrong_figure_is_named() {
        Args::command().debug_assert();
        let args = Args::parse_from(["it", "--only", "rest,metod"]);
        let refused = args.figures().unwrap_err().to_string();
        assert!(refused.contains("\"metod\""), "{refused}");
    }

    #[test]
    fn every_comparison_is_between_contestants_of_its_figure() {
        use crate::figure::Against;
        for figure in figure::ALL {
            let has = |name: &str| figure.contestants.iter().any(|it| it.name == name);
            for comparison in figure.comparisons {
                assert!(has(comparison.ours), "{}", figure.name);
                if let Against::Contestant(peer) = comparison.against {
                    assert!(has(peer), "{}: {peer}", figure.name);
                }
            }
        }
    }
}
