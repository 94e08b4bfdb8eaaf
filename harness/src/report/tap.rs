//! The TAP report, version 14: a subtest a scenario, diagnostics as YAML.

use std::fmt::Write as _;

use super::text::{run_word, visible, visible_line};
use crate::judge::verdict::{CheckResult, Outcome, StepResult, Verdict};

/// The document.
pub(super) fn render(verdicts: &[Verdict]) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", verdicts.len());
    for (index, verdict) in verdicts.iter().enumerate() {
        let name = description(&verdict.scenario);
        let _ = write!(
            out,
            "# Subtest: {name}\n    1..{}\n",
            verdict.steps.len() + verdict.checks.len()
        );
        let mut number = 0;
        for step in &verdict.steps {
            number += 1;
            self::step(&mut out, number, step);
        }
        for check in &verdict.checks {
            number += 1;
            self::check(&mut out, number, check);
        }
        point(
            &mut out,
            "",
            verdict.outcome == Outcome::Passed,
            index + 1,
            &name,
        );
        Diagnostics::new(&mut out, "")
            .text("outcome", run_word(verdict.outcome))
            .number("duration_ms", verdict.took_ms)
            .number("seed", verdict.seed)
            .text("clock", verdict.clock)
            .text("hub", &verdict.hub)
            .number("devices", verdict.devices)
            .list("notes", &verdict.notes)
            .end();
    }
    out
}

fn step(out: &mut String, number: usize, step: &StepResult) {
    let name = format!("step: {}", description(&step.name));
    result(out, number, step.outcome, &name);
    Diagnostics::new(out, INDENT)
        .number("started_ms", step.started_ms)
        .number("duration_ms", step.took_ms)
        .optional("at", step.at.as_deref())
        .severity(step.outcome)
        .optional("message", step.problem.as_deref())
        .end();
}

fn check(out: &mut String, number: usize, check: &CheckResult) {
    let name = format!("check: {}", description(&check.name));
    result(out, number, check.outcome, &name);
    let mut diagnostics = Diagnostics::new(out, INDENT)
        .number("devices", check.devices)
        .number("passed", check.passed)
        .optional("at", check.at.as_deref())
        .severity(check.outcome);
    if let Some(example) = &check.counterexample {
        let time_line: Vec<String> = example
            .time_line
            .iter()
            .map(|entry| format!("{} ms, event {}: {}", entry.at_ms, entry.seq, entry.what))
            .collect();
        let difference: Vec<String> = example
            .difference
            .iter()
            .map(|difference| {
                let found = difference.found.as_deref().unwrap_or("(absent)");
                format!(
                    "{}: expected {}, found {found}",
                    difference.path, difference.expected
                )
            })
            .collect();
        diagnostics = diagnostics
            .text("device", &example.device)
            .text("expected", &example.expected)
            .text("found", &example.found)
            .optional("nearest_miss", example.nearest_miss.as_deref())
            .list("time_line", &time_line)
            .list("difference", &difference)
            .optional("replay", example.replay.as_deref());
    }
    diagnostics.end();
}

/// A point of a subtest. One that was not reached is neither good nor bad, which TAP calls a skip.
fn result(out: &mut String, number: usize, outcome: Outcome, name: &str) {
    match outcome {
        Outcome::Passed => point(out, INDENT, true, number, name),
        Outcome::Failed | Outcome::Error => point(out, INDENT, false, number, name),
        Outcome::Skipped => point(
            out,
            INDENT,
            true,
            number,
            &format!("{name} # SKIP not reached"),
        ),
    }
}

fn point(out: &mut String, indent: &str, good: bool, number: usize, name: &str) {
    let word = if good { "ok" } else { "not ok" };
    let _ = writeln!(out, "{indent}{word} {number} - {name}");
}

/// `#` would begin a directive, `\` escapes it.
fn description(name: &str) -> String {
    visible_line(name).replace('\\', "\\\\").replace('#', "\\#")
}

/// A YAML block under a test point.
struct Diagnostics<'a> {
    out: &'a mut String,
    indent: &'a str,
}

impl<'a> Diagnostics<'a> {
    fn new(out: &'a mut String, indent: &'a str) -> Self {
        let _ = writeln!(out, "{indent}  ---");
        Self { out, indent }
    }

    fn number(self, key: &str, value: u64) -> Self {
        let _ = writeln!(self.out, "{}  {key}: {value}", self.indent);
        self
    }

    fn text(self, key: &str, value: &str) -> Self {
        let _ = writeln!(self.out, "{}  {key}: {}", self.indent, quoted(value));
        self
    }

    fn optional(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    fn severity(self, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Failed => self.text("severity", "fail"),
            Outcome::Error => self.text("severity", "error"),
            Outcome::Passed | Outcome::Skipped => self,
        }
    }

    fn list(self, key: &str, values: &[String]) -> Self {
        if values.is_empty() {
            return self;
        }
        let _ = writeln!(self.out, "{}  {key}:", self.indent);
        for value in values {
            let _ = writeln!(self.out, "{}    - {}", self.indent, quoted(value));
        }
        self
    }

    fn end(self) {
        let _ = writeln!(self.out, "{}  ...", self.indent);
    }
}

/// A JSON string is a YAML string; what YAML would not print is written out before.
fn quoted(value: &str) -> String {
    serde_json::Value::from(visible(value).as_ref()).to_string()
}

const INDENT: &str = "    ";

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn every_way_to_end_is_told() {
        for (name, verdict) in samples::all() {
            insta::assert_snapshot!(format!("tap_{name}"), render(&[verdict]));
        }
    }

    #[test]
    fn hostile_names_add_no_line_and_no_directive() {
        let text = render(&[samples::hostile()]);
        let plain = render(&[samples::failed()]);
        let shape = |text: &str| -> Vec<String> {
            text.lines()
                .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
                .collect()
        };
        // Three steps passed without a problem in the plain one.
        let points = |text: &str| {
            shape(text)
                .into_iter()
                .filter(|word| ["ok", "not", "...", "---", "#"].contains(&word.as_str()))
                .collect::<Vec<_>>()
        };
        assert_eq!(points(&text), points(&plain));
        assert!(!text.contains('\u{1b}') && !text.contains("# SKIP"));
    }
}
