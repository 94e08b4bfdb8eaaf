//! Where JSON text ends, and whether it is JSON (RFC 8259): one pass, nothing allocated, nothing read
//! into numbers or texts.
//!
//! It says yes or no. What is wrong with a text, a parser must say that has words for it; so must
//! whoever wants what lies deeper than [`DEPTH_MAX`], to which this says no.

/// How deep arrays and objects may lie in one another.
pub const DEPTH_MAX: usize = 128;

/// The one value that `text` is, without the white space around it.
///
/// ```
/// # use hub_proto::json::value;
/// assert_eq!(value(" {\"a\": [1.0]} "), Some("{\"a\": [1.0]}"));
/// assert_eq!(value("{\"a\": [1.0}"), None);
/// ```
pub fn value(text: &str) -> Option<&str> {
    let mut scan = Scan { text, at: 0 };
    let value = scan.value()?;
    scan.end()?;
    Some(value)
}

/// The members of the object that `text` is, in order: each name as it stands between its quotes, and
/// its value's text. What is no object gives [`NoMember`] in the end, and so does a name with an escape
/// in it.
///
/// ```
/// # use hub_proto::json::{NoMember, members};
/// let object = members(r#"{"a": 1, "b": {"c": []}}"#).collect::<Result<Vec<_>, _>>();
/// assert_eq!(object.unwrap(), [("a", "1"), ("b", r#"{"c": []}"#)]);
/// assert_eq!(members("[]").next(), Some(Err(NoMember)));
/// ```
pub fn members(text: &str) -> Members<'_> {
    let scan = Scan { text, at: 0 };
    Members {
        scan,
        stage: Stage::Before,
    }
}

/// See [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    scan: Scan<'a>,
    stage: Stage,
}

/// The text is no object that [`members`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMember;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Before,
    Within,
    Over,
}

/// What an object goes on with.
enum Part<'a> {
    Member(&'a str, &'a str),
    End,
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(&'a str, &'a str), NoMember>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stage == Stage::Over {
            return None;
        }
        match self.part() {
            Some(Part::Member(name, value)) => {
                self.stage = Stage::Within;
                Some(Ok((name, value)))
            }
            Some(Part::End) => {
                self.stage = Stage::Over;
                None
            }
            None => {
                self.stage = Stage::Over;
                Some(Err(NoMember))
            }
        }
    }
}

impl<'a> Members<'a> {
    fn part(&mut self) -> Option<Part<'a>> {
        let scan = &mut self.scan;
        scan.space();
        if self.stage == Stage::Before {
            scan.take(b'{')?;
            scan.space();
        }
        match scan.next()? {
            b'}' => {
                scan.end()?;
                return Some(Part::End);
            }
            b',' if self.stage == Stage::Within => {
                scan.space();
                scan.take(b'"')?;
            }
            b'"' if self.stage == Stage::Before => {}
            _ => return None,
        }
        let start = scan.at;
        let is_plain = scan.string()?;
        let name = scan.text.get(start..scan.at - 1).filter(|_| is_plain)?;
        scan.colon()?;
        Some(Part::Member(name, scan.value()?))
    }
}

/// A place in a text.
#[derive(Clone, Debug)]
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, expected: u8) -> Option<()> {
        (self.next()? == expected).then_some(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Nothing may follow.
    fn end(&mut self) -> Option<()> {
        self.space();
        (self.at == self.text.len()).then_some(())
    }

    fn colon(&mut self) -> Option<()> {
        self.space();
        self.take(b':')
    }

    /// A value with all that is in it, and the white space before it.
    fn value(&mut self) -> Option<&'a str> {
        self.space();
        let start = self.at;
        // From the innermost out, a bit each: whether it is an object.
        let (mut kinds, mut depth) = (0_u128, 0_usize);
        loop {
            match self.next()? {
                open @ (b'{' | b'[') => {
                    if depth == DEPTH_MAX {
                        return None;
                    }
                    depth += 1;
                    let is_object = open == b'{';
                    kinds = kinds << 1 | u128::from(is_object);
                    self.space();
                    // `]` is two after `[`, `}` two after `{`.
                    if self.peek() != Some(open + 2) {
                        if is_object {
                            self.name()?;
                        }
                        continue;
                    }
                }
                b'"' => {
                    self.string()?;
                }
                b't' => self.word("rue")?,
                b'f' => self.word("alse")?,
                b'n' => self.word("ull")?,
                first => self.number(first)?,
            }
            // A value has ended, or an array or object is about to that has nothing in it.
            loop {
                if depth == 0 {
                    return self.text.get(start..self.at);
                }
                self.space();
                let is_object = kinds & 1 == 1;
                match (self.next()?, is_object) {
                    (b'}', true) | (b']', false) => {
                        kinds >>= 1;
                        depth -= 1;
                    }
                    (b',', _) => {
                        self.space();
                        if is_object {
                            self.name()?;
                        }
                        break;
                    }
                    _ => return None,
                }
            }
        }
    }

    /// A name within a value, up to the value.
    fn name(&mut self) -> Option<()> {
        self.take(b'"')?;
        self.string()?;
        self.colon()?;
        self.space();
        Some(())
    }

    /// The rest of a string whose first quote is passed; whether it is free of escapes.
    fn string(&mut self) -> Option<bool> {
        let mut is_plain = true;
        loop {
            self.plain();
            match self.next()? {
                b'"' => return Some(is_plain),
                b'\\' => {
                    self.escape()?;
                    is_plain = false;
                }
                // A control character.
                _ => return None,
            }
        }
    }

    /// Passes over what means nothing in a string, eight bytes at a time.
    fn plain(&mut self) {
        let mut chunks = self.text.as_bytes()[self.at..].chunks_exact(8);
        for chunk in &mut chunks {
            let word = u64::from_le_bytes(chunk.try_into().expect("eight of them"));
            let special = first_special(word);
            self.at += special;
            if special < 8 {
                return;
            }
        }
        let is_plain = |byte: &&u8| **byte >= b' ' && !matches!(byte, b'"' | b'\\');
        self.at += chunks.remainder().iter().take_while(is_plain).count();
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                for _ in 0..4 {
                    self.next().filter(u8::is_ascii_hexdigit)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn word(&mut self, rest: &str) -> Option<()> {
        let found = self.text.as_bytes().get(self.at..self.at + rest.len())?;
        self.at += rest.len();
        (found == rest.as_bytes()).then_some(())
    }

    fn number(&mut self, first: u8) -> Option<()> {
        let first = if first == b'-' { self.next()? } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Some(())
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Option<()> {
        let start = self.at;
        self.digits();
        (self.at > start).then_some(())
    }
}

/// How many bytes stand before the first quote, backslash or control character; 8 if there is none.
fn first_special(word: u64) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    // A byte less than n, n at most 128, has its high bit set in `(word - n in each byte) & !word`; borrows
    // spoil only what comes after the first such byte.
    let below = |word: u64, n: u8| word.wrapping_sub(ONES * u64::from(n)) & !word & HIGH;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let special = below(word, b' ') | is(b'"') | is(b'\\');
    special.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    const EDGES: &[&str] = &[
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{}",
        "[]",
        "[ ]",
        "{ }",
        "[}",
        "{]",
        "[,]",
        "[1,]",
        "{,}",
        "[1 2]",
        "[[[]]]",
        "[[],[{}],{\"a\":{}}]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\" : 1 }",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,\"b\":2}",
        "0",
        "-0",
        "00",
        "01",
        "-",
        "--1",
        "+1",
        "1.",
        ".5",
        "1.5",
        "1.5e",
        "1e5",
        "1E+5",
        "1e-",
        "1e+05",
        "1x",
        "true",
        "tru",
        "truer",
        "false",
        "null",
        "nul",
        "nulll",
        "\"",
        "\"\"",
        "\"a",
        "\"\\\"",
        "\"\\\\\"",
        "\"\\u00e\"",
        "\"\\u00eg\"",
        "\"\\u00E9\"",
        "\"\\ud83d\"",
        "\"\\x\"",
        "\"\t\"",
        "\"\u{1f}\"",
        "\"\u{7f}\"",
        "\"é😀\"",
        "\"123456\u{1}78\"",
        "\"1234567\\n8\"",
        "\u{a0}1",
        "1\u{b}",
        "1 1",
        "\r\n\t 1 \r\n\t",
        "{} x",
        "NaN",
    ];

    /// What an independent parser takes the text for.
    fn judged(text: &str) -> Option<&str> {
        serde_json::from_str::<&RawValue>(text)
            .ok()
            .map(RawValue::get)
    }

    #[test]
    fn texts_at_the_edges_of_the_grammar_are_judged_as_an_independent_parser_judges_them() {
        for text in EDGES {
            assert_eq!(value(text), judged(text), "{text:?}");
        }
    }

    #[test]
    fn what_lies_too_deep_is_not_taken() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(value(&deep(DEPTH_MAX)).is_some());
        assert_eq!(value(&deep(DEPTH_MAX + 1)), None);
        let mixed = "{\"a\":[".repeat(DEPTH_MAX / 2) + &"]}".repeat(DEPTH_MAX / 2);
        assert!(value(&mixed).is_some());
    }

    #[test]
    fn members_are_given_in_order_and_what_is_no_object_in_the_end_gives_an_error() {
        let all = |text| members(text).collect::<Result<Vec<_>, _>>();
        assert_eq!(all(" { } "), Ok(vec![]));
        let text = "{ \"a\" : 1.0 ,\"é\":\"x\\\"\",\"a\":[{}] }";
        assert_eq!(
            all(text),
            Ok(vec![("a", "1.0"), ("é", "\"x\\\"\""), ("a", "[{}]")])
        );
        for text in [
            "",
            "[]",
            "1",
            "{",
            "{\"a\":1",
            "{\"a\":1}x",
            "{\"a\":1,}",
            "{,\"a\":1}",
            "{\"\\u0061\":1}",
        ] {
            assert_eq!(all(text), Err(NoMember), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_as_an_independent_parser_judges_it(
            text in "[\\[\\]{}:,\"a0-9.eE+ \\\\-]{0,24}"
        ) {
            prop_assert_eq!(value(&text), judged(&text));
        }

        #[test]
        fn strings_end_where_they_end_wherever_that_is(
            before in " {0,9}", inside in "[ -~\\t\\u{1}é\"\\\\]{0,40}"
        ) {
            let text = format!("{before}\"{inside}\"");
            prop_assert_eq!(value(&text), judged(&text));
        }

        #[test]
        fn an_object_has_the_members_that_an_independent_parser_sees(
            text in "\\{(\"[ab]{1,2}\":(1|\"x\"|\\[1,\\{\\}\\]|\\{\"c\":null\\}),?){0,4}\\}"
        ) {
            let seen = members(&text).collect::<Result<Vec<_>, _>>();
            let judged = judged(&text);
            prop_assert_eq!(seen.is_ok(), judged.is_some());
            for (name, one) in seen.unwrap_or_default() {
                prop_assert!(!name.contains('"'));
                prop_assert_eq!(value(one), Some(one));
            }
        }
    }
}
