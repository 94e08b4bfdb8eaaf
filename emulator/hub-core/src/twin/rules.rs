//! The rules for keys and scalars, as the service's documentation and live records state them.

use crate::limits::Limits;

/// The ends of the range of integers.
const INTEGER_MIN: i64 = -4_503_599_627_370_496;
const INTEGER_MAX: i64 = 4_503_599_627_370_495;

/// Which rule a key breaks, if any.
pub(crate) fn check_key(key: &str, limits: &Limits) -> Result<(), String> {
    if key.len() > limits.twin_key_bytes {
        return Err(format!(
            "key has {} bytes, at most {} are allowed",
            key.len(),
            limits.twin_key_bytes
        ));
    }
    let is_barred = |character: &char| {
        character.is_control() || matches!(character, '.' | '$' | '#') || character.is_whitespace()
    };
    match key.chars().find(is_barred) {
        None => Ok(()),
        Some(character) => Err(format!("key contains {character:?}, which is not allowed")),
    }
}

/// Which rule a string value breaks, if any.
pub(crate) fn check_string(text: &str, limits: &Limits) -> Result<(), String> {
    if text.len() > limits.twin_string_bytes {
        return Err(format!(
            "string has {} bytes, at most {} are allowed",
            text.len(),
            limits.twin_string_bytes
        ));
    }
    Ok(())
}

/// Which rule a number breaks, if any. Only integers have a range; the rest must be finite.
pub(crate) fn check_number(text: &str) -> Result<(), String> {
    if text.contains(['.', 'e', 'E']) {
        let is_finite = text.parse::<f64>().is_ok_and(f64::is_finite);
        return if is_finite {
            Ok(())
        } else {
            Err("number is out of range".to_owned())
        };
    }
    match text.parse::<i64>() {
        Ok(INTEGER_MIN..=INTEGER_MAX) => Ok(()),
        Ok(_) | Err(_) => Err(format!(
            "integer is not between {INTEGER_MIN} and {INTEGER_MAX}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_refused_for_their_characters_and_length() {
        let limits = Limits::default();
        let longest = "k".repeat(1024);
        for key in ["", "a", "é", "日本", "a-b_c/d", "a\"b", longest.as_str()] {
            assert_eq!(check_key(key, &limits), Ok(()), "{key}");
        }
        let too_long = "k".repeat(1025);
        // `é` has two bytes: the bound is on bytes.
        let too_many_bytes = "é".repeat(513);
        for key in [
            "a.b",
            "$a",
            "a$",
            "a#",
            "a b",
            "a\tb",
            "\u{7f}",
            "\u{85}",
            &too_long,
            &too_many_bytes,
        ] {
            assert!(check_key(key, &limits).is_err(), "{key}");
        }
    }

    #[test]
    fn integers_have_a_range_and_fractions_must_be_finite() {
        for text in [
            "0",
            "-0",
            "4503599627370495",
            "-4503599627370496",
            "4503599627370496.0",
            "1e300",
        ] {
            assert_eq!(check_number(text), Ok(()), "{text}");
        }
        for text in [
            "4503599627370496",
            "-4503599627370497",
            "99999999999999999999",
            "1e999",
        ] {
            assert!(check_number(text).is_err(), "{text}");
        }
    }
}
