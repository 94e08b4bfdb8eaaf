//! Single values: durations, rates, shares, numbers, words. Each is bounded here, so that nothing
//! behind it meets one that cannot be.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;
use yaml_tree::NotJson;

use super::fields::{Mistakes, word};
use super::keys::Word;
use super::node::{Node, found, quote};
use super::span::Spanned;

impl Mistakes {
    /// Text, a number or a truth value as text.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        let Some(text) = node.scalar() else {
            self.add(
                node.place,
                format!("{what} is text, but {} is given", found(node)),
            );
            return None;
        };
        if text.is_empty() {
            self.add(node.place, format!("{what} is empty"));
            return None;
        }
        Some(Spanned {
            value: text.to_owned(),
            span: node.place,
        })
    }

    pub(super) fn json(&mut self, node: &Node) -> Option<Value> {
        node.to_json()
            .map_err(|NotJson { place, text }| {
                self.add(place, format!("{} is no number of JSON", quote(&text)));
            })
            .ok()
    }

    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Ok(Value::Bool(value)) = node.to_json() {
            return Some(value);
        }
        let message = format!("{what} is `true` or `false`, but {} is given", found(node));
        self.add(node.place, message);
        None
    }

    /// A whole number within `range`.
    pub(super) fn whole<N>(
        &mut self,
        node: &Node,
        what: &str,
        range: RangeInclusive<N>,
    ) -> Option<N>
    where
        N: Copy + PartialOrd + std::fmt::Display + TryFrom<i128>,
    {
        let given = match node.to_json() {
            Ok(Value::Number(number)) => number.as_i128(),
            _ => None,
        };
        let value = given
            .and_then(|number| N::try_from(number).ok())
            .filter(|number| range.contains(number));
        if value.is_none() {
            let (least, most) = (range.start(), range.end());
            let found = found(node);
            let message =
                format!("{what} is a whole number from {least} to {most}, but {found} is given");
            self.add(node.place, message);
        }
        value
    }

    /// Any number.
    pub(super) fn number(&mut self, node: &Node, what: &str) -> Option<f64> {
        let value = match node.to_json() {
            Ok(Value::Number(number)) => number.as_f64(),
            _ => None,
        };
        if value.is_none() {
            let message = format!("{what} is a number, but {} is given", found(node));
            self.add(node.place, message);
        }
        value
    }

    /// A duration; `0s` too.
    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        match node.scalar().map(duration) {
            Some(Ok(duration)) => Some(duration),
            Some(Err(problem)) => {
                let found = found(node);
                let message = format!("{what} is a duration, but {found} {problem}");
                self.add_with_help(node.place, message, DURATION_HELP);
                None
            }
            None => {
                let message = format!("{what} is a duration, but {} is given", found(node));
                self.add_with_help(node.place, message, DURATION_HELP);
                None
            }
        }
    }

    /// A duration longer than none.
    pub(super) fn some_time(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let duration = self.duration(node, what)?;
        if duration.is_zero() {
            let message = format!(
                "{what} is longer than no time, but {} is given",
                found(node)
            );
            self.add(node.place, message);
            return None;
        }
        Some(duration)
    }

    /// `200/s`
    pub(super) fn rate(&mut self, node: &Node, what: &str) -> Option<f64> {
        let rate = node.scalar().and_then(rate);
        if rate.is_none() {
            let found = found(node);
            let message = format!("{what} is a rate up to {RATE_MAX}/s, but {found} is given");
            self.add_with_help(node.place, message, "write it as `200/s`");
        }
        rate
    }

    /// `10%`, as a number up to 1.
    pub(super) fn share(&mut self, node: &Node, what: &str) -> Option<f64> {
        let share = node.scalar().and_then(share);
        if share.is_none() {
            let message = format!(
                "{what} is a share above 0% and up to 100%, but {} is given",
                found(node)
            );
            self.add_with_help(node.place, message, "write it as `10%`");
        }
        share
    }

    /// A word of `table`.
    pub(super) fn word<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        table: &[Word<T>],
    ) -> Option<T> {
        let text = self.text(node, what)?;
        let meaning = word(table, &text.value);
        if meaning.is_none() {
            let message = format!("{} is no {what}", found(node));
            let known = table.iter().map(|(word, _)| *word);
            self.unknown(node.place, message, &text.value, known, "there are");
        }
        meaning
    }
}

/// `500ms`, `5s`, `2m`, `1.5h`, `1d`
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .len();
    let (figure, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        "" if !figure.is_empty() => return Err("has no unit".to_owned()),
        _ => return Err("is none".to_owned()),
    };
    let (whole, fraction) = figure.split_once('.').unwrap_or((figure, "0"));
    let whole: u64 = whole.parse().map_err(|_| "is none".to_owned())?;
    let fraction = fraction.get(..FRACTION_DIGITS_MAX).unwrap_or(fraction);
    let numerator: u64 = fraction.parse().map_err(|_| "is none".to_owned())?;
    let denominator = 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let nanos = |ms: u64| u128::from(ms) * 1_000_000;
    let total = u128::from(whole) * nanos(unit_ms)
        + u128::from(numerator) * nanos(unit_ms) / u128::from(denominator);
    if total > DURATION_MAX.as_nanos() {
        return Err("is longer than 365 days".to_owned());
    }
    u64::try_from(total)
        .map(Duration::from_nanos)
        .map_err(|_| "is too long".to_owned())
}

/// `200/s`, above nothing.
pub(crate) fn rate(text: &str) -> Option<f64> {
    let figure = figure(text.strip_suffix("/s")?)?;
    (figure > 0.0 && figure <= RATE_MAX).then_some(figure)
}

/// `10%`, above nothing, as a number up to 1.
fn share(text: &str) -> Option<f64> {
    let figure = figure(text.strip_suffix('%')?)?;
    (figure > 0.0 && figure <= 100.0).then_some(figure / 100.0)
}

/// Digits with at most one point; nothing else that `f64` reads.
fn figure(text: &str) -> Option<f64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        .then(|| text.parse().ok())?
}

const DURATION_HELP: &str = "write a number and a unit: `500ms`, `5s`, `2m`, `1h`, `1d`";
const DURATION_MAX: Duration = Duration::from_hours(365 * 24);
const FRACTION_DIGITS_MAX: usize = 9;
/// Of anything, in a second.
const RATE_MAX: f64 = 1_000_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("500ms", 500),
            ("5s", 5000),
            ("1.5s", 1500),
            ("0.25s", 250),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("365d", 31_536_000_000),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "5",
            "5 s",
            "5sec",
            "-5s",
            ".5s",
            "5.s",
            "1.2.3s",
            "366d",
            "1e3s",
            "∞s",
            "99999999999999999999d",
            "5M",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_and_shares_have_their_bounds() {
        assert_eq!(rate("200/s"), Some(200.0));
        assert_eq!(rate("0.5/s"), Some(0.5));
        for text in ["0/s", "200", "200/m", "inf/s", "-1/s", "1000001/s", "/s"] {
            assert_eq!(rate(text), None, "{text}");
        }
        assert_eq!(share("10%"), Some(0.1));
        assert_eq!(share("100%"), Some(1.0));
        for text in ["0%", "101%", "0.1", "%", "nan%", "-1%", "1e1%"] {
            assert_eq!(share(text), None, "{text}");
        }
    }
}
