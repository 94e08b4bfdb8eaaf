//! Steps, checks, counterexamples, cohorts and notes as tables and lists.

use std::fmt::Write as _;

use super::super::text::{count, counted, duration, float, markup, moment, outcome_word};
use super::page::{badge, class, sign};
use crate::judge::verdict::{CheckResult, Counterexample, Outcome, StepResult, Verdict};

/// What a reader must know before believing anything below.
pub(super) fn notes(out: &mut String, verdict: &Verdict) {
    if verdict.notes.is_empty() {
        return;
    }
    out.push_str("<section class=\"notes\"><h2>Notes</h2><ul>\n");
    for note in &verdict.notes {
        let _ = writeln!(out, "<li>{}</li>", markup(note));
    }
    out.push_str("</ul></section>\n");
}

/// Every step and check that did not pass, with its story.
pub(super) fn failures(out: &mut String, verdict: &Verdict) {
    let bad = |outcome: Outcome| matches!(outcome, Outcome::Failed | Outcome::Error);
    let steps: Vec<&StepResult> = verdict
        .steps
        .iter()
        .filter(|step| bad(step.outcome))
        .collect();
    let checks: Vec<&CheckResult> = verdict
        .checks
        .iter()
        .filter(|check| bad(check.outcome))
        .collect();
    if steps.is_empty() && checks.is_empty() {
        return;
    }
    out.push_str("<section><h2>What went wrong</h2>\n");
    for step in steps {
        let _ = writeln!(
            out,
            "<article class=\"failure {}\"><h3>{} {}</h3>{}",
            class(step.outcome),
            badge(step.outcome, "step"),
            markup(&step.name),
            place(step.at.as_deref())
        );
        if let Some(problem) = &step.problem {
            let _ = writeln!(out, "<p class=\"lines\">{}</p>", markup(problem));
        }
        out.push_str("</article>\n");
    }
    for check in checks {
        let _ = writeln!(
            out,
            "<article class=\"failure {}\"><h3>{} {}</h3>{}<p>{} of {} passed.</p>",
            class(check.outcome),
            badge(check.outcome, "check"),
            markup(&check.name),
            place(check.at.as_deref()),
            count(check.passed),
            counted(check.devices, "device", "devices")
        );
        if let Some(example) = &check.counterexample {
            counterexample(out, example);
        }
        out.push_str("</article>\n");
    }
    out.push_str("</section>\n");
}

fn place(at: Option<&str>) -> String {
    at.map_or(String::new(), |at| {
        format!("<p class=\"faint\"><code>{}</code></p>", markup(at))
    })
}

fn counterexample(out: &mut String, example: &Counterexample) {
    out.push_str("<dl class=\"facts\">\n");
    let mut fact = |label: &str, class: &str, text: &str| {
        let text = markup(text);
        let _ = writeln!(
            out,
            "<dt>{label}</dt><dd class=\"lines {class}\">{text}</dd>"
        );
    };
    fact("Device", "name", &example.device);
    fact("Expected", "expected", &example.expected);
    fact("Found", "found", &example.found);
    if let Some(miss) = &example.nearest_miss {
        fact("Nearest miss", "", miss);
    }
    out.push_str("</dl>\n");
    if !example.time_line.is_empty() {
        open_table(
            out,
            "Time line of the device",
            &["Time#", "Event#", "What happened"],
        );
        for entry in &example.time_line {
            let _ = writeln!(
                out,
                "<tr><td class=\"figure\">{}</td><td class=\"figure faint\">{}</td><td>{}</td></tr>",
                moment(entry.at_ms),
                entry.seq,
                markup(&entry.what)
            );
        }
        close_table(out);
    }
    if !example.difference.is_empty() {
        open_table(out, "Difference", &["Path", "Expected", "Found"]);
        for difference in &example.difference {
            let found = match &difference.found {
                Some(found) => format!("<code>{}</code>", markup(found)),
                None => "<i>absent</i>".to_owned(),
            };
            let _ = writeln!(
                out,
                "<tr><td><code>{}</code></td><td class=\"expected\"><code>{}</code></td><td class=\"found\">{found}</td></tr>",
                markup(&difference.path),
                markup(&difference.expected)
            );
        }
        close_table(out);
    }
    if let Some(replay) = &example.replay {
        let _ = writeln!(
            out,
            "<p>Play it again:</p><pre><code>{}</code></pre>",
            markup(replay)
        );
    }
}

/// All checks, each with the share of devices that passed.
pub(super) fn checks(out: &mut String, verdict: &Verdict) {
    if verdict.checks.is_empty() {
        return;
    }
    out.push_str("<section><h2>Checks</h2>\n<ul class=\"rows\">\n");
    for check in &verdict.checks {
        let reached = check.outcome != Outcome::Skipped;
        let figure = match check.devices {
            _ if !reached => outcome_word(check.outcome).to_owned(),
            0 => "no devices".to_owned(),
            devices => format!("{} of {}", count(check.passed), count(devices)),
        };
        let share = if check.devices == 0 {
            0.0
        } else {
            // One of a thousand that failed must be seen: the bar is not full until all passed.
            let share = float(check.passed) / float(check.devices) * 100.0;
            if check.passed < check.devices {
                share.min(98.0)
            } else {
                100.0
            }
        };
        let _ = writeln!(
            out,
            "<li class=\"{}\">{}<span class=\"what\">{}</span>\
             <span class=\"bar\" aria-hidden=\"true\"><i style=\"width:{share:.1}%\"></i></span>\
             <span class=\"figure\">{figure}</span></li>",
            class(check.outcome),
            mark(check.outcome),
            markup(&check.name)
        );
    }
    out.push_str("</ul></section>\n");
}

/// All steps, each where it lies in the run.
pub(super) fn steps(out: &mut String, verdict: &Verdict) {
    if verdict.steps.is_empty() {
        return;
    }
    let whole = verdict
        .steps
        .iter()
        .map(|step| step.started_ms.saturating_add(step.took_ms))
        .fold(verdict.took_ms, u64::max)
        .max(1);
    let percent = |ms: u64| float(ms) / float(whole) * 100.0;
    out.push_str("<section><h2>Steps</h2>\n<ul class=\"rows\">\n");
    for step in &verdict.steps {
        let reached = step.outcome != Outcome::Skipped;
        let took = if reached {
            duration(step.took_ms)
        } else {
            outcome_word(step.outcome).to_owned()
        };
        let bar = if reached {
            format!(
                "<i style=\"margin-left:{:.2}%;width:{:.2}%\"></i>",
                percent(step.started_ms).min(99.5),
                percent(step.took_ms)
            )
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "<li class=\"{}\" title=\"began at {}\">{}<span class=\"what\">{}</span>\
             <span class=\"bar span\" aria-hidden=\"true\">{bar}</span>\
             <span class=\"figure\">{took}</span></li>",
            class(step.outcome),
            duration(step.started_ms),
            mark(step.outcome),
            markup(&step.name)
        );
    }
    out.push_str("</ul></section>\n");
}

/// A sign to be seen, a word to be heard.
fn mark(outcome: Outcome) -> String {
    format!(
        "<span class=\"mark\"><span aria-hidden=\"true\">{}</span><span class=\"heard\">{}: </span></span>",
        sign(outcome),
        outcome_word(outcome)
    )
}

/// The cohorts in figures.
pub(super) fn cohorts(out: &mut String, verdict: &Verdict) {
    if verdict.cohorts.is_empty() {
        return;
    }
    out.push_str("<section><h2>Cohorts</h2>\n");
    open_table(
        out,
        "",
        &[
            "Cohort",
            "Devices#",
            "Connects#",
            "Disconnects#",
            "Methods answered#",
            "Methods unanswered#",
            "Reports#",
            "Messages#",
        ],
    );
    for cohort in &verdict.cohorts {
        let _ = write!(out, "<tr><td class=\"name\">{}</td>", markup(&cohort.name));
        for figure in [
            cohort.devices,
            cohort.connects,
            cohort.disconnects,
            cohort.methods_answered,
            cohort.methods_failed,
            cohort.reports,
            cohort.messages,
        ] {
            let _ = write!(out, "<td class=\"figure\">{}</td>", count(figure));
        }
        out.push_str("</tr>\n");
    }
    close_table(out);
    out.push_str("</section>\n");
}

/// A table that scrolls by itself where the window is narrow; `#` after a head that stands over figures.
pub(super) fn open_table(out: &mut String, caption: &str, heads: &[&str]) {
    out.push_str("<div class=\"scroll\"><table>");
    if !caption.is_empty() {
        let _ = write!(out, "<caption>{}</caption>", markup(caption));
    }
    out.push_str("<thead><tr>");
    for head in heads {
        let _ = match head.strip_suffix('#') {
            Some(head) => write!(
                out,
                "<th scope=\"col\" class=\"figure\">{}</th>",
                markup(head)
            ),
            None => write!(out, "<th scope=\"col\">{}</th>", markup(head)),
        };
    }
    out.push_str("</tr></thead>\n<tbody>\n");
}

pub(super) fn close_table(out: &mut String) {
    out.push_str("</tbody></table></div>\n");
}
