//! The document, the head of a run, and the order of things: what went wrong comes first.

use std::fmt::Write as _;

use super::super::json;
use super::super::text::{count, duration, markup, run_word};
use super::{latency, parts, wave};
use crate::judge::verdict::{Outcome, Verdict};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Nothing is fetched and nothing is sent, whatever is in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The page.
pub(crate) fn render(verdicts: &[Verdict]) -> String {
    let title = match verdicts {
        [only] => format!("{}: {}", title(only), run_word(only.outcome)),
        several => format!("{} scenarios", several.len()),
    };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <meta name=\"generator\" content=\"hubnerite\"/>\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        markup(&title)
    );
    if verdicts.len() != 1 {
        overview(&mut out, verdicts);
    }
    out.push_str("<main>\n");
    for (index, verdict) in verdicts.iter().enumerate() {
        run(&mut out, index, verdict);
    }
    let _ = write!(
        out,
        "</main>\n<footer>Made by hubnerite. The whole verdict is in this page as JSON, in the element \
         <code>#verdicts</code>.</footer>\n\
         <script type=\"application/json\" id=\"verdicts\">{}</script>\n\
         <script>\n//<![CDATA[\n{SCRIPT}//]]>\n</script>\n</body>\n</html>\n",
        json::embedded(verdicts)
    );
    out
}

/// A scenario's name, or that it has none.
fn title(verdict: &Verdict) -> &str {
    if verdict.scenario.is_empty() {
        "(no name)"
    } else {
        &verdict.scenario
    }
}

/// Class, sign and word of an outcome: colour never tells it alone.
pub(super) fn badge(outcome: Outcome, word: &str) -> String {
    format!(
        "<span class=\"badge {}\"><span aria-hidden=\"true\">{}</span> {word}</span>",
        class(outcome),
        sign(outcome)
    )
}

pub(super) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Error => "error",
        Outcome::Skipped => "skipped",
    }
}

pub(super) fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✓",
        Outcome::Failed => "✗",
        Outcome::Error => "!",
        Outcome::Skipped => "–",
    }
}

fn overview(out: &mut String, verdicts: &[Verdict]) {
    let passed = verdicts
        .iter()
        .filter(|verdict| verdict.outcome == Outcome::Passed)
        .count();
    let _ = writeln!(
        out,
        "<header class=\"top\"><h1>{passed} of {} scenarios passed</h1></header>",
        verdicts.len()
    );
    if verdicts.is_empty() {
        return;
    }
    out.push_str("<nav aria-label=\"Scenarios\"><ol class=\"contents\">\n");
    for (index, verdict) in verdicts.iter().enumerate() {
        let _ = writeln!(
            out,
            "<li>{} <a href=\"#run-{index}\">{}</a> <span class=\"faint\">{}</span></li>",
            badge(verdict.outcome, run_word(verdict.outcome)),
            markup(title(verdict)),
            duration(verdict.took_ms)
        );
    }
    out.push_str("</ol></nav>\n");
}

fn run(out: &mut String, index: usize, verdict: &Verdict) {
    let _ = write!(
        out,
        "<article class=\"run {}\" id=\"run-{index}\">\n<header>\n<h1>{} {}</h1>\n",
        class(verdict.outcome),
        markup(title(verdict)),
        badge(verdict.outcome, run_word(verdict.outcome))
    );
    if let Some(file) = &verdict.file {
        let _ = writeln!(out, "<p class=\"faint\"><code>{}</code></p>", markup(file));
    }
    tiles(out, verdict);
    out.push_str("</header>\n");
    parts::notes(out, verdict);
    parts::failures(out, verdict);
    parts::checks(out, verdict);
    wave::section(out, index, verdict);
    latency::section(out, index, verdict);
    parts::steps(out, verdict);
    parts::cohorts(out, verdict);
    out.push_str("</article>\n");
}

fn tiles(out: &mut String, verdict: &Verdict) {
    let steps = verdict
        .steps
        .iter()
        .filter(|step| step.outcome == Outcome::Passed)
        .count();
    let checks = verdict
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Passed)
        .count();
    let of = |passed: usize, all: usize| format!("{passed} <small>of {all}</small>");
    out.push_str("<dl class=\"tiles\">\n");
    for (label, value) in [
        ("Checks passed", of(checks, verdict.checks.len())),
        ("Steps passed", of(steps, verdict.steps.len())),
        ("Devices", count(verdict.devices)),
        (
            "Took",
            format!(
                "{} <small>{} clock</small>",
                duration(verdict.took_ms),
                verdict.clock
            ),
        ),
        (
            "Hub",
            format!("<span class=\"name\">{}</span>", markup(&verdict.hub)),
        ),
        ("Seed", verdict.seed.to_string()),
    ] {
        let _ = writeln!(out, "<div><dt>{label}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n");
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::*;

    fn parse(text: &str) -> roxmltree::Document<'_> {
        let options = roxmltree::ParsingOptions {
            allow_dtd: true,
            ..roxmltree::ParsingOptions::default()
        };
        roxmltree::Document::parse_with_options(text, options).unwrap()
    }

    /// The page without what is the same in every page.
    fn body(verdict: Verdict) -> String {
        let page = render(&[verdict]);
        let start = page.find("<body>").unwrap();
        let end = page.find("</main>").unwrap();
        page[start..end].to_owned()
    }

    #[test]
    fn every_way_to_end_has_its_page() {
        for (name, mut verdict) in samples::all() {
            // The whole wave is three hundred points; a few show the form.
            verdict.wave = verdict.wave.into_iter().step_by(60).collect();
            insta::assert_snapshot!(format!("html_{name}"), body(verdict));
        }
    }

    #[test]
    fn a_page_is_well_formed_whatever_is_in_it() {
        let all = samples::all().map(|(_, verdict)| verdict);
        for verdicts in [&all[..], &[samples::hostile()], &[samples::empty()], &[]] {
            let page = render(verdicts);
            let document = parse(&page);
            let scripts = document
                .descendants()
                .filter(|node| node.has_tag_name("script"));
            assert_eq!(scripts.count(), 2);
            let mut ids: Vec<&str> = document
                .descendants()
                .filter_map(|node| node.attribute("id"))
                .collect();
            let number = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), number, "an id is there twice");
            for link in document
                .descendants()
                .filter_map(|node| node.attribute("href"))
            {
                assert!(ids.contains(&link.trim_start_matches('#')), "{link}");
            }
        }
    }

    #[test]
    fn a_page_asks_nothing_of_the_network() {
        let page = render(&[samples::failed()]);
        for word in ["http:", "https:", "src=", "url(", "@import"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn tools_find_the_verdict_in_the_page() {
        let verdict = samples::hostile();
        let page = render(std::slice::from_ref(&verdict));
        let document = parse(&page);
        let data = document
            .descendants()
            .find(|node| node.attribute("id") == Some("verdicts"))
            .unwrap();
        // In HTML a script's text is raw, in XML it is not: there is nothing to tell them apart by.
        assert_eq!(json::read(data.text().unwrap()).unwrap(), [verdict]);
    }

    #[test]
    fn every_chart_has_a_name_and_its_figures_in_a_table() {
        let page = render(&[samples::failed()]);
        let document = parse(&page);
        for chart in document
            .descendants()
            .filter(|node| node.has_tag_name("figure"))
        {
            let drawn = chart
                .descendants()
                .find(|node| node.attribute("role") == Some("img"))
                .unwrap();
            assert!(
                drawn
                    .attribute("aria-label")
                    .is_some_and(|label| !label.is_empty())
            );
            assert!(chart.descendants().any(|node| node.has_tag_name("table")));
        }
        assert_eq!(
            document
                .descendants()
                .filter(|node| node.has_tag_name("figure"))
                .count(),
            3
        );
    }
}
