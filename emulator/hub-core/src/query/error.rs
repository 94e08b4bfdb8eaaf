//! Why a text is not in the language, and where.

use thiserror::Error;

use crate::error::HubError;

/// A text that is not in the language. Lines and columns (in characters) count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what} at {line}:{column}")]
pub struct QueryError {
    /// What is wrong, and what was expected: `unexpected 'x', expected ')',`.
    pub what: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl QueryError {
    /// `what` is wrong at byte `at` of `text`.
    pub(super) fn new(text: &str, at: usize, what: impl Into<String>) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            what: what.into(),
            line: before.matches('\n').count() + 1,
            column: last_line.chars().count() + 1,
        }
    }
}

impl From<QueryError> for HubError {
    fn from(error: QueryError) -> Self {
        Self::Argument(error.to_string())
    }
}
