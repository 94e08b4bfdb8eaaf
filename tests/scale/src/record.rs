//! The figures of runs as a table in a file. Measures nothing.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;

/// What one run came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) devices: u64,
    /// By the wall.
    pub(crate) seconds: f64,
    /// Of all threads, user and system.
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_bytes: u64,
}

impl Run {
    /// How many devices.
    pub(crate) fn count(&self) -> f64 {
        as_f64(self.devices)
    }

    /// Devices rebooted a second.
    pub(crate) fn rate(&self) -> f64 {
        as_f64(self.devices) / self.seconds
    }

    /// For each device.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / as_f64(self.devices)
    }

    /// For each device, with what the process itself takes.
    pub(crate) fn kilobytes(&self) -> f64 {
        as_f64(self.peak_bytes) / 1e3 / as_f64(self.devices)
    }

    /// As it stands in the file.
    pub(crate) fn row(&self) -> String {
        let Self {
            devices,
            seconds,
            cpu_seconds,
            peak_bytes,
        } = self;
        format!("{devices},{seconds:.2},{cpu_seconds:.2},{peak_bytes}")
    }
}

const HEADER: &str = "devices,seconds,cpu_seconds,peak_bytes";

pub(crate) fn write(file: &Path, runs: &[Run]) -> anyhow::Result<()> {
    let mut text = format!("{HEADER}\n");
    for run in runs {
        writeln!(text, "{}", run.row())?;
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Run>> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let rows = text.lines().filter(|line| *line != HEADER);
    rows.map(|row| parse(row).with_context(|| format!("{row:?} is no row of {HEADER}")))
        .collect()
}

fn parse(row: &str) -> Option<Run> {
    let mut cells = row.split(',');
    let run = Run {
        devices: cells.next()?.parse().ok()?,
        seconds: cells.next()?.parse().ok()?,
        cpu_seconds: cells.next()?.parse().ok()?,
        peak_bytes: cells.next()?.parse().ok()?,
    };
    cells.next().is_none().then_some(run)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let run = Run {
            devices: 1000,
            seconds: 0.25,
            cpu_seconds: 0.2,
            peak_bytes: 20_000_000,
        };
        assert_eq!(parse(&run.row()), Some(run));
        assert_eq!(parse("1,2,3"), None);
        assert_eq!(parse("1,2,3,4,5"), None);
        assert!((run.cpu_us() - 200.0).abs() < 1e-9 && (run.kilobytes() - 20.0).abs() < 1e-9);
    }
}
