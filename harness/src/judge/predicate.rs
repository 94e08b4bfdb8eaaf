//! Whether a value is as a predicate says.

use std::borrow::Cow;

use serde_json::Value;

use crate::scenario::ast::Predicate;

/// Whether the value of a path, if there is one, is as the predicate says.
///
/// A twin holds no nulls (null removes), so to equal null is to be absent. What is absent differs
/// from every value.
pub(super) fn holds(predicate: &Predicate, found: Option<&Value>) -> bool {
    match predicate {
        Predicate::Equals(value) => same(found.unwrap_or(&Value::Null), value),
        Predicate::Differs(value) => !same(found.unwrap_or(&Value::Null), value),
        Predicate::Exists(exists) => found.is_some() == *exists,
        Predicate::AtLeast(least) => number(found).is_some_and(|number| number >= *least),
        Predicate::AtMost(most) => number(found).is_some_and(|number| number <= *most),
        Predicate::Contains(part) => match found {
            Some(Value::String(text)) => text.contains(part.as_str()),
            Some(Value::Array(items)) => items.iter().any(|item| item.as_str() == Some(part)),
            _ => false,
        },
        Predicate::Matches(glob) => match found {
            Some(Value::String(text)) => glob_matches(glob, text),
            _ => false,
        },
    }
}

/// Whether a message's body is as the predicate says: its text, or, compared with anything but text,
/// the JSON it holds.
pub(crate) fn holds_for_body(predicate: &Predicate, body: &str) -> bool {
    let text = || Value::String(body.to_owned());
    let value = match predicate {
        Predicate::Equals(Value::String(_))
        | Predicate::Differs(Value::String(_))
        | Predicate::Exists(_)
        | Predicate::Contains(_)
        | Predicate::Matches(_) => text(),
        Predicate::Equals(_)
        | Predicate::Differs(_)
        | Predicate::AtLeast(_)
        | Predicate::AtMost(_) => serde_json::from_str(body).unwrap_or_else(|_| text()),
    };
    holds(predicate, Some(&value))
}

fn number(found: Option<&Value>) -> Option<f64> {
    found.and_then(Value::as_f64)
}

/// Equal as JSON values: `1` and `1.0` are the same number.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || (is_float(one, other) && one.as_f64() == other.as_f64())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        (one, other) => one == other,
    }
}

/// Large integers lose digits as floats, so only a float on either side makes the pair floats.
fn is_float(one: &serde_json::Number, other: &serde_json::Number) -> bool {
    one.is_f64() || other.is_f64()
}

/// `*` is any text, `?` any one character. Takes time in the product of the lengths at most.
fn glob_matches(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut g, mut t) = (0, 0);
    // Where the last `*` stood and how much of the text it swallows for now.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if glob.get(g) == Some(&'*') {
            star = Some((g, t));
            g += 1;
        } else if glob.get(g).is_some_and(|c| *c == '?' || *c == text[t]) {
            (g, t) = (g + 1, t + 1);
        } else if let Some((at, swallowed)) = star {
            star = Some((at, swallowed + 1));
            (g, t) = (at + 1, swallowed + 1);
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

/// What a predicate expects, in words that stand alone.
pub(super) fn expectation(predicate: &Predicate) -> Cow<'static, str> {
    match predicate {
        Predicate::Equals(Value::Null) | Predicate::Exists(false) => "absent".into(),
        Predicate::Equals(value) => value.to_string().into(),
        Predicate::Differs(Value::Null) | Predicate::Exists(true) => "anything".into(),
        Predicate::Differs(value) => format!("anything but {value}").into(),
        Predicate::AtLeast(least) => format!("at least {least}").into(),
        Predicate::AtMost(most) => format!("at most {most}").into(),
        Predicate::Contains(part) => format!("contains {part:?}").into(),
        Predicate::Matches(glob) => format!("matches {glob:?}").into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn predicates_compare_as_their_words_say() {
        let cases = [
            (Predicate::Equals(json!(1)), Some(json!(1.0)), true),
            (
                Predicate::Equals(json!({"a": [1]})),
                Some(json!({"a": [1.0]})),
                true,
            ),
            (Predicate::Equals(json!("1")), Some(json!(1)), false),
            (
                Predicate::Equals(json!(9_007_199_254_740_993_u64)),
                Some(json!(9_007_199_254_740_992_u64)),
                false,
            ),
            (Predicate::Equals(json!("x")), None, false),
            (Predicate::Equals(Value::Null), None, true),
            (Predicate::Differs(json!("x")), None, true),
            (Predicate::Differs(json!("x")), Some(json!("x")), false),
            (Predicate::Exists(true), Some(json!(false)), true),
            (Predicate::Exists(false), None, true),
            (Predicate::AtLeast(3.0), Some(json!(3)), true),
            (Predicate::AtLeast(3.0), Some(json!("3")), false),
            (Predicate::AtMost(3.0), Some(json!(3.01)), false),
            (Predicate::AtMost(3.0), None, false),
            (Predicate::Contains("oo".into()), Some(json!("boot")), true),
            (
                Predicate::Contains("a".into()),
                Some(json!(["a", "b"])),
                true,
            ),
            (
                Predicate::Contains("ab".into()),
                Some(json!(["abc"])),
                false,
            ),
            (Predicate::Matches("1.*".into()), Some(json!("1.2.3")), true),
            (
                Predicate::Matches("v?.*b".into()),
                Some(json!("v1.ab-b")),
                true,
            ),
            (Predicate::Matches("v?".into()), Some(json!("v")), false),
            (Predicate::Matches("*".into()), Some(json!("")), true),
            (Predicate::Matches("*".into()), None, false),
        ];
        for (predicate, found, expected) in cases {
            assert_eq!(
                holds(&predicate, found.as_ref()),
                expected,
                "{predicate:?} of {found:?}"
            );
        }
    }

    #[test]
    fn a_body_is_text_or_the_json_it_holds() {
        let cases = [
            (Predicate::Equals(json!("21.5")), "21.5", true),
            (
                Predicate::Equals(json!({"t": 21.5})),
                "{\"t\": 21.50}",
                true,
            ),
            (Predicate::AtLeast(21.0), "21.5", true),
            (Predicate::AtLeast(21.0), "hot", false),
            (Predicate::Contains("ot".into()), "hot", true),
        ];
        for (predicate, body, expected) in cases {
            assert_eq!(
                holds_for_body(&predicate, body),
                expected,
                "{predicate:?} of {body}"
            );
        }
    }
}
