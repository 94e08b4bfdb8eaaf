//! The report for a terminal: what a person wants to see when a run has ended. Coloured; whoever prints
//! it does so through `anstream`, which drops colours where they do not belong.

use std::fmt::Write as _;

use anstyle::Style;

use super::text::{
    count, counted, duration, latency, moment, outcome_word, phases_in_order, run_word, setting,
    tally, visible, visible_line,
};
use crate::judge::verdict::{CheckResult, Counterexample, Latency, Outcome, StepResult, Verdict};
use crate::output::style::{BAD, FAINT, GOOD, LABEL, NOTE, STRONG, paint};

/// A cell as [`columns`] wants it: what it says, how it looks, which side it leans on.
struct Cell {
    text: String,
    style: Style,
    right: bool,
}

/// All verdicts, and where there are several, their sum.
pub(super) fn render(verdicts: &[Verdict]) -> String {
    let mut out = String::new();
    for verdict in verdicts {
        one(&mut out, verdict);
        out.push('\n');
    }
    if verdicts.len() != 1 {
        sum(&mut out, verdicts);
    }
    out
}

fn one(out: &mut String, verdict: &Verdict) {
    let _ = write!(
        out,
        "{} {}",
        mark(verdict.outcome),
        paint(STRONG, title(verdict))
    );
    if let Some(file) = &verdict.file {
        let _ = write!(out, "  {}", paint(FAINT, visible_line(file)));
    }
    let _ = writeln!(out, "\n  {}", paint(FAINT, setting(verdict)));

    steps(out, &verdict.steps);
    checks(out, &verdict.checks);
    for check in &verdict.checks {
        if let Some(example) = &check.counterexample {
            failure(out, check, example);
        }
    }
    phases(out, verdict);
    cohorts(out, verdict);
    if !verdict.notes.is_empty() {
        heading(out, "Notes");
        for note in &verdict.notes {
            let _ = writeln!(out, "  {} {}", paint(NOTE, "!"), indented(note, "    "));
        }
    }
    let _ = writeln!(
        out,
        "\n  {} in {}: {}",
        paint(style(verdict.outcome), run_word(verdict.outcome)),
        duration(verdict.took_ms),
        tally(verdict)
    );
}

fn steps(out: &mut String, steps: &[StepResult]) {
    if steps.is_empty() {
        return;
    }
    heading(out, "Steps");
    let rows: Vec<Vec<Cell>> = steps
        .iter()
        .map(|step| {
            let reached = step.outcome != Outcome::Skipped;
            let took = if reached {
                duration(step.took_ms)
            } else {
                outcome_word(step.outcome).to_owned()
            };
            let began = if reached {
                format!("at {}", duration(step.started_ms))
            } else {
                String::new()
            };
            vec![
                left(sign(step.outcome), style(step.outcome)),
                left(&visible_line(&step.name), Style::new()),
                right(&took, Style::new()),
                right(&began, FAINT),
            ]
        })
        .collect();
    for (line, step) in columns(&rows).into_iter().zip(steps) {
        let _ = writeln!(out, "  {line}");
        if let Some(problem) = &step.problem {
            let at = step.at.as_deref().map(visible_line);
            if let Some(at) = at {
                let _ = writeln!(out, "      {}", paint(FAINT, at));
            }
            let _ = writeln!(out, "      {}", indented(problem, "      "));
        }
    }
}

fn checks(out: &mut String, checks: &[CheckResult]) {
    if checks.is_empty() {
        return;
    }
    heading(out, "Checks");
    let rows: Vec<Vec<Cell>> = checks
        .iter()
        .map(|check| {
            let figure = match check.outcome {
                Outcome::Skipped => outcome_word(check.outcome).to_owned(),
                _ if check.devices == 0 => "no devices".to_owned(),
                _ => format!("{} of {}", count(check.passed), count(check.devices)),
            };
            let shade = match check.outcome {
                Outcome::Failed | Outcome::Error => BAD,
                Outcome::Passed | Outcome::Skipped => Style::new(),
            };
            vec![
                left(sign(check.outcome), style(check.outcome)),
                left(&visible_line(&check.name), Style::new()),
                right(&figure, shade),
            ]
        })
        .collect();
    for line in columns(&rows) {
        let _ = writeln!(out, "  {line}");
    }
}

fn failure(out: &mut String, check: &CheckResult, example: &Counterexample) {
    let _ = writeln!(
        out,
        "\n{} {}",
        paint(BAD, "Counterexample"),
        paint(STRONG, visible_line(&check.name))
    );
    let mut fact = |label: &str, text: &str, style: Style| {
        let label = paint(LABEL, format!("{label:<9}"));
        let _ = writeln!(
            out,
            "  {label} {}",
            paint(style, indented(text, "            "))
        );
    };
    if let Some(at) = &check.at {
        fact("at", at, Style::new());
    }
    fact("device", &example.device, STRONG);
    fact("expected", &example.expected, GOOD);
    fact("found", &example.found, BAD);
    if let Some(miss) = &example.nearest_miss {
        fact("nearest", miss, NOTE);
    }
    if !example.time_line.is_empty() {
        let rows: Vec<Vec<Cell>> = std::iter::once(head(&[">TIME", ">EVENT", "WHAT"]))
            .chain(example.time_line.iter().map(|entry| {
                vec![
                    right(&moment(entry.at_ms), Style::new()),
                    right(&entry.seq.to_string(), FAINT),
                    left(&visible_line(&entry.what), Style::new()),
                ]
            }))
            .collect();
        table(out, &rows);
    }
    if !example.difference.is_empty() {
        let rows: Vec<Vec<Cell>> = std::iter::once(head(&["PATH", "EXPECTED", "FOUND"]))
            .chain(example.difference.iter().map(|difference| {
                let found = difference.found.as_deref().unwrap_or("(absent)");
                vec![
                    left(&visible_line(&difference.path), Style::new()),
                    left(&visible_line(&difference.expected), GOOD),
                    left(&visible_line(found), BAD),
                ]
            }))
            .collect();
        table(out, &rows);
    }
    if let Some(replay) = &example.replay {
        let _ = writeln!(
            out,
            "\n  {} {}",
            paint(LABEL, "replay   "),
            paint(STRONG, visible_line(replay))
        );
    }
}

fn phases(out: &mut String, verdict: &Verdict) {
    // Where time jumps, what takes no waiting takes no time: that is no measurement.
    let is_told = |phase: &Latency| verdict.clock != "virtual" || phase.max_ms >= SHOWN_MS;
    let phases = phases_in_order(verdict).into_iter();
    let mut phases = phases.filter(|(_, phase)| is_told(phase)).peekable();
    if phases.peek().is_none() {
        return;
    }
    heading(out, "Latency");
    let rows: Vec<Vec<Cell>> = std::iter::once(head(&[
        "PHASE", ">COUNT", ">LEAST", ">P50", ">P90", ">P99", ">MOST",
    ]))
    .chain(phases.map(|(name, phase)| {
        let mut row = vec![
            left(&visible_line(name), Style::new()),
            right(&count(phase.count), Style::new()),
        ];
        for ms in [
            phase.min_ms,
            phase.p50_ms,
            phase.p90_ms,
            phase.p99_ms,
            phase.max_ms,
        ] {
            let text = if phase.count == 0 {
                "-".to_owned()
            } else {
                latency(ms)
            };
            row.push(right(&text, Style::new()));
        }
        row
    }))
    .collect();
    for line in columns(&rows) {
        let _ = writeln!(out, "  {line}");
    }
}

fn cohorts(out: &mut String, verdict: &Verdict) {
    if verdict.cohorts.is_empty() {
        return;
    }
    heading(out, "Cohorts");
    let rows: Vec<Vec<Cell>> = std::iter::once(head(&[
        "COHORT",
        ">DEVICES",
        ">CONNECTS",
        ">DISCONNECTS",
        ">ANSWERED",
        ">UNANSWERED",
        ">REPORTS",
        ">MESSAGES",
    ]))
    .chain(verdict.cohorts.iter().map(|cohort| {
        let mut row = vec![left(&visible_line(&cohort.name), Style::new())];
        for figure in [
            cohort.devices,
            cohort.connects,
            cohort.disconnects,
            cohort.methods_answered,
            cohort.methods_failed,
            cohort.reports,
            cohort.messages,
        ] {
            row.push(right(&count(figure), Style::new()));
        }
        row
    }))
    .collect();
    for line in columns(&rows) {
        let _ = writeln!(out, "  {line}");
    }
}

fn sum(out: &mut String, verdicts: &[Verdict]) {
    let _ = write!(
        out,
        "{}",
        counted(verdicts.len() as u64, "scenario", "scenarios")
    );
    let mut separator = ": ";
    for outcome in [
        Outcome::Passed,
        Outcome::Failed,
        Outcome::Error,
        Outcome::Skipped,
    ] {
        let number = verdicts
            .iter()
            .filter(|verdict| verdict.outcome == outcome)
            .count();
        if number > 0 {
            let _ = write!(
                out,
                "{separator}{}",
                paint(style(outcome), format!("{number} {}", run_word(outcome)))
            );
            separator = ", ";
        }
    }
    out.push('\n');
}

fn title(verdict: &Verdict) -> String {
    match visible_line(&verdict.scenario).as_ref() {
        "" => "(no name)".to_owned(),
        name => name.to_owned(),
    }
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "\n{}", paint(LABEL, text));
}

fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✓",
        Outcome::Failed => "✗",
        Outcome::Error => "!",
        Outcome::Skipped => "-",
    }
}

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Passed => GOOD,
        Outcome::Failed | Outcome::Error => BAD,
        Outcome::Skipped => NOTE,
    }
}

fn mark(outcome: Outcome) -> String {
    paint(style(outcome), sign(outcome))
}

fn left(text: &str, style: Style) -> Cell {
    Cell {
        text: text.to_owned(),
        style,
        right: false,
    }
}

fn right(text: &str, style: Style) -> Cell {
    Cell {
        text: text.to_owned(),
        style,
        right: true,
    }
}

/// Column heads; `>` before one that stands over figures.
fn head(names: &[&str]) -> Vec<Cell> {
    names
        .iter()
        .map(|name| match name.strip_prefix('>') {
            Some(name) => right(name, FAINT),
            None => left(name, FAINT),
        })
        .collect()
}

fn table(out: &mut String, rows: &[Vec<Cell>]) {
    out.push('\n');
    for line in columns(rows) {
        let _ = writeln!(out, "    {line}");
    }
}

/// Lines of equal columns. One over-long cell does not push every other line out of the window: columns
/// are at most [`COLUMN_CHARS_MAX`] wide, and a longer cell moves only its own line.
fn columns(rows: &[Vec<Cell>]) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count().min(COLUMN_CHARS_MAX));
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            let mut owed = 0;
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if cell.text.is_empty() {
                    owed += width + usize::from(index > 0) * 2;
                    continue;
                }
                let padding = width.saturating_sub(cell.text.chars().count());
                let (before, after) = if cell.right {
                    (padding, 0)
                } else {
                    (0, padding)
                };
                let gap = if index > 0 { 2 } else { 0 };
                line.extend(std::iter::repeat_n(' ', owed + gap + before));
                line.push_str(&paint(cell.style, &cell.text));
                owed = after;
            }
            line
        })
        .collect()
}

/// `text` with every line but the first moved in.
fn indented(text: &str, indent: &str) -> String {
    visible(text.trim_end()).replace('\n', &format!("\n{indent}"))
}

const COLUMN_CHARS_MAX: usize = 60;
/// What is less is printed as nothing.
const SHOWN_MS: f64 = 0.005;

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn plain(verdicts: &[Verdict]) -> String {
        anstream::adapter::strip_str(&render(verdicts)).to_string()
    }

    #[test]
    fn every_way_to_end_reads_well() {
        for (name, verdict) in samples::all() {
            insta::assert_snapshot!(format!("human_{name}"), plain(&[verdict]));
        }
    }

    #[test]
    fn several_runs_end_with_their_sum() {
        let verdicts = samples::all().map(|(_, verdict)| verdict);
        assert!(
            plain(&verdicts).ends_with(
                "4 scenarios: 1 passed, 1 failed, 1 could not be judged, 1 interrupted\n"
            )
        );
        assert_eq!(plain(&[]), "0 scenarios\n");
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let text = plain(&[samples::hostile(), samples::empty()]);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'));
    }

    #[test]
    fn no_line_ends_in_a_space() {
        for (name, verdict) in samples::all() {
            for line in plain(&[verdict]).lines() {
                assert_eq!(line, line.trim_end(), "{name}");
            }
        }
    }

    #[test]
    fn an_over_long_name_moves_its_own_line_alone() {
        let long = "x".repeat(90);
        let rows = [
            vec![left(&long, Style::new()), right("1", Style::new())],
            vec![left("short", Style::new()), right("2", Style::new())],
        ];
        let lines: Vec<String> = columns(&rows);
        assert_eq!(lines[0].len(), 93);
        assert_eq!(lines[1].len(), COLUMN_CHARS_MAX + 3);
    }
}
