//! Figures as tables in files: a row a run, the machine at its end. Measures nothing.

use std::path::Path;

use anyhow::{Context, ensure};

use crate::machine::Machine;

/// What one run came to, as a row of a table.
pub trait Row: Sized {
    /// The names of the cells, with commas between.
    const HEADER: &str;

    /// How many devices the run had.
    fn devices(&self) -> u64;

    /// As it stands in the file, without the machine.
    fn cells(&self) -> String;

    /// What [`Self::cells`] wrote; `None` if it did not.
    fn parse(cells: &[&str]) -> Option<Self>;

    /// In words, for whoever measures.
    fn told(&self) -> String;
}

/// Adds a row at the end of a file, which is made if it is not there.
pub fn add_to<R: Row>(file: &Path, row: &R, machine: &Machine) -> anyhow::Result<()> {
    write_with(file, row, machine, |_| true)
}

/// Writes a row in place of that of as many devices, in the order of sizes.
pub fn replace_in<R: Row>(file: &Path, row: &R, machine: &Machine) -> anyhow::Result<()> {
    write_with(file, row, machine, |old| old.devices() != row.devices())
}

fn write_with<R: Row>(
    file: &Path,
    row: &R,
    machine: &Machine,
    is_kept: impl Fn(&R) -> bool,
) -> anyhow::Result<()> {
    let mut lines = if file.exists() {
        lines::<R>(file)?
    } else {
        Vec::new()
    };
    lines.retain(|(old, _)| is_kept(old));
    let devices = row.devices();
    // After those of as many devices: the file is in the order of sizes, and then of time.
    let place = lines.partition_point(|(old, _)| old.devices() <= devices);
    let line = format!("{},{}", row.cells(), machine.cells());
    let mut texts: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    texts.insert(place, line);
    let text = format!("{}\n{}\n", header::<R>(), texts.join("\n"));
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The rows of a file.
pub fn read<R: Row>(file: &Path) -> anyhow::Result<Vec<R>> {
    Ok(lines(file)?.into_iter().map(|(row, _)| row).collect())
}

/// Each row with the line it was read from.
fn lines<R: Row>(file: &Path) -> anyhow::Result<Vec<(R, String)>> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let header = header::<R>();
    ensure!(
        text.lines().next() == Some(&header),
        "{} is no table of {header}",
        file.display()
    );
    let rows = text.lines().skip(1).map(|line| {
        let row = parse(line).with_context(|| format!("{line:?} is no row of {header}"))?;
        Ok((row, line.to_owned()))
    });
    rows.collect()
}

fn parse<R: Row>(line: &str) -> Option<R> {
    let cells: Vec<&str> = line.split(',').collect();
    let machine = Machine::HEADER.split(',').count();
    R::parse(&cells[..cells.len().checked_sub(machine)?])
}

fn header<R: Row>() -> String {
    format!("{},{}", R::HEADER, Machine::HEADER)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::Growth;

    fn run(devices: u64, seconds: f64) -> Growth {
        Growth {
            devices,
            seconds,
            cpu_seconds: 0.25,
            peak_bytes: 20_000_000,
        }
    }

    #[test]
    fn a_row_takes_the_place_of_its_size_and_leaves_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("growth.csv");
        let machine = Machine::look();
        for row in [run(1000, 0.5), run(1_000_000, 300.0), run(1000, 0.25)] {
            replace_in(&file, &row, &machine).unwrap();
        }
        let rows: Vec<Growth> = read(&file).unwrap();
        assert_eq!(rows, [run(1000, 0.25), run(1_000_000, 300.0)]);
        add_to(&file, &run(1000, 0.5), &machine).unwrap();
        let rows: Vec<Growth> = read(&file).unwrap();
        assert_eq!(
            rows,
            [run(1000, 0.25), run(1000, 0.5), run(1_000_000, 300.0)]
        );
    }

    #[test]
    fn what_is_no_such_table_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.csv");
        std::fs::write(&file, "mine\n").unwrap();
        let refused = replace_in(&file, &run(1, 1.0), &Machine::look()).unwrap_err();
        assert!(refused.to_string().contains("is no table"), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n");
        assert_eq!(parse::<Growth>("1,2"), None);
    }
}
