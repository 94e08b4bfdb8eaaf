//! Mistakes in scenario files, and how they are shown: file, line, column, the line itself, a caret.

use std::fmt::{self, Write as _};

use super::span::{Source, Span};
use crate::output::style::{self, paint};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Where it stands.
    pub span: Span,
    /// What is wrong, with the value found.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Every mistake of a scenario, in the order of its files. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioErrors {
    /// What the spans point into.
    pub sources: Vec<Source>,
    /// The mistakes.
    pub errors: Vec<ScenarioError>,
}

impl ScenarioErrors {
    /// With the styles of a terminal; print it through `anstream`, which drops them where they do not
    /// belong.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            self.render_one(&mut text, error);
        }
        text
    }

    fn render_one(&self, text: &mut String, error: &ScenarioError) {
        let Span {
            source,
            line,
            column,
        } = error.span;
        let source = self.sources.get(usize::from(source));
        let path = source.map_or("", |source| &source.path);
        let label = paint(style::BAD, "error:");
        if line == 0 {
            _ = writeln!(text, "{path}: {label} {}", error.message);
        } else {
            _ = writeln!(text, "{path}:{line}:{column}: {label} {}", error.message);
        }
        if let Some(source_line) = source.and_then(|source| nth_line(&source.text, line)) {
            let bar = paint(style::FAINT, "|");
            let (shown, before, width) = excerpt(source_line, column);
            let number = line.to_string();
            let gutter = " ".repeat(number.len());
            let carets = paint(style::BAD, "^".repeat(width));
            _ = writeln!(text, " {} {bar} {shown}", paint(style::FAINT, &number));
            _ = writeln!(text, " {gutter} {bar} {}{carets}", " ".repeat(before));
        }
        if let Some(help) = &error.help {
            _ = writeln!(text, "  {} {help}", paint(style::LABEL, "help:"));
        }
    }
}

/// Without styles.
impl fmt::Display for ScenarioErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&anstream::adapter::strip_str(&self.render()).to_string())
    }
}

impl std::error::Error for ScenarioErrors {}

/// Line `number`, counted from 1, without its end.
fn nth_line(text: &str, number: u32) -> Option<&str> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    let line = text.split('\n').nth(index)?;
    Some(line.strip_suffix('\r').unwrap_or(line))
}

/// What is shown of a line, how many characters of that stand before the caret, and how many carets.
///
/// Control characters become spaces, so that a file cannot steer the terminal and the caret stands
/// under its character; of a very long line only the part around the caret is shown.
fn excerpt(line: &str, column: u32) -> (String, usize, usize) {
    let before = usize::try_from(column).unwrap_or(usize::MAX).max(1) - 1;
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let characters: Vec<char> = line.chars().map(printable).collect();
    let before = before.min(characters.len());
    let (first, last) = if characters.len() <= SHOWN_BEFORE_MAX + SHOWN_AFTER_MAX {
        (0, characters.len())
    } else {
        let last = characters.len().min(before + SHOWN_AFTER_MAX);
        (before.saturating_sub(SHOWN_BEFORE_MAX), last)
    };
    let width = token_width(&characters[..before], &characters[before..last]);
    let shown: String = characters[first..last].iter().collect();
    (shown.trim_end().to_owned(), before - first, width)
}

/// How many characters the value at the caret takes on its line.
fn token_width(before: &[char], rest: &[char]) -> usize {
    let Some(first) = rest.first() else { return 1 };
    let quoted = |quote: char| {
        let close = rest.iter().skip(1).position(|&c| c == quote);
        close.map_or(rest.len(), |close| close + 2)
    };
    let opened = before.iter().filter(|c| matches!(c, '{' | '[')).count();
    let closed = before.iter().filter(|c| matches!(c, '}' | ']')).count();
    let in_flow = opened > closed;
    let ends_here = |index: usize| {
        let spaced = rest.get(index + 1).is_none_or(|next| next.is_whitespace());
        match rest[index] {
            ',' | '}' | ']' => in_flow,
            ':' => spaced,
            '#' => index > 0 && rest[index - 1].is_whitespace(),
            _ => false,
        }
    };
    let length = match first {
        '"' | '\'' => quoted(*first),
        '{' | '[' | '|' | '>' | '-' if rest.get(1).is_none_or(|&c| !c.is_ascii_digit()) => 1,
        _ => (0..rest.len())
            .find(|&index| ends_here(index))
            .unwrap_or(rest.len()),
    };
    let token = &rest[..length];
    let trailing = token
        .iter()
        .rev()
        .take_while(|c| c.is_whitespace() || **c == ',')
        .count();
    (length - trailing).max(1)
}

/// Characters of a long line that are shown before and after the caret.
const SHOWN_BEFORE_MAX: usize = 100;
const SHOWN_AFTER_MAX: usize = 60;
