//! What is printed, and when.

use std::fmt::Write as _;

use super::table::{number, table};
use crate::figure::{Against, Contestant, Figure, Goal};
use crate::inspect::PerOperation;
use crate::machine::Machine;
use crate::run::Outcome;
use crate::sample::Measure;

pub(crate) fn opening(machine: &Machine, rounds: u32) {
    say(&format!(
        "{}; medians of {rounds} interleaved rounds\n",
        machine.line()
    ));
}

/// The figures, a line each.
pub(crate) fn list(figures: &[&Figure]) {
    for figure in figures {
        say(&format!("{:<16} {}", figure.name, figure.about));
    }
}

pub(crate) fn progress(figure: &Figure, contestant: &Contestant, round: u32, rounds: u32) {
    complain(&format!(
        "{} {round}/{rounds}: {}",
        figure.name, contestant.name
    ));
}

pub(crate) fn left_out(figure: &Figure, contestant: &Contestant, why: &str) {
    say(&format!(
        "{}: {} is LEFT OUT: {why}",
        figure.name, contestant.name
    ));
}

/// What every contestant of a figure did.
pub(crate) fn details(outcome: &Outcome) {
    let measured = &outcome.measured;
    let told: Vec<_> = Measure::ALL
        .into_iter()
        .filter(|measure| measured.iter().any(|it| it.median(*measure).is_some()))
        .collect();
    let mut head = vec!["server"];
    head.extend(told.iter().map(|measure| measure.label()));
    let row = |it: &crate::run::Measured| {
        let mut row = vec![it.contestant.name.to_owned()];
        row.extend(
            told.iter()
                .map(|measure| it.median(*measure).map_or_else(String::new, number)),
        );
        row
    };
    let rows: Vec<_> = measured.iter().map(row).collect();
    say(&format!(
        "{}: {}\n",
        outcome.figure.name, outcome.figure.about
    ));
    say(&table(&head, &rows));
}

/// Every comparison, with its goal.
pub(crate) fn summary(outcomes: &[Outcome]) {
    let mut rows = Vec::new();
    for outcome in outcomes {
        for comparison in outcome.figure.comparisons {
            let compared = outcome.compare(comparison);
            let peer = match comparison.against {
                Against::Contestant(name) => name,
                Against::Nobody => "",
            };
            let tell = |value: Option<f64>| value.map_or_else(String::new, number);
            let (goal, reached) = match (comparison.goal, compared) {
                (Goal::None, _) => (String::new(), ""),
                (goal, None) => (goal_text(goal), "not measured"),
                (goal, Some(compared)) => match goal.is_reached_by(compared.held) {
                    Some(true) => (goal_text(goal), "yes"),
                    Some(false) | None => (goal_text(goal), "no"),
                },
            };
            let ratio = compared.filter(|it| it.theirs.is_some());
            rows.push(vec![
                outcome.figure.name.to_owned(),
                comparison.measure.label().to_owned(),
                comparison.ours.to_owned(),
                tell(compared.map(|it| it.ours)),
                peer.to_owned(),
                tell(compared.and_then(|it| it.theirs)),
                tell(ratio.map(|it| it.held)),
                goal,
                reached.to_owned(),
            ]);
        }
    }
    let head = [
        "figure", "measure", "ours", "value", "peer", "value", "ratio", "goal", "reached",
    ];
    say(&table(&head, &rows));
}

/// What an operation takes, as it stands in docs/PERFORMANCE.md.
pub(crate) fn per_operation(rows: &[PerOperation]) {
    let mut text =
        String::from("| Figure | Allocations | System calls | of these |\n|---|---|---|---|\n");
    for row in rows {
        let all: f64 = row.system_calls.iter().map(|(_, count)| count).sum();
        let calls: Vec<_> = row
            .system_calls
            .iter()
            .map(|(name, count)| format!("{name} {count:.2}"))
            .collect();
        let (figure, allocations, calls) = (row.figure, row.allocations, calls.join(", "));
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "| `{figure}` | {allocations:.1} | {all:.2} | {calls} |"
        );
    }
    say(&text);
}

fn goal_text(goal: Goal) -> String {
    match goal {
        Goal::AtMost(most) => format!("<= {most}"),
        Goal::AtLeast(least) => format!(">= {least}"),
        Goal::None => String::new(),
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn say(text: &str) {
    println!("{text}");
}

/// To stderr.
#[expect(clippy::print_stderr, reason = "apart from the figures")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}
