//! From a file to the scenarios it describes.

use std::path::Path;

use super::ast::Scenario;
use super::error::{ScenarioError, ScenarioErrors};
use super::fields::{Fields, Mistakes, suggestion};
use super::include::{Files, read};
use super::keys;
use super::node::{Entry, Kind, Node, found, quote};
use super::read::{Top, scenario};
use super::resolve::resolve;
use super::span::{Source, Span};
use super::variables::Variables;

/// What a caller adds to what the file says.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions<'a> {
    /// `--var name=value`; they win over the file's. The name must be one the file defines.
    pub variables: &'a [(String, String)],
    /// The names of the behaviours that are built in. If there are none, any name will do.
    pub behaviours: &'a [&'a str],
}

/// Reads a scenario file and everything that it includes: one scenario, or one for each row of its
/// `table:`. Every mistake is found, and nothing is started before there is none.
pub fn load(path: &Path, options: LoadOptions<'_>) -> Result<Vec<Scenario>, ScenarioErrors> {
    let name = path.to_string_lossy();
    match read(path) {
        Ok(text) => parse(&text, &name, options),
        Err(problem) => Err(ScenarioErrors {
            sources: vec![Source {
                path: name.into(),
                text: "".into(),
            }],
            errors: vec![ScenarioError {
                span: Span::default(),
                message: format!("cannot read the scenario: {problem}"),
                help: None,
            }],
        }),
    }
}

/// Reads a scenario from its text; `name` stands for its path in messages, and what it includes is
/// looked for beside that path.
pub fn parse(
    text: &str,
    name: &str,
    options: LoadOptions<'_>,
) -> Result<Vec<Scenario>, ScenarioErrors> {
    let mut files = Files::default();
    let scenarios = match files.main(name, text) {
        Some(node) => rows(&node, &mut files, name, options),
        None => Vec::new(),
    };
    if files.mistakes.all.is_empty() {
        return Ok(scenarios);
    }
    Err(ScenarioErrors {
        sources: files.sources,
        errors: in_order(files.mistakes),
    })
}

/// The scenario, once for each row of its table.
fn rows(main: &Node, files: &mut Files, path: &str, options: LoadOptions<'_>) -> Vec<Scenario> {
    // Unknown keys were noted when the file was read.
    let mut noted = Mistakes::default();
    let Some(fields) = Fields::of(main, &keys::SCENARIO, &mut noted) else {
        return Vec::new();
    };
    let mistakes = &mut files.mistakes;
    let rows = match fields.get("table") {
        None => vec![None],
        Some(node) => table(node, mistakes).into_iter().map(Some).collect(),
    };
    let stem = Path::new(path).file_stem();
    let stem = stem.map_or_else(|| path.into(), |stem| stem.to_string_lossy());
    let top = Top {
        fields: &fields,
        parts: &files.parts,
        sources: &files.sources,
        name: &stem,
    };
    let mut scenarios = Vec::new();
    let mut budget = EXPANSION_MAX;
    for (index, row) in rows.iter().enumerate() {
        let mut variables = Variables::new(budget);
        let row = row.unwrap_or(&[]);
        for (name, value) in files.parts.variables.iter().chain(row) {
            define(&mut variables, &name.text, name.place, value, mistakes);
        }
        for (name, text) in options.variables {
            override_one(&mut variables, name, text, mistakes);
        }
        let mut found = Mistakes::default();
        let read = scenario(&top, &mut variables, &mut found);
        resolve(&read, options, &mut found);
        let mut scenario = read.scenario;
        if !row.is_empty() {
            scenario.name.push_str(&suffix(index, row));
        }
        scenarios.push(scenario);
        mistakes.all.extend(found.all);
        mistakes.only_the_first_at.extend(found.only_the_first_at);
        budget = variables.budget();
        if mistakes.all.len() > ERRORS_MAX {
            break;
        }
    }
    scenarios
}

/// Rows of names and values.
fn table<'a>(node: &'a Node, mistakes: &mut Mistakes) -> Vec<&'a [Entry]> {
    let Kind::List(items) = &node.kind else {
        let message = format!("`table` is a list of rows, but {} is given", found(node));
        mistakes.add_with_help(node.place, message, "a row is written as `- {count: 10}`");
        return Vec::new();
    };
    if items.is_empty() || items.len() > ROWS_MAX {
        let message = format!(
            "`table` has {} rows, it may have 1 to {ROWS_MAX}",
            items.len()
        );
        mistakes.add(node.place, message);
        return Vec::new();
    }
    let mut rows = Vec::new();
    for item in items {
        if let Some(entries) = item.entries() {
            rows.push(entries);
            continue;
        }
        let found = found(item);
        let message = format!("a row of `table` is a mapping of variables, but {found} is given");
        mistakes.add_with_help(item.place, message, "write it as `- {count: 10}`");
    }
    rows
}

fn define(variables: &mut Variables, name: &str, at: Span, value: &Node, mistakes: &mut Mistakes) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_name) {
        let message = format!("{} is no name for a variable", quote(name));
        let help = "names are made of letters, digits, `-`, `_` and `.`";
        mistakes.add_with_help(at, message, help);
    }
    variables.define(name, value.clone());
}

fn override_one(variables: &mut Variables, name: &str, text: &str, mistakes: &mut Mistakes) {
    if variables.override_with(name, text) {
        return;
    }
    let message = format!("the scenario has no variable {} to be set", quote(name));
    mistakes.all.push(ScenarioError {
        span: Span::default(),
        message,
        help: suggestion(name, variables.names(), "there are"),
    });
}

/// ` [2: count=10, kind=slow]`
fn suffix(index: usize, row: &[Entry]) -> String {
    let values: Vec<_> = row
        .iter()
        .map(|(name, node)| format!("{}={}", name.text, node.scalar().unwrap_or("…")))
        .collect();
    let values = values.join(", ").replace(char::is_control, " ");
    let mut shown: String = values.chars().take(SUFFIX_MAX).collect();
    if shown.len() < values.len() {
        shown.push('…');
    }
    format!(" [{}: {shown}]", index + 1)
}

/// By their places, each once, and not more than a person reads.
fn in_order(mistakes: Mistakes) -> Vec<ScenarioError> {
    let mut errors: Vec<ScenarioError> = Vec::new();
    let mut told = std::collections::BTreeSet::new();
    for error in mistakes.all {
        let once = mistakes.only_the_first_at.contains(&error.span);
        let message = if once {
            String::new()
        } else {
            error.message.clone()
        };
        if told.insert((error.span, message)) {
            errors.push(error);
        }
    }
    // Stable: what was noted first of one place stays first.
    errors.sort_by_key(|error| error.span);
    let more = errors.len().saturating_sub(ERRORS_MAX);
    errors.truncate(ERRORS_MAX);
    if more > 0 {
        errors.push(ScenarioError {
            span: Span::default(),
            message: format!("{more} more mistakes are not shown"),
            help: None,
        });
    }
    errors
}

/// Nodes and characters of all rows together, with their variables filled in.
const EXPANSION_MAX: usize = 8 << 20;
/// Of a table.
const ROWS_MAX: usize = 1000;
/// Mistakes that are shown.
const ERRORS_MAX: usize = 100;
/// Characters of a row that go into its scenario's name.
const SUFFIX_MAX: usize = 80;
