//! Places in the C library at which allocations are counted: added to the kernel, taken away on drop.

use std::process::Command;

use anyhow::{Context, ensure};

/// The functions that give memory; Rust asks for all of its own through them.
const FUNCTIONS: [&str; 5] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
];
const PREFIX: &str = "hubnerite_";

/// Probes that are there.
#[derive(Debug)]
pub(super) struct Probes(());

impl Probes {
    /// Adds them to the C library that this program uses, and the hub with it.
    pub(super) fn add() -> anyhow::Result<Self> {
        let library = library()?;
        // Those of a run that was killed.
        drop(Self(()));
        let probes = Self(());
        for function in FUNCTIONS {
            let told = Command::new("perf")
                .args(["probe", "-q", "-x", &library, "--add"])
                .arg(format!("{PREFIX}{function}={function}"))
                .output()
                .context("cannot run perf")?;
            ensure!(
                told.status.success(),
                "perf cannot count calls of {function} in {library} (it may have to be run as root): {}",
                String::from_utf8_lossy(&told.stderr).trim()
            );
        }
        Ok(probes)
    }

    /// As `perf` names them.
    pub(super) fn events() -> String {
        FUNCTIONS
            .map(|function| format!("probe_libc:{PREFIX}{function}"))
            .join(",")
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        // If none is there, there is nothing to take away.
        let _ = Command::new("perf")
            .args(["probe", "-q", "--del"])
            .arg(format!("probe_libc:{PREFIX}*"))
            .output();
    }
}

fn library() -> anyhow::Result<String> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let mut files = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let library = files.find(|file| file.contains("/libc.so") || file.contains("/libc-"));
    Ok(library
        .context("this program uses no C library")?
        .to_owned())
}
