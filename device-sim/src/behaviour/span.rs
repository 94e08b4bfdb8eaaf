//! Durations of behaviours: fixed, or drawn each time they are needed.

use std::time::Duration;

use serde_json::Value;

use super::error::shown;
use crate::random::Random;

/// A duration, or how one is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// `5s`
    Fixed(Duration),
    /// `{between: [1s, 3s]}`: every millisecond is as likely.
    Between(Duration, Duration),
    /// `{normal: [5s, 1s]}`: mean and standard deviation, cut off at three of them and at 0.
    Normal(Duration, Duration),
    /// `{exponential: 5s}`: its mean, cut off at ten of them.
    Exponential(Duration),
}

impl Span {
    /// Reads one; the error says what is wrong.
    pub(crate) fn from_json(value: &Value) -> Result<Self, String> {
        if let Value::String(text) = value {
            return Ok(Self::Fixed(parse_duration(text)?));
        }
        let wrong = || format!("{value} is no duration");
        let entries = value.as_object().filter(|entries| entries.len() == 1);
        let (form, of) = entries
            .and_then(|entries| entries.iter().next())
            .ok_or_else(wrong)?;
        let one = |value: &Value| parse_duration(value.as_str().ok_or_else(wrong)?);
        let two = || match of.as_array().map(Vec::as_slice) {
            Some([first, second]) => Ok((one(first)?, one(second)?)),
            _ => Err(wrong()),
        };
        match form.as_str() {
            "between" => {
                let (least, most) = two()?;
                if least > most {
                    return Err(format!("{value} ends before it begins"));
                }
                Ok(Self::Between(least, most))
            }
            "normal" => two().map(|(mean, deviation)| Self::Normal(mean, deviation)),
            "exponential" => Ok(Self::Exponential(one(of)?)),
            _ => Err(wrong()),
        }
    }

    /// Draws one, in whole milliseconds.
    pub(crate) fn draw(self, random: &mut Random) -> Duration {
        match self {
            Self::Fixed(duration) => duration,
            Self::Between(least, most) => random.duration_between(least, most),
            Self::Normal(mean, deviation) => {
                // The sum of twelve uniform numbers has variance 1; no logarithm, so that every
                // machine draws the same.
                let sum: f64 = (0..12).map(|_| unit(random)).sum();
                let offset = (sum - 6.0).clamp(-3.0, 3.0);
                seconds(mean.as_secs_f64() + offset * deviation.as_secs_f64())
            }
            Self::Exponential(mean) => {
                let times = -(1.0 - unit(random)).ln();
                seconds(mean.as_secs_f64() * times.min(10.0))
            }
        }
    }
}

/// A number from 0 up to, but without, 1.
pub(crate) fn unit(random: &mut Random) -> f64 {
    // 32 bits are exact in a double and finer than any share or millisecond here.
    let high = u32::try_from(random.next_u64() >> 32).expect("32 bits are left");
    f64::from(high) / 4_294_967_296.0
}

fn seconds(seconds: f64) -> Duration {
    let exact = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(SPAN_MAX);
    Duration::from_millis(u64::try_from(exact.as_millis()).unwrap_or(u64::MAX))
}

/// `800ms`, `1.5s`, `2m`, `1h`, `1d`; a year at most.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{:?} is no duration", shown(text));
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(wrong)?;
    let unit_s = match &text[digits..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(wrong()),
    };
    let number: f64 = text[..digits].parse().map_err(|_| wrong())?;
    let in_s = number * unit_s;
    if in_s > SPAN_MAX.as_secs_f64() {
        return Err(format!("{:?} is longer than a year", shown(text)));
    }
    // To the microsecond, which takes the rounding of the multiplication away.
    Ok(Duration::from_secs_f64((in_s * 1e6).round() / 1e6))
}

/// How a duration is written, for messages.
pub(super) const SPAN_HELP: &str = "a duration is 800ms, 5s, 2m, 1h or 1d, or {between: [1s, 3s]}, \
                                    {normal: [5s, 1s]} or {exponential: 5s}";
const SPAN_MAX: Duration = Duration::from_hours(24 * 366);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_read_in_all_their_forms() {
        let ms = Duration::from_millis;
        let cases = [
            (json!("800ms"), Some(Span::Fixed(ms(800)))),
            (json!("1.5s"), Some(Span::Fixed(ms(1500)))),
            (json!("2m"), Some(Span::Fixed(ms(120_000)))),
            (json!("1h"), Some(Span::Fixed(ms(3_600_000)))),
            (json!("1d"), Some(Span::Fixed(ms(86_400_000)))),
            (
                json!({"between": ["1s", "3s"]}),
                Some(Span::Between(ms(1000), ms(3000))),
            ),
            (
                json!({"normal": ["5s", "1s"]}),
                Some(Span::Normal(ms(5000), ms(1000))),
            ),
            (
                json!({"exponential": "5s"}),
                Some(Span::Exponential(ms(5000))),
            ),
            (json!("5"), None),
            (json!(5), None),
            (json!("s"), None),
            (json!("1.2.3s"), None),
            (json!("367d"), None),
            (json!({"between": ["3s", "1s"]}), None),
            (json!({"between": ["3s"]}), None),
            (json!({"about": "3s"}), None),
        ];
        for (value, expected) in cases {
            assert_eq!(Span::from_json(&value).ok(), expected, "{value}");
        }
    }

    #[test]
    fn drawn_durations_keep_their_mean_and_stay_within_their_clip() {
        let s = Duration::from_secs;
        let cases = [
            (Span::Between(s(4), s(6)), s(4), s(6)),
            (Span::Normal(s(5), s(1)), s(2), s(8)),
            (Span::Exponential(s(5)), s(0), s(50)),
        ];
        for (span, least, most) in cases {
            let mut random = Random::seeded(1);
            let drawn: Vec<_> = (0..4000).map(|_| span.draw(&mut random)).collect();
            assert!(drawn.iter().all(|d| (least..=most).contains(d)), "{span:?}");
            let mean = drawn.iter().sum::<Duration>() / 4000;
            let far = s(5).abs_diff(mean);
            assert!(far < s(1) / 3, "{span:?}: {mean:?}");
        }
    }
}
