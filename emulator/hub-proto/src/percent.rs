//! Percent-escapes, decoded, for every text of the wire that has them.
//!
//! What is no escape stands for itself, since some SDKs do not encode; `+` is a plus. A crate's iterator,
//! one byte at a time, took most of the time of topics and tokens; here most texts are found to have no
//! escape, and the others are decoded into one allocation.

use std::borrow::Cow;

/// Texts up to this length are decoded on the stack where nobody keeps them.
const SHORT_BYTES_MAX: usize = 128;

/// Decodes `text`; `None` if it is not UTF-8 afterwards.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !has_escapes(text) {
        return Some(Cow::Borrowed(text));
    }
    let decoded = String::from_utf8(decode_bytes(text)).ok()?;
    Some(Cow::Owned(decoded))
}

/// Decodes `text`; what is not UTF-8 afterwards stays as it was sent.
pub(crate) fn decode_or_keep(text: &str) -> Cow<'_, str> {
    decode(text).unwrap_or(Cow::Borrowed(text))
}

/// Decodes `text` to bytes.
pub(crate) fn decode_bytes(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    decode_each(text, |byte| decoded.push(byte));
    decoded
}

/// Shows `text` decoded, as [`decode_or_keep`] has it, without an allocation if it is not long.
pub(crate) fn with_decoded<R>(text: &str, look: impl FnOnce(&str) -> R) -> R {
    let mut short = [0; SHORT_BYTES_MAX];
    if !has_escapes(text) {
        look(text)
    } else if text.len() <= short.len() {
        let mut length = 0;
        decode_each(text, |byte| {
            short[length] = byte;
            length += 1;
        });
        look(str::from_utf8(&short[..length]).unwrap_or(text))
    } else {
        look(&decode_or_keep(text))
    }
}

fn has_escapes(text: &str) -> bool {
    text.as_bytes().contains(&b'%')
}

/// Gives at most as many bytes as `text` has.
fn decode_each(text: &str, mut put: impl FnMut(u8)) {
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = match behind {
            [high, low, ..] if byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = if let Some((high, low)) = escaped {
            put((high << 4) | low);
            &behind[2..]
        } else {
            put(byte);
            behind
        };
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_decoded_and_everything_else_stands_for_itself() {
        let cases = [
            ("", Some("")),
            ("a+b", Some("a+b")),
            ("%24.mid", Some("$.mid")),
            ("a%2fb%2Fc", Some("a/b/c")),
            ("%C3%A4", Some("ä")),
            ("%", Some("%")),
            ("%2", Some("%2")),
            ("%zz%2", Some("%zz%2")),
            ("%%41", Some("%A")),
            ("%25%34%31", Some("%41")),
            ("%FF", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
            assert_eq!(decode_or_keep(text), expected.unwrap_or(text), "{text}");
        }
    }

    proptest! {
        /// An independent decoder is the judge.
        #[test]
        fn any_text_is_decoded_as_others_decode_it(text in "[%0-9a-fA-FgÄ+]{0,24}|(%4[1-9]){100}") {
            let theirs: Vec<u8> = percent_decode_str(&text).collect();
            prop_assert_eq!(decode_bytes(&text), theirs);
            let theirs = percent_decode_str(&text).decode_utf8().ok();
            prop_assert_eq!(decode(&text), theirs.clone());
            let shown = with_decoded(&text, str::to_owned);
            prop_assert_eq!(shown, theirs.map_or(text.clone(), Into::into));
        }
    }
}
