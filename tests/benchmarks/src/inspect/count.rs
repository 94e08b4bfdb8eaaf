//! System calls and allocations of an operation, counted in the kernel while the hub runs at its speed.

use super::attach::{Inspection, has_perf};
use super::flame::measure;
use super::probe::Probes;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::report;
use crate::sample::as_f64;

/// What one operation of a figure takes.
#[derive(Debug)]
pub(crate) struct PerOperation {
    pub(crate) figure: &'static str,
    pub(crate) allocations: f64,
    /// By name, most first; those that hardly come about left out.
    pub(crate) system_calls: Vec<(String, f64)>,
}

/// Counts for each figure in two runs: each way of counting has the hub for itself.
pub(crate) fn per_operation(figures: &[&'static Figure], bench: &mut Bench) -> anyhow::Result<()> {
    has_perf()?;
    let probes = Probes::add()?;
    let mut rows = Vec::new();
    for figure in figures {
        let Some(system_calls) = counted(figure, bench, "syscalls:sys_enter_*")? else {
            let name = figure.name;
            report::complain(&format!(
                "{name} is left out: no hub in a process of its own under load"
            ));
            continue;
        };
        let allocations = counted(figure, bench, &Probes::events())?.unwrap_or_default();
        rows.push(PerOperation {
            figure: figure.name,
            allocations: allocations.iter().map(|(_, count)| count).sum(),
            system_calls: worth_telling(system_calls),
        });
    }
    drop(probes);
    report::per_operation(&rows);
    Ok(())
}

/// How often each event came about for one operation; `None` if the figure has nothing to look into.
fn counted(
    figure: &'static Figure,
    bench: &mut Bench,
    events: &str,
) -> anyhow::Result<Option<Vec<(String, f64)>>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("counts");
    bench.inspection = Some(Inspection::counts(events, &file));
    let sample = measure(figure, bench)?;
    if !file.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&file)?;
    let operations = as_f64(sample.operations);
    let each = read(&text).map(|(name, count)| (name.to_owned(), as_f64(count) / operations));
    Ok(Some(each.collect()))
}

/// Lines of `perf stat -x ,`: `123,,syscalls:sys_enter_read,…`
fn read(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let mut cells = line.split(',');
        let count = cells.next()?.parse().ok()?;
        let event = cells.nth(1)?;
        Some((
            event.rsplit_once(':')?.1.trim_start_matches("sys_enter_"),
            count,
        ))
    })
}

fn worth_telling(mut counts: Vec<(String, f64)>) -> Vec<(String, f64)> {
    counts.retain(|(_, count)| *count >= 0.005);
    counts.sort_by(|one, other| other.1.total_cmp(&one.1));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_by_the_name_of_the_call() {
        let text = "# started\n\n12,,syscalls:sys_enter_read,100,100.00,,\n\
                    <not counted>,,syscalls:sys_enter_pipe,0,100.00,,\n5,,probe_libc:hubnerite_malloc,1,1,,\n";
        let counts: Vec<_> = read(text).collect();
        assert_eq!(counts, [("read", 12), ("hubnerite_malloc", 5)]);
        let told = worth_telling(vec![
            ("a".into(), 0.1),
            ("b".into(), 0.001),
            ("c".into(), 2.0),
        ]);
        assert_eq!(told, [("c".to_owned(), 2.0), ("a".to_owned(), 0.1)]);
    }
}
