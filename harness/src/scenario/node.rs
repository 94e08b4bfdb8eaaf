//! A YAML document as a tree in which everything has its place. It knows no scenario.

use serde_json::{Map, Number, Value};

use super::span::{Span, Spanned};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// Text; if it is not quoted it may stand for nothing, a truth value or a number.
    Scalar { text: String, quoted: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file, without doubles.
    Mapping(Vec<Entry>),
}

/// A key and its value.
pub(super) type Entry = (Spanned<String>, Node);

impl Node {
    /// Whether nothing is given: an empty value, `null` or `~`.
    pub(super) fn is_null(&self) -> bool {
        match &self.content {
            Content::Scalar { text, quoted } => {
                !quoted && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Content::List(_) | Content::Mapping(_) => false,
        }
    }

    /// The text, if it is text, a number or a truth value.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// As a message shows it.
    pub(super) fn found(&self) -> String {
        match &self.content {
            Content::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            // The quotes matter where they make text of what looks like something else.
            Content::Scalar { text, quoted: true }
                if !matches!(plain(text), Ok(Value::String(_))) =>
            {
                quote(&format!("\"{text}\""))
            }
            Content::Scalar { text, .. } => quote(text),
            Content::List(_) => "a list".to_owned(),
            Content::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// As JSON; an error names the number that JSON has no form for.
    pub(super) fn to_json(&self) -> Result<Value, (Span, String)> {
        match &self.content {
            Content::Scalar { text, quoted: true } => Ok(Value::String(text.clone())),
            Content::Scalar { .. } if self.is_null() => Ok(Value::Null),
            Content::Scalar { text, .. } => plain(text).map_err(|text| (self.span, text)),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Mapping(entries) => entries
                .iter()
                .map(|(key, node)| Ok((key.value.clone(), node.to_json()?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
        }
    }
}

/// `text` between back ticks, shortened, without what could steer a terminal.
pub(super) fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{}`", shown.replace(char::is_control, " "))
}

/// What an unquoted scalar stands for in the core schema of YAML 1.2 (10.3.2).
fn plain(text: &str) -> Result<Value, String> {
    match text {
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let unsigned = text.trim_start_matches(['+', '-']);
    if text.len() - unsigned.len() > 1 {
        return Ok(Value::String(text.to_owned()));
    }
    if matches!(
        unsigned,
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) {
        return Err(format!("{} is no number of JSON", quote(text)));
    }
    let radix = |prefix, radix| {
        let digits = text.strip_prefix(prefix)?;
        let digits = Some(digits).filter(|digits| !digits.starts_with(['+', '-']))?;
        u64::from_str_radix(digits, radix).ok()
    };
    if let Some(number) = radix("0o", 8).or_else(|| radix("0x", 16)) {
        return Ok(Value::from(number));
    }
    if !is_number(unsigned) {
        return Ok(Value::String(text.to_owned()));
    }
    if let Ok(number) = text.parse::<u64>() {
        return Ok(Value::from(number));
    }
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Value::from(number));
    }
    text.parse()
        .ok()
        .and_then(Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| format!("{} is too large for a number", quote(text)))
}

/// `[0-9]+`, or `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_number(unsigned: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = unsigned
        .split_once(['e', 'E'])
        .map_or((unsigned, None), |(mantissa, exponent)| {
            (mantissa, Some(exponent))
        });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_is_one = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent_is_one
}

/// Characters of a value that a message shows.
const SHOWN_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unquoted_scalars_have_the_types_of_the_core_schema() {
        for (text, expected) in [
            ("true", json!(true)),
            ("FALSE", json!(false)),
            ("yes", json!("yes")),
            ("12", json!(12)),
            ("-12", json!(-12)),
            ("+12", json!(12)),
            ("012", json!(12)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0x+1", json!("0x+1")),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("5.", json!(5.0)),
            ("1e3", json!(1000.0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("1.2.3", json!("1.2.3")),
            ("--1", json!("--1")),
            ("e5", json!("e5")),
            ("1e", json!("1e")),
            ("-", json!("-")),
            (".", json!(".")),
            ("10s", json!("10s")),
        ] {
            assert_eq!(plain(text), Ok(expected), "{text}");
        }
        for text in [".inf", "-.inf", ".NaN", "1e999"] {
            assert!(plain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_quoted_scalar_is_text() {
        let node = Node {
            span: Span::default(),
            content: Content::Scalar {
                text: "null".to_owned(),
                quoted: true,
            },
        };
        assert!(!node.is_null());
        assert_eq!(node.to_json(), Ok(json!("null")));
    }
}
