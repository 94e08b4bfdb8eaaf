//! A flame graph of the hub under the load of a figure: samples, stacks, picture.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::attach::{Inspection, has_perf};
use super::{draw, stacks};
use crate::bench::Bench;
use crate::figure::Figure;
use crate::report;
use crate::sample::Sample;

/// Samples the hub under the load of a figure, and draws where its CPU time goes.
pub(crate) fn flame_graph(figure: &Figure, bench: &mut Bench, file: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let samples = folder.path().join("samples");
    has_perf()?;
    bench.inspection = Some(Inspection::samples(&samples));
    measure(figure, bench)?;
    ensure!(
        samples.exists(),
        "{} is of no hub in a process of its own under load: there is nothing to sample",
        figure.name
    );
    report::complain("reading the samples");
    let told = Command::new("perf")
        .args(["script", "--no-inline", "-F", "ip,sym,dso", "-i"])
        .arg(&samples)
        .output()
        .context("cannot run perf script")?;
    let stacks = stacks::read(&String::from_utf8_lossy(&told.stdout));
    ensure!(
        stacks.count > 0,
        "perf took no samples: {}",
        String::from_utf8_lossy(&told.stderr).trim()
    );
    ensure!(
        stacks.known_share > 0.5,
        "{} has no symbols: build it with CARGO_PROFILE_RELEASE_STRIP=none, or leave --binary out",
        bench.hubnerite.display()
    );
    let title = format!("{}: {}", figure.name, figure.about);
    std::fs::write(file, draw::svg(&title, &stacks))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// What the hub does in a figure: it is the first that each measures. The peers are left out.
pub(super) fn measure(figure: &Figure, bench: &Bench) -> anyhow::Result<Sample> {
    let ours = figure.contestants.first();
    let ours = ours.with_context(|| format!("nobody takes part in {}", figure.name))?;
    report::complain(&format!("{}: {}", figure.name, ours.name));
    (ours.measure)(bench)
}
