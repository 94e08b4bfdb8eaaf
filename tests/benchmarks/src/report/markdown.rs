//! The goals as rows of the first table of docs/PERFORMANCE.md, so that no number there is typed by hand.

use std::path::Path;

use anyhow::Context;

use super::table::number;
use crate::figure::{Against, Comparison, Goal};
use crate::run::Outcome;
use crate::sample::Measure;

/// Writes the goals that were measured into the table of a page; the other rows stay as they are.
pub(crate) fn write_goals(file: &Path, outcomes: &[Outcome]) -> anyhow::Result<()> {
    let what = || format!("the table of goals in {}", file.display());
    let page = std::fs::read_to_string(file).with_context(what)?;
    let page = with_rows(&page, &goals(outcomes)).with_context(what)?;
    std::fs::write(file, page).with_context(what)
}

/// The page with these rows in the table between its marks, each in place of that with the same first cell.
fn with_rows(page: &str, rows: &[String]) -> anyhow::Result<String> {
    let marks = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (table, after) = rest.split_once(END)?;
        Some((before, table, after))
    });
    let (before, table, after) =
        marks.with_context(|| format!("{BEGIN} and {END} are not there"))?;
    let first = |line: &str| line.split('|').nth(1).map(|cell| cell.trim().to_owned());
    let mut lines: Vec<String> = table.trim().lines().map(str::to_owned).collect();
    for row in rows {
        match lines.iter_mut().find(|line| first(line) == first(row)) {
            Some(line) => line.clone_from(row),
            None => lines.push(row.clone()),
        }
    }
    let table = lines.join("\n");
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

/// A row a goal of the suite: what is measured, the hub, the peer, the ratio, the goal, whether it is reached, where
/// it is explained.
fn goals(outcomes: &[Outcome]) -> Vec<String> {
    let mut rows = Vec::new();
    for outcome in outcomes {
        for comparison in outcome.figure.comparisons {
            if let Goal::AtMost(_) | Goal::AtLeast(_) = comparison.goal {
                rows.push(row(outcome, comparison));
            }
        }
    }
    rows
}

fn row(outcome: &Outcome, comparison: &Comparison) -> String {
    let figure = outcome.figure.name;
    let measure = comparison.measure;
    let compared = outcome.compare(comparison);
    let told =
        |value: Option<f64>| value.map_or_else(String::new, |value| quantity(value, measure));
    let (ours, theirs) = (
        told(compared.map(|it| it.ours)),
        told(compared.and_then(|it| it.theirs)),
    );
    let ours_is = match comparison.ours {
        "hubnerite" => String::new(),
        other => format!(", {other}"),
    };
    let (peer, ratio) = match comparison.against {
        Against::Contestant(name) => (
            format!("{theirs} {name}").trim().to_owned(),
            compared.map_or_else(String::new, |it| number(it.held)),
        ),
        Against::Nobody => (String::new(), String::new()),
    };
    let is_ratio = matches!(comparison.against, Against::Contestant(_));
    let bound = |value: f64| {
        if is_ratio {
            value.to_string()
        } else {
            quantity(value, measure)
        }
    };
    let goal = match comparison.goal {
        Goal::AtMost(most) => format!("at most {}", bound(most)),
        Goal::AtLeast(least) => format!("at least {}", bound(least)),
        Goal::None => String::new(),
    };
    let reached = match compared.and_then(|it| comparison.goal.is_reached_by(it.held)) {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "not measured",
    };
    let section = section(figure);
    let measured = words(measure);
    format!(
        "| `{figure}`{ours_is}: {measured} | {ours} | {peer} | {ratio} | {goal} | {reached} | {section} |"
    )
}

const BEGIN: &str = "<!-- goals: written by the suite -->";
const END: &str = "<!-- end of goals -->";

/// With its unit.
fn quantity(value: f64, measure: Measure) -> String {
    match measure {
        Measure::CpuMicros | Measure::GeneratorMicros => format!("{} µs", number(value)),
        Measure::OthersPercent => format!("{} %", number(value)),
        Measure::Rate => format!("{}/s", number(value)),
        Measure::P50Millis | Measure::P99Millis => format!("{} ms", number(value)),
        Measure::BytesEach if value >= 1e6 => format!("{} MB", number(value / 1e6)),
        Measure::BytesEach => format!("{} B", number(value)),
    }
}

fn words(measure: Measure) -> &'static str {
    match measure {
        Measure::CpuMicros => "server CPU",
        Measure::GeneratorMicros => "generator CPU",
        Measure::OthersPercent => "others' CPU",
        Measure::Rate => "rate",
        Measure::P50Millis => "p50",
        Measure::P99Millis => "p99",
        Measure::BytesEach => "bytes",
    }
}

/// The section of docs/PERFORMANCE.md that explains a figure.
fn section(figure: &str) -> &'static str {
    let sections = [
        ("method", "[A direct method](#a-direct-method)"),
        ("rest", "[A direct method](#a-direct-method)"),
        ("telemetry", "[Telemetry](#telemetry-and-reported-patches)"),
        ("reported", "[Patches](#telemetry-and-reported-patches)"),
        ("connect", "[A connection](#a-connection)"),
        ("memory", "[A connection](#a-connection)"),
        ("start", "[Footprint](#footprint)"),
        ("size", "[Footprint](#footprint)"),
        ("hub", "[Many hubs](#many-hubs)"),
        ("fleet", "[A device of a fleet](#a-device-of-a-fleet)"),
        ("reset", "[A million twins](#a-million-twins)"),
    ];
    let found = sections.iter().find(|(name, _)| figure.starts_with(name));
    found.map_or("", |(_, section)| section)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure;

    #[test]
    fn every_goal_is_explained_in_a_section_that_is_there() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PERFORMANCE.md");
        let page = std::fs::read_to_string(file).unwrap();
        let anchors: Vec<String> = page
            .lines()
            .filter(|line| line.starts_with('#'))
            .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '))
            .map(|title| format!("(#{})", title.to_lowercase().replace(' ', "-")))
            .collect();
        for figure in figure::ALL {
            let has_goal = |it: &Comparison| !matches!(it.goal, Goal::None);
            if figure.comparisons.iter().any(has_goal) {
                let section = section(figure.name);
                let is_there = anchors.iter().any(|anchor| section.ends_with(anchor));
                assert!(is_there, "{}: {section:?}", figure.name);
            }
        }
    }

    #[test]
    fn a_measured_row_takes_the_place_of_its_goal_and_the_page_stays_as_it_is() {
        let page =
            format!("a\n{BEGIN}\n| What | Hub |\n|---|---|\n| x | 1 |\n| y | 2 |\n{END}\nb\n");
        let rows = ["| y | 3 |".to_owned(), "| z | 4 |".to_owned()];
        let told = with_rows(&page, &rows).unwrap();
        let table = "| What | Hub |\n|---|---|\n| x | 1 |\n| y | 3 |\n| z | 4 |";
        assert_eq!(told, format!("a\n{BEGIN}\n{table}\n{END}\nb\n"));
        assert!(with_rows("no table", &rows).is_err());
        let page = include_str!("../../../../docs/PERFORMANCE.md");
        assert_eq!(with_rows(page, &[]).unwrap(), page);
    }

    #[test]
    fn quantities_have_units() {
        assert_eq!(quantity(20e6, Measure::BytesEach), "20.0 MB");
        assert_eq!(quantity(3072.0, Measure::BytesEach), "3,072 B");
        assert_eq!(quantity(24.51, Measure::CpuMicros), "24.5 µs");
    }
}
