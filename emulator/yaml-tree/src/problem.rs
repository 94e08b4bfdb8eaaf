//! What can be wrong with a text before its meaning is asked for.

use thiserror::Error;

/// Something wrong, and where. `P` is the reader's notion of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake<P> {
    /// Where it begins.
    pub place: P,
    /// What it is.
    pub problem: Problem,
}

/// What is wrong. The texts are short, for readers who have nothing better to say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The text breaks the grammar of YAML; in the parser's words.
    #[error("this is not YAML: {0}")]
    NotYaml(String),
    /// A file holds one document.
    #[error("a second document begins here")]
    SecondDocument,
    /// `*name`.
    #[error("aliases are not read")]
    Alias,
    /// `&name`.
    #[error("anchors are not read")]
    Anchor,
    /// `!name`; as it was written.
    #[error("the tag {0:?} is not read")]
    Tag(String),
    /// A list or a mapping as a key.
    #[error("a key must be a text")]
    KeyIsNoText {
        /// What stands there: "a list" or "a mapping".
        found: &'static str,
    },
    /// Two entries of one mapping with the same key.
    #[error("the key {key:?} is there twice, first in line {first_line}")]
    DoubledKey {
        /// The key.
        key: String,
        /// Where it stood before, counted from 1.
        first_line: u32,
    },
    /// Lists and mappings nest deeper than the bound, which is given.
    #[error("values nest more than {0} deep")]
    TooDeep(usize),
    /// The text has more values than the bound, which is given.
    #[error("the file has more than {0} values")]
    TooMany(usize),
}
