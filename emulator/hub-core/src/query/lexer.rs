//! Splits a query into tokens.

use super::error::QueryError;

/// A token and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    /// Byte offset of its first character.
    pub(super) start: usize,
    /// Byte offset behind its last character.
    pub(super) end: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'a> {
    /// A keyword, a name of a function or a part of a path.
    Word(&'a str),
    /// `[[any text]]`: a part of a path, never a keyword.
    Bracketed(&'a str),
    Number(f64),
    Text(Box<str>),
    /// Punctuation or an operator.
    Symbol(&'static str),
    /// The end of the query.
    End,
}

/// All tokens of `text`, the last one [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, QueryError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let start = lexer.at;
        let is_after_dot = text[..start].ends_with('.');
        let kind = if is_after_dot {
            lexer.name_or_kind()?
        } else {
            lexer.kind()?
        };
        let is_end = kind == TokenKind::End;
        tokens.push(Token {
            kind,
            start,
            end: lexer.at,
        });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, at: usize, what: &str) -> QueryError {
        QueryError::new(self.text, at, what)
    }

    /// Passes over white space and comments.
    fn skip_blanks(&mut self) -> Result<(), QueryError> {
        loop {
            self.at = self.text.len() - self.rest().trim_start().len();
            let Some(comment) = self.rest().strip_prefix("/*") else {
                return Ok(());
            };
            let Some(length) = comment.find("*/") else {
                return Err(self.error(self.at, "comment without end"));
            };
            self.at += length + "/**/".len();
        }
    }

    /// Behind a dot a digit begins a name: twin keys may (`tags.3rdFloor`).
    fn name_or_kind(&mut self) -> Result<TokenKind<'a>, QueryError> {
        if self.rest().starts_with(is_word) {
            return Ok(TokenKind::Word(self.take_while(is_word)));
        }
        self.kind()
    }

    fn kind(&mut self) -> Result<TokenKind<'a>, QueryError> {
        let Some(first) = self.rest().chars().next() else {
            return Ok(TokenKind::End);
        };
        if first.is_ascii_digit() {
            return self.number();
        }
        if first == '\'' || first == '"' {
            return self.string(first);
        }
        if is_word(first) {
            return Ok(TokenKind::Word(self.take_while(is_word)));
        }
        if let Some(inner) = self.rest().strip_prefix("[[") {
            let Some(length) = inner.find("]]") else {
                return Err(self.error(self.at, "'[[' without ']]'"));
            };
            self.at += length + "[[]]".len();
            return Ok(TokenKind::Bracketed(&inner[..length]));
        }
        let Some(symbol) = SYMBOLS
            .iter()
            .find(|symbol| self.rest().starts_with(**symbol))
        else {
            return Err(self.error(self.at, &format!("unexpected {first:?}")));
        };
        self.at += symbol.len();
        Ok(TokenKind::Symbol(symbol))
    }

    fn take_while(&mut self, is_part: fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest
            .find(|character| !is_part(character))
            .unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Decimal with optional fraction and exponent, or `0x` and hex digits.
    fn number(&mut self) -> Result<TokenKind<'a>, QueryError> {
        let start = self.at;
        let text = self.take_while(is_word);
        let value = if let Some(digits) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
            hexadecimal(digits)
        } else {
            self.number_tail();
            self.text[start..self.at]
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
        };
        value
            .map(TokenKind::Number)
            .ok_or_else(|| self.error(start, "malformed number"))
    }

    /// Takes the fraction and the sign of an exponent, which a word stops at.
    fn number_tail(&mut self) {
        let is_digit = |character: char| character.is_ascii_digit();
        if self
            .rest()
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(is_digit))
        {
            self.at += 1;
            self.take_while(is_word);
        }
        let has_exponent = self.text[..self.at].ends_with(['e', 'E']);
        if has_exponent && self.rest().starts_with(['+', '-']) {
            self.at += 1;
            self.take_while(is_word);
        }
    }

    fn string(&mut self, quote: char) -> Result<TokenKind<'a>, QueryError> {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            let chunk_end = self.rest().find([quote, '\\']);
            let Some(length) = chunk_end else {
                return Err(self.error(start, "string without end"));
            };
            value.push_str(&self.rest()[..length]);
            self.at += length;
            if self.rest().starts_with('\\') {
                let character = self.escape()?;
                value.push(character);
                continue;
            }
            self.at += 1;
            // A doubled quote is a quote: some tools of Microsoft write it so.
            if !self.rest().starts_with(quote) {
                return Ok(TokenKind::Text(value.into()));
            }
            self.at += 1;
            value.push(quote);
        }
    }

    /// Reads an escape, the backslash included.
    fn escape(&mut self) -> Result<char, QueryError> {
        let start = self.at;
        let bad = |lexer: &Self| lexer.error(start, "unknown escape");
        self.at += 1;
        let letter = self.rest().chars().next().ok_or_else(|| bad(self))?;
        self.at += letter.len_utf8();
        Ok(match letter {
            '\'' | '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let mut units = vec![self.code_unit().ok_or_else(|| bad(self))?];
                if (0xD800..0xDC00).contains(&units[0]) && self.rest().starts_with("\\u") {
                    self.at += 2;
                    units.push(self.code_unit().ok_or_else(|| bad(self))?);
                }
                let mut characters = char::decode_utf16(units);
                match (characters.next(), characters.next()) {
                    (Some(Ok(character)), None) => character,
                    (_, _) => return Err(self.error(start, "escape that is half a character")),
                }
            }
            _ => return Err(bad(self)),
        })
    }

    fn code_unit(&mut self) -> Option<u16> {
        let digits = self.rest().get(..4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u16::from_str_radix(digits, 16).ok()
    }
}

/// What a name is made of. Twin keys may hold nearly anything; what may be an operator needs `[[…]]`.
fn is_word(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '_' | '$' | '@' | ':' | '&' | '~' | '^' | '?')
        || !character.is_ascii() && !character.is_whitespace() && !character.is_control()
}

/// Digit by digit, so that as many digits as a query may hold have a value.
fn hexadecimal(digits: &str) -> Option<f64> {
    let step = |value: f64, digit: char| Some(value * 16.0 + f64::from(digit.to_digit(16)?));
    let value = digits.chars().try_fold(0.0, step)?;
    (!digits.is_empty() && value.is_finite()).then_some(value)
}

/// Longer ones first.
const SYMBOLS: [&str; 20] = [
    "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", ".", ";", "*", "+", "-", "/",
    "%", "||",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind<'_>> {
        let mut kinds: Vec<_> = tokens(text)
            .unwrap()
            .into_iter()
            .map(|token| token.kind)
            .collect();
        assert_eq!(kinds.pop(), Some(TokenKind::End));
        kinds
    }

    #[test]
    fn numbers_have_the_forms_of_the_grammar() {
        let cases = [
            ("0", 0.0),
            ("12.50", 12.5),
            ("1e3", 1000.0),
            ("1.5E-1", 0.15),
            ("0xFf", 255.0),
        ];
        for (text, expected) in cases {
            assert_eq!(kinds(text), [TokenKind::Number(expected)], "{text}");
        }
        for text in ["1a", "0x", "0xg", "1e", "1e+", "1.5.", "1e999", "1_0"] {
            let lone_dot = text == "1.5.";
            assert_eq!(tokens(text).is_err(), !lone_dot, "{text}");
        }
    }

    #[test]
    fn strings_end_at_their_own_quote_and_have_escapes() {
        let cases = [
            ("'a\"b'", "a\"b"),
            ("\"a'b\"", "a'b"),
            ("'it''s'", "it's"),
            (r"'\'\\\/\b\n\u0041'", "'\\/\u{8}\nA"),
            (r"'\ud83d\ude00'", "😀"),
            ("''", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(kinds(text), [TokenKind::Text(expected.into())], "{text}");
        }
        for text in [
            "'a",
            "'''",
            r"'\x'",
            r"'\u12'",
            r"'\ud83d'",
            r"'\ud83dA'",
            r"'\",
        ] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }

    #[test]
    fn blanks_and_comments_separate_and_names_may_be_wide() {
        assert_eq!(
            kinds("  /* x */tags.größe\n<>[[a b]]"),
            [
                TokenKind::Word("tags"),
                TokenKind::Symbol("."),
                TokenKind::Word("größe"),
                TokenKind::Symbol("<>"),
                TokenKind::Bracketed("a b"),
            ]
        );
    }

    #[test]
    fn an_error_names_line_and_column() {
        let error = tokens("SELECT *\nFROM é {").unwrap_err();
        assert_eq!(error.to_string(), "unexpected '{' at 2:8");
    }
}
