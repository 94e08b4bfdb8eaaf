//! Going through the tokens, and saying what was expected.

use super::scope::Scope;
use crate::query::error::QueryError;
use crate::query::lexer::{Token, TokenKind, tokens};

/// A text that is being read.
pub(in crate::query) struct Parser<'a> {
    pub(super) text: &'a str,
    /// The last one is `End`, which is never passed.
    tokens: Vec<Token<'a>>,
    pub(super) at: usize,
    /// Levels of nesting open around the current token.
    depth: usize,
    pub(super) scope: Scope,
}

impl<'a> Parser<'a> {
    pub(in crate::query) fn new(text: &'a str) -> Result<Self, QueryError> {
        if text.len() > TEXT_BYTES_MAX {
            let what = format!(
                "{} bytes where at most {TEXT_BYTES_MAX} are allowed",
                text.len()
            );
            return Err(QueryError::new("", 0, what));
        }
        Ok(Self {
            text,
            tokens: tokens(text)?,
            at: 0,
            depth: 0,
            scope: Scope::Twins,
        })
    }

    /// Reads something inside a new level of nesting.
    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(&format!("more than {DEPTH_MAX} levels of nesting")));
        }
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    pub(super) fn token(&self) -> &Token<'a> {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(super) fn kind(&self) -> &TokenKind<'a> {
        &self.token().kind
    }

    /// The text of the current token.
    pub(super) fn slice(&self) -> &'a str {
        let token = self.token();
        &self.text[token.start..token.end]
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.kind(), TokenKind::Symbol(other) if *other == symbol)
    }

    /// Whether the token behind the current one is `symbol`.
    pub(super) fn is_before(&self, symbol: &str) -> bool {
        let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
        matches!(next, Some(TokenKind::Symbol(other)) if *other == symbol)
    }

    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.kind(), TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_there = self.is_keyword(keyword);
        self.at += usize::from(is_there);
        is_there
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_there = self.is_symbol(symbol);
        self.at += usize::from(is_there);
        is_there
    }

    pub(super) fn expect_keyword(&mut self, keyword: &str) -> Result<(), QueryError> {
        if self.take_keyword(keyword) {
            Ok(())
        } else {
            Err(self.expected(keyword))
        }
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<(), QueryError> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.expected(&format!("'{symbol}'")))
        }
    }

    /// A syntax error at the current token.
    pub(super) fn expected(&self, what: &str) -> QueryError {
        if let TokenKind::Word(word) = *self.kind()
            && is_foreign(word)
        {
            let word = word.to_ascii_uppercase();
            return self.error(&format!("{word} is not in the query language"));
        }
        let found = match self.kind() {
            TokenKind::End => "end of the query".to_owned(),
            _ => format!("'{}'", shortened(self.slice())),
        };
        self.error(&format!("unexpected {found}, expected {what},"))
    }

    /// An error at the current token.
    pub(super) fn error(&self, what: &str) -> QueryError {
        self.error_at(self.token().start, what)
    }

    /// An error at a byte of the text.
    pub(super) fn error_at(&self, at: usize, what: &str) -> QueryError {
        QueryError::new(self.text, at, what)
    }
}

/// Whether a word cannot be a name unless it stands in double brackets.
pub(super) fn is_reserved(word: &str) -> bool {
    is_one_of(word, &RESERVED)
}

/// Whether a word is a keyword of other query languages only.
pub(super) fn is_foreign(word: &str) -> bool {
    is_one_of(word, &FOREIGN)
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| word.eq_ignore_ascii_case(other))
}

/// A piece of the query as a message shows it.
pub(super) fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let mut out: String = characters.by_ref().take(SHOWN_CHARACTERS).collect();
    if characters.next().is_some() {
        out.push('…');
    }
    out
}

const TEXT_BYTES_MAX: usize = 64 * 1024;
const DEPTH_MAX: usize = 64;
const SHOWN_CHARACTERS: usize = 32;

const RESERVED: [&str; 15] = [
    "SELECT", "TOP", "FROM", "WHERE", "GROUP", "BY", "AND", "OR", "NOT", "IN", "NIN", "AS", "TRUE",
    "FALSE", "NULL",
];
/// Worth a message of their own where they cannot be names.
const FOREIGN: [&str; 13] = [
    "ORDER", "JOIN", "HAVING", "DISTINCT", "UNION", "LIKE", "BETWEEN", "OFFSET", "LIMIT", "CASE",
    "EXISTS", "INSERT", "DELETE",
];
