//! The `JUnit` report, as Jenkins and GitLab read it: a suite a scenario, a case a step and a check.
//!
//! Written by hand: the form has five elements, and what a writer from outside would add, escaping, has
//! to be done here anyway, since XML has no way at all to hold a control character. The tests read it
//! back with a strict parser.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::text::{attribute, markup, moment, run_word, setting, tally};
use crate::judge::verdict::{Counterexample, Outcome, Verdict};

/// One `<testcase>`.
struct Case {
    name: String,
    class: &'static str,
    at: Option<String>,
    took_ms: u64,
    outcome: Outcome,
    /// The first line a build server shows.
    message: String,
    /// The whole story.
    text: String,
}

/// Cases, and how many of them ended how.
#[derive(Default)]
struct Totals {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    took_ms: u64,
}

/// The document.
pub(super) fn render(verdicts: &[Verdict]) -> String {
    let suites: Vec<(&Verdict, Vec<Case>)> = verdicts
        .iter()
        .map(|verdict| (verdict, cases(verdict)))
        .collect();
    let mut all = Totals::default();
    let mut body = String::new();
    for (verdict, cases) in &suites {
        let totals = totals(verdict, cases);
        suite(&mut body, verdict, cases, &totals);
        all.tests += totals.tests;
        all.failures += totals.failures;
        all.errors += totals.errors;
        all.skipped += totals.skipped;
        all.took_ms = all.took_ms.saturating_add(totals.took_ms);
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hubnerite\"{}>\n{body}</testsuites>\n",
        all.attributes()
    )
}

impl Totals {
    fn attributes(&self) -> String {
        format!(
            " tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
            self.tests,
            self.failures,
            self.errors,
            self.skipped,
            seconds(self.took_ms)
        )
    }
}

fn totals(verdict: &Verdict, cases: &[Case]) -> Totals {
    let ended = |outcome| cases.iter().filter(|case| case.outcome == outcome).count();
    Totals {
        tests: cases.len(),
        failures: ended(Outcome::Failed),
        errors: ended(Outcome::Error),
        skipped: ended(Outcome::Skipped),
        took_ms: verdict.took_ms,
    }
}

fn suite(out: &mut String, verdict: &Verdict, cases: &[Case], totals: &Totals) {
    let name = attribute(&verdict.scenario);
    let _ = write!(out, "  <testsuite name=\"{name}\"{}", totals.attributes());
    if let Some(file) = &verdict.file {
        let _ = write!(out, " file=\"{}\"", attribute(file));
    }
    out.push_str(">\n    <properties>\n");
    let seed = verdict.seed.to_string();
    let devices = verdict.devices.to_string();
    for (key, value) in [
        ("seed", seed.as_str()),
        ("clock", verdict.clock),
        ("hub", &verdict.hub),
        ("devices", &devices),
    ] {
        let value = attribute(value);
        let _ = writeln!(out, "      <property name=\"{key}\" value=\"{value}\"/>");
    }
    out.push_str("    </properties>\n");
    for case in cases {
        self::case(out, &name, case);
    }
    if !verdict.notes.is_empty() {
        let notes = markup(&verdict.notes.join("\n"));
        let _ = writeln!(out, "    <system-out>{notes}</system-out>");
    }
    out.push_str("  </testsuite>\n");
}

fn case(out: &mut String, suite: &str, case: &Case) {
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{suite}.{}\" time=\"{}\"",
        attribute(&case.name),
        case.class,
        seconds(case.took_ms)
    );
    if let Some((file, line)) = case.at.as_deref().and_then(file_and_line) {
        let _ = write!(out, " file=\"{}\" line=\"{line}\"", attribute(file));
    }
    let element = match case.outcome {
        Outcome::Passed => {
            out.push_str("/>\n");
            return;
        }
        Outcome::Failed => "failure",
        Outcome::Error => "error",
        Outcome::Skipped => {
            let message = attribute(&case.message);
            let _ = writeln!(
                out,
                ">\n      <skipped message=\"{message}\"/>\n    </testcase>"
            );
            return;
        }
    };
    let _ = writeln!(
        out,
        ">\n      <{element} message=\"{}\" type=\"{}\">{}</{element}>\n    </testcase>",
        attribute(&case.message),
        case.class,
        markup(&case.text)
    );
}

fn cases(verdict: &Verdict) -> Vec<Case> {
    let mut cases = Vec::with_capacity(verdict.steps.len() + verdict.checks.len() + 1);
    for step in &verdict.steps {
        let problem = step
            .problem
            .clone()
            .unwrap_or_else(|| default_message(step.outcome));
        cases.push(Case {
            name: step.name.clone(),
            class: "steps",
            at: step.at.clone(),
            took_ms: step.took_ms,
            outcome: step.outcome,
            message: problem.lines().next().unwrap_or_default().to_owned(),
            text: problem,
        });
    }
    for check in &verdict.checks {
        let passed = format!("{} of {} devices passed", check.passed, check.devices);
        let (message, text) = match (&check.counterexample, check.outcome) {
            (Some(example), _) => (
                format!(
                    "{passed}; {}: expected {}, found {}",
                    example.device, example.expected, example.found
                ),
                format!("{passed}\n\n{}", story(example)),
            ),
            (None, Outcome::Failed) => (passed.clone(), passed),
            (None, outcome) => (default_message(outcome), default_message(outcome)),
        };
        cases.push(Case {
            name: check.name.clone(),
            class: "checks",
            at: check.at.clone(),
            took_ms: 0,
            outcome: check.outcome,
            message,
            text,
        });
    }
    // A build server judges by the cases alone: a run that did not pass must have one that says so.
    let told = cases
        .iter()
        .any(|case| matches!(case.outcome, Outcome::Failed | Outcome::Error));
    if verdict.outcome != Outcome::Passed && !told {
        let word = run_word(verdict.outcome);
        cases.push(Case {
            name: "the whole run".to_owned(),
            class: "run",
            at: None,
            took_ms: 0,
            outcome: Outcome::Error,
            message: word.to_owned(),
            text: format!("{word}: {} ({})", tally(verdict), setting(verdict)),
        });
    }
    tell_apart(&mut cases);
    cases
}

/// Build servers take cases of the same name for one: the second `wait 5 s` becomes `wait 5 s (2)`.
fn tell_apart(cases: &mut [Case]) {
    let mut seen: BTreeMap<(&'static str, String), u32> = BTreeMap::new();
    for case in cases {
        let times = seen.entry((case.class, case.name.clone())).or_default();
        *times += 1;
        if *times > 1 {
            let _ = write!(case.name, " ({times})");
        }
    }
}

fn default_message(outcome: Outcome) -> String {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Error => "could not be judged",
        Outcome::Skipped => "not reached",
    }
    .to_owned()
}

/// A counterexample as lines of plain text.
fn story(example: &Counterexample) -> String {
    let mut out = format!(
        "device: {}\nexpected: {}\nfound: {}\n",
        example.device, example.expected, example.found
    );
    if let Some(miss) = &example.nearest_miss {
        let _ = writeln!(out, "nearest miss: {miss}");
    }
    if !example.time_line.is_empty() {
        out.push_str("\ntime line:\n");
        for entry in &example.time_line {
            let _ = writeln!(
                out,
                "  {:>11}  #{}  {}",
                moment(entry.at_ms),
                entry.seq,
                entry.what
            );
        }
    }
    if !example.difference.is_empty() {
        out.push_str("\ndifference:\n");
        for difference in &example.difference {
            let found = difference.found.as_deref().unwrap_or("(absent)");
            let _ = writeln!(
                out,
                "  {}: expected {}, found {found}",
                difference.path, difference.expected
            );
        }
    }
    if let Some(replay) = &example.replay {
        let _ = write!(out, "\nreplay: {replay}\n");
    }
    out
}

/// `file:line`; the file may hold colons.
fn file_and_line(at: &str) -> Option<(&str, u32)> {
    let (file, line) = at.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

/// `1.250`
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn every_way_to_end_is_told() {
        for (name, verdict) in samples::all() {
            insta::assert_snapshot!(format!("junit_{name}"), render(&[verdict]));
        }
    }

    #[test]
    fn hostile_names_leave_it_well_formed_and_are_kept() {
        let verdict = samples::hostile();
        let text = render(&[verdict.clone(), samples::empty()]);
        let document = roxmltree::Document::parse(&text).unwrap();
        let suite = document
            .descendants()
            .find(|node| node.has_tag_name("testsuite"))
            .unwrap();
        assert_eq!(
            suite.attribute("name"),
            Some(super::super::text::visible(&verdict.scenario).as_ref())
        );
        assert_eq!(
            document
                .descendants()
                .filter(|n| n.has_tag_name("failure"))
                .count(),
            2
        );
    }

    #[test]
    fn cases_of_one_name_are_told_apart() {
        let mut verdict = samples::passed();
        verdict.steps[1].name = verdict.steps[0].name.clone();
        let text = render(&[verdict]);
        assert!(text.contains("name=\"connect all\"") && text.contains("name=\"connect all (2)\""));
    }

    #[test]
    fn the_counts_are_those_of_the_cases() {
        for (name, verdict) in samples::all() {
            let text = render(&[verdict.clone(), verdict]);
            let document = roxmltree::Document::parse(&text).unwrap();
            let root = document.root_element();
            for (attribute, element) in [
                ("tests", "testcase"),
                ("failures", "failure"),
                ("errors", "error"),
                ("skipped", "skipped"),
            ] {
                let found = root
                    .descendants()
                    .filter(|node| node.has_tag_name(element))
                    .count();
                assert_eq!(
                    root.attribute(attribute),
                    Some(found.to_string().as_str()),
                    "{name} {attribute}"
                );
            }
        }
    }

    #[test]
    fn a_place_may_hold_colons() {
        assert_eq!(
            file_and_line("C:\\s\\r.yaml:12"),
            Some(("C:\\s\\r.yaml", 12))
        );
        assert_eq!(file_and_line("inline"), None);
        assert_eq!(file_and_line("C:\\s"), None);
    }
}
