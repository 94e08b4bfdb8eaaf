//! The tables of docs/PERFORMANCE.md that are made of the figures, between marks that name them.

use anyhow::Context;

use crate::growth::Growth;
use crate::record::{Row, as_f64};
use crate::sockets::Sockets;

/// The page with both tables as the figures have it: every run in memory, and the last of the largest on sockets.
pub fn with_tables(page: &str, runs: &[Growth], sockets: &[Sockets]) -> anyhow::Result<String> {
    let mut table = String::from(
        "| Devices | By the wall | CPU for each device | Peak memory | for each device |\n|---|---|---|---|---|",
    );
    for run in runs {
        table += "\n";
        table += &row(run);
    }
    let page = between(page, "growth", &table)?;
    let Some(last) = sockets.last() else {
        return Ok(page);
    };
    between(&page, "sockets", last.told().trim_end())
}

fn row(run: &Growth) -> String {
    let peak = match as_f64(run.peak_bytes) {
        bytes if bytes < 1e9 => format!("{:.0} MB", bytes / 1e6),
        bytes => format!("{:.1} GB", bytes / 1e9),
    };
    format!(
        "| {} | {:.1} s | {:.0} µs | {peak} | {:.1} KB |",
        thousands(run.devices),
        run.seconds,
        run.cpu_us(),
        run.kilobytes()
    )
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The page with this text between the marks of that name.
fn between(page: &str, name: &str, text: &str) -> anyhow::Result<String> {
    let begin = format!("<!-- {name}: written by hubnerite-scale -->\n");
    let end = format!("\n<!-- end of {name} -->");
    let parts = page.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = parts.with_context(|| format!("the page has no marks of {name}"))?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_written_between_their_marks_and_nothing_else_changes() {
        let page =
            "a\n<!-- growth: written by hubnerite-scale -->\nold\n<!-- end of growth -->\nb\n";
        let run = Growth {
            devices: 1_000_000,
            seconds: 200.0,
            cpu_seconds: 180.0,
            peak_bytes: 5_800_000_000,
        };
        let told = with_tables(page, &[run], &[]).unwrap();
        assert!(told.starts_with("a\n<!-- growth: written by hubnerite-scale -->\n| Devices"));
        let row = "| 1,000,000 | 200.0 s | 180 µs | 5.8 GB | 5.8 KB |";
        assert!(
            told.ends_with(&format!("{row}\n<!-- end of growth -->\nb\n")),
            "{told}"
        );
        assert!(with_tables("a", &[run], &[]).is_err());
    }

    #[test]
    fn the_page_and_its_tables_are_what_the_figures_say() {
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let page = std::fs::read_to_string(docs.join("PERFORMANCE.md")).unwrap();
        let runs: Vec<Growth> = crate::record::read(&docs.join("growth.csv")).unwrap();
        let sockets: Vec<Sockets> = crate::record::read(&docs.join("sockets.csv")).unwrap();
        assert!(
            with_tables(&page, &runs, &sockets).unwrap() == page,
            "`cargo run -p hubnerite-scale -- plot` writes the tables anew"
        );
    }
}
