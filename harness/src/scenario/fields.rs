//! The entries of one mapping, held to the keys it may have.

use std::collections::BTreeSet;

use super::error::ScenarioError;
use super::keys::{Form, Word};
use super::node::{Entry, Node, found, quote};
use super::span::Span;

/// Collects the mistakes while a file is read.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    pub(super) all: Vec<ScenarioError>,
    /// Places of values that could not be made, of which no further mistake tells anything.
    pub(super) only_the_first_at: BTreeSet<Span>,
}

impl Mistakes {
    pub(super) fn add(&mut self, span: Span, message: impl Into<String>) {
        self.all.push(ScenarioError {
            span,
            message: message.into(),
            help: None,
        });
    }

    pub(super) fn add_with_help(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.all.push(ScenarioError {
            span,
            message: message.into(),
            help: Some(help.into()),
        });
    }

    /// `word` is none of `known`.
    pub(super) fn unknown<'a>(
        &mut self,
        span: Span,
        message: impl Into<String>,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
        they: &str,
    ) {
        self.all.push(ScenarioError {
            span,
            message: message.into(),
            help: suggestion(word, known, they),
        });
    }
}

/// The entries of a mapping.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// Where the mapping stands.
    pub(super) span: Span,
    form: &'static Form,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// The entries of `node`; unknown keys and what is no mapping are mistakes.
    pub(super) fn of(node: &'a Node, form: &'static Form, mistakes: &mut Mistakes) -> Option<Self> {
        let fields = Self::beside_others(node, form, mistakes)?;
        for (key, _) in fields.entries {
            if !form.keys.contains(&key.text.as_str()) {
                let message = format!("unknown key {} in {}", quote(&key.text), form.what);
                let known = form.keys.iter().copied();
                mistakes.unknown(key.place, message, &key.text, known, "the keys are");
            }
        }
        Some(fields)
    }

    /// The same where the other entries are somebody else's to read.
    pub(super) fn beside_others(
        node: &'a Node,
        form: &'static Form,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let Some(entries) = node.entries() else {
            let message = format!("{} is a mapping, but {} is given", form.what, found(node));
            let keys = form.keys.join(", ");
            mistakes.add_with_help(node.place, message, format!("its keys are {keys}"));
            return None;
        };
        Some(Self {
            span: node.place,
            form,
            entries,
        })
    }

    /// The value of `key`, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        debug_assert!(
            self.form.keys.contains(&key),
            "`{key}` is not in the table of {}",
            self.form.what
        );
        let entries = self.entries.iter();
        let mut found = entries.filter(|(known, _)| known.text == key);
        found.next().map(|(_, node)| node)
    }

    /// The value of `key`; a mistake if it is missing.
    pub(super) fn require(&self, key: &str, mistakes: &mut Mistakes) -> Option<&'a Node> {
        let node = self.get(key);
        if node.is_none() {
            let message = format!("`{key}:` is missing in {}", self.form.what);
            mistakes.add(self.span, message);
        }
        node
    }

    /// The entries whose keys `wanted` takes.
    pub(super) fn entries(
        &self,
        wanted: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Entry> {
        let entries = self.entries.iter();
        entries.filter(move |(key, _)| wanted(&key.text))
    }
}

/// The word of `table` that `text` is.
pub(super) fn word<T: Copy>(table: &[Word<T>], text: &str) -> Option<T> {
    let mut found = table.iter().filter(|(word, _)| *word == text);
    found.next().map(|(_, meaning)| *meaning)
}

/// What was probably meant, or else everything that could have been.
pub(super) fn suggestion<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    they: &str,
) -> Option<String> {
    let known: Vec<_> = known.into_iter().take(CANDIDATES_MAX).collect();
    if let Some(nearest) = nearest(word, &known) {
        return Some(format!("did you mean {}?", quote(nearest)));
    }
    (!known.is_empty() && known.len() <= LISTED_MAX).then(|| format!("{they} {}", known.join(", ")))
}

/// The one of `known` that `word` is probably a slip of.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let simple = |text: &str| {
        let shortened = text.chars().take(COMPARED_MAX);
        shortened
            .collect::<String>()
            .to_lowercase()
            .replace('_', "-")
    };
    let word = simple(word);
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(&word, &simple(known)), *known))
        .filter(|(likeness, _)| *likeness > LIKENESS_LEAST)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

const LIKENESS_LEAST: f64 = 0.8;
/// Names that are listed where none is like the one given.
const LISTED_MAX: usize = 20;
/// Names that are compared, and how much of them.
const CANDIDATES_MAX: usize = 1000;
const COMPARED_MAX: usize = 100;
