//! Why a text is no behaviour, and where.

use std::fmt;

use thiserror::Error;

/// Why a text is no behaviour. Prints as `file:line:column: message`, without the help.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ProgramError {
    /// The file, as given to [`super::Program::parse`].
    pub name: String,
    /// From 1; 0 if the fault lies outside the text, as with a parameter of
    /// [`super::Program::with`].
    pub line: usize,
    /// In characters, from 1; 0 as with `line`.
    pub column: usize,
    /// What is wrong, with the value found.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.name, self.message)
        } else {
            let Self {
                name,
                line,
                column,
                message,
                ..
            } = self;
            write!(f, "{name}:{line}:{column}: {message}")
        }
    }
}

/// Where something stands. Zero: nowhere, as a parameter given from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// A fault that does not know its file yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Fault {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A name that is none of `known`: with the nearest of them, or all.
    pub(super) fn unknown(place: Place, what: &str, found: &str, known: &[&str]) -> Self {
        let fault = Self::new(place, format!("{what} {:?} is not known", shown(found)));
        let near = known
            .iter()
            .map(|name| (strsim::damerau_levenshtein(found, name), name))
            .filter(|(distance, _)| {
                *distance <= (found.len() / 3).max(1) && *distance < found.len()
            })
            .min_by_key(|(distance, _)| *distance);
        match near {
            Some((_, near)) => fault.help(format!("did you mean {near:?}?")),
            None if known.is_empty() => fault,
            None => fault.help(format!("known are {}", known.join(", "))),
        }
    }

    pub(super) fn in_file(self, name: &str) -> ProgramError {
        ProgramError {
            name: name.to_owned(),
            line: self.place.line as usize,
            column: self.place.column as usize,
            message: self.message,
            help: self.help,
        }
    }
}

/// A text of the user's, cut to a sensible length.
pub(super) fn shown(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    cut.push('…');
    cut
}
