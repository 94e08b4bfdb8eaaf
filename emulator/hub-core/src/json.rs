//! JSON text as clients sent it, without a detour through numbers: `1` stays `1`, `1.0` stays `1.0`.
//!
//! `check` judges the syntax of a whole text; the `Reader` then splits text that
//! has passed, so it looks at no punctuation. Knows nothing of twins or queries.

use std::borrow::Cow;
use std::fmt::Write as _;

use hub_proto::json;
use serde_json::value::RawValue;

/// The text of `bytes`, if they are one JSON value; surrounding white space is cut off.
pub(crate) fn check(bytes: &[u8]) -> Result<&str, serde_json::Error> {
    match str::from_utf8(bytes).ok().and_then(json::value) {
        Some(text) => Ok(text),
        // It says what is wrong, or takes what lies deeper than most.
        None => serde_json::from_slice::<&RawValue>(bytes).map(RawValue::get),
    }
}

/// One piece of JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    /// With its quotes and escapes, as sent; a key or a value.
    String(&'a str),
    /// As sent.
    Number(&'a str),
    Bool(bool),
    Null,
}

/// Splits text that [`check`] has passed. On other text it gives other tokens, but never panics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the next token starts.
    pub(crate) fn position(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
        self.at += rest.iter().take_while(|byte| between(byte)).count();
        self.at
    }

    /// The text from `start`, a [`position`](Self::position), to where the reader is now.
    pub(crate) fn text_since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Option<Token<'a>> {
        let start = self.position();
        let rest = &self.text.as_bytes()[start..];
        let (length, token): (usize, fn(&'a str) -> Token<'a>) = match rest.first()? {
            b'{' => (1, |_| Token::BeginObject),
            b'}' => (1, |_| Token::EndObject),
            b'[' => (1, |_| Token::BeginArray),
            b']' => (1, |_| Token::EndArray),
            b't' => (4, |_| Token::Bool(true)),
            b'f' => (5, |_| Token::Bool(false)),
            b'n' => (4, |_| Token::Null),
            b'"' => (string_length(rest), Token::String),
            _ => (number_length(rest), Token::Number),
        };
        // `get` rather than an index: text that never passed `check` may end inside a token.
        let text = self.text.get(start..start + length)?;
        self.at = start + length;
        Some(token(text))
    }

    /// Passes over one value, however deep, and gives its text.
    pub(crate) fn skip_value(&mut self) -> &'a str {
        let start = self.position();
        let mut depth = 0_usize;
        while let Some(token) = self.next() {
            match token {
                Token::BeginObject | Token::BeginArray => depth += 1,
                Token::EndObject | Token::EndArray => depth = depth.saturating_sub(1),
                Token::String(_) | Token::Number(_) | Token::Bool(_) | Token::Null => {}
            }
            if depth == 0 {
                break;
            }
        }
        self.text_since(start)
    }
}

/// The length of the string at the start of `bytes`, quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The length of the number at the start of `bytes`; at least 1, so that a reader always moves on.
fn number_length(bytes: &[u8]) -> usize {
    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    bytes.iter().take_while(is_part).count().max(1)
}

/// What a string token says; `None` if its escapes name half a character (a lone surrogate).
pub(crate) fn unquote(token: &str) -> Option<Cow<'_, str>> {
    if token.contains('\\') {
        return serde_json::from_str(token).ok().map(Cow::Owned);
    }
    token
        .strip_prefix('"')?
        .strip_suffix('"')
        .map(Cow::Borrowed)
}

/// Appends `text` as a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    if is_plain(text.as_bytes()) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        write!(out, "{}", serde_json::Value::from(text)).expect("a String takes any text");
    }
}

/// Whether no byte needs an escape: none below the space, no quotes, no backslash. Every key of every
/// document passes here, so up to eight bytes are looked at together.
fn is_plain(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk::<8>() {
        let (eights, _) = bytes.as_chunks::<8>();
        // The last eight are looked at whether they are among those or not.
        let mut all = eights.iter().chain([last]);
        return all.all(|eight| are_plain(u64::from_le_bytes(*eight)));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        return are_plain(first | last << 32);
    }
    let is_plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    bytes.iter().all(is_plain)
}

/// The same of the bytes of a number.
fn are_plain(eight: u64) -> bool {
    // A byte that is 0 leaves its highest bit on. Bytes above one may leave theirs on as well, which
    // changes nothing.
    let zeros = |word: u64| word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS;
    let below_space = eight.wrapping_sub(LOW_BITS * 0x20) & !eight & HIGH_BITS;
    let quotes = zeros(eight ^ (LOW_BITS * u64::from(b'"')));
    let backslashes = zeros(eight ^ (LOW_BITS * u64::from(b'\\')));
    (below_space | quotes | backslashes) == 0
}

/// The lowest bit of each byte, and the highest.
const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Valid JSON text without the white space between its tokens.
pub(crate) fn minify(text: &str) -> Cow<'_, str> {
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    if !text.bytes().any(is_space) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        let (between, from_quote) = rest.split_at(quote);
        out.extend(between.split_ascii_whitespace());
        let (string, after) = from_quote.split_at(string_length(from_quote.as_bytes()));
        out.push_str(string);
        rest = after;
    }
    out.extend(rest.split_ascii_whitespace());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_splits_text_and_keeps_numbers_and_escapes() {
        let text = check(br#" { "a\u0062" : [ 1.0 , -2e+3 , true , false , null , "x\"y" ] } "#);
        let mut reader = Reader::new(text.unwrap());
        let mut tokens = Vec::new();
        while let Some(token) = reader.next() {
            tokens.push(token);
        }
        assert_eq!(
            tokens,
            [
                Token::BeginObject,
                Token::String(r#""a\u0062""#),
                Token::BeginArray,
                Token::Number("1.0"),
                Token::Number("-2e+3"),
                Token::Bool(true),
                Token::Bool(false),
                Token::Null,
                Token::String(r#""x\"y""#),
                Token::EndArray,
                Token::EndObject,
            ]
        );
    }

    #[test]
    fn a_skipped_value_is_passed_over_whole() {
        let mut reader = Reader::new(r#"{"a":{"b":[1,{"c":"]}"}]},"d":7}"#);
        reader.next();
        reader.next();
        assert_eq!(reader.skip_value(), r#"{"b":[1,{"c":"]}"}]}"#);
        assert_eq!(reader.next(), Some(Token::String(r#""d""#)));
        assert_eq!(reader.skip_value(), "7");
    }

    #[test]
    fn minified_text_has_no_space_outside_strings() {
        let cases = [
            ("1.0", "1.0"),
            ("[ 1 ,\n 2 ]", "[1,2]"),
            (
                "{ \"a b\" : \" \\\" \" ,\t\"c\":[ ] }",
                "{\"a b\":\" \\\" \",\"c\":[]}",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(minify(text), expected);
        }
    }

    #[test]
    fn strings_are_unquoted_unless_they_hold_half_a_character() {
        let cases = [
            (r#""plain""#, Some("plain")),
            (r#""\u00e9\n\"""#, Some("é\n\"")),
            (r#""\ud83d\ude00""#, Some("😀")),
            (r#""\ud83d""#, None),
        ];
        for (token, expected) in cases {
            assert_eq!(unquote(token).as_deref(), expected, "{token}");
        }
    }

    #[test]
    fn a_byte_that_needs_an_escape_is_seen_wherever_it_is() {
        for length in 0..40 {
            let plain = "é~\u{7f} ![]ÿ".chars().cycle();
            let plain: String = plain.take(length).collect();
            assert!(is_plain(plain.as_bytes()), "{plain}");
            for place in 0..plain.len() {
                for byte in 0..=u8::MAX {
                    let mut bytes = plain.clone().into_bytes();
                    bytes[place] = byte;
                    let expected = byte >= 0x20 && byte != b'"' && byte != b'\\';
                    assert_eq!(is_plain(&bytes), expected, "{byte} at {place} of {plain}");
                }
            }
        }
    }

    #[test]
    fn strings_are_quoted_with_the_escapes_they_need() {
        for text in ["", "plain é", "a\"b\\c", "line\nfeed\u{1}"] {
            let mut out = String::new();
            push_string(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}
