//! Words and figures that every form of report shares: durations, counts, and text from outside made
//! safe to show. Knows no form.

use std::borrow::Cow;

use crate::judge::verdict::{Outcome, Verdict};

/// `text` without anything that a reader cannot see or that would steer a terminal, a page or a parser:
/// control characters, marks that turn the direction of writing, and what XML forbids. Each is written
/// as its code point, since what a device sent may be the point of the report. Line feeds and tabs stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// [`visible`], in one line.
pub(super) fn visible_line(text: &str) -> Cow<'_, str> {
    let text = visible(text);
    if text.contains(['\n', '\t']) {
        Cow::Owned(text.replace('\n', "\\n").replace('\t', "\\t"))
    } else {
        text
    }
}

fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        // Line and paragraph separators, directional marks, embeddings, overrides and isolates, the
        // byte-order mark, and the two code points that XML 1.0 leaves out.
        '\u{2028}'
        | '\u{2029}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}'
        | '\u{fffe}'
        | '\u{ffff}' => true,
        other => other.is_control(),
    }
}

/// `text` for XML and HTML, as content or in a quoted attribute.
pub(super) fn markup(text: &str) -> String {
    let text = visible(text);
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// As [`markup`], for an attribute: there a parser would make a line feed a space.
pub(super) fn attribute(text: &str) -> String {
    markup(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

/// `1,234,567`
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 device`, `1,000 devices`
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `0 ms`, `950 ms`, `1.20 s`, `12.3 s`, `2 min 05 s`, `26 h 03 min`
pub(super) fn duration(ms: u64) -> String {
    const MINUTE_S: u64 = 60;
    const HOUR_S: u64 = 3600;
    // Rounded where the next smaller unit is not shown, so that 59,999 ms is a minute, not "60.0 s".
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..9_995 => {
            let hundredths = (ms + 5) / 10;
            format!("{}.{:02} s", hundredths / 100, hundredths % 100)
        }
        9_995..59_950 => {
            let tenths = (ms + 50) / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        _ => {
            let seconds = ms / 1000 + u64::from(ms % 1000 >= 500);
            if seconds < HOUR_S {
                format!("{} min {:02} s", seconds / MINUTE_S, seconds % MINUTE_S)
            } else {
                let minutes = seconds / MINUTE_S;
                format!("{} h {:02} min", minutes / 60, minutes % 60)
            }
        }
    }
}

/// A moment of a time line, to the millisecond, since order is the point there: `2.511 s`.
pub(super) fn moment(ms: u64) -> String {
    const HOUR_MS: u64 = 3_600_000;
    let (hours, rest) = (ms / HOUR_MS, ms % HOUR_MS);
    if hours == 0 {
        format!("{}.{:03} s", ms / 1000, ms % 1000)
    } else {
        format!(
            "{hours} h {:02} min {:02}.{:03} s",
            rest / 60_000,
            rest / 1000 % 60,
            rest % 1000
        )
    }
}

/// As [`duration`], for a measured latency: below ten milliseconds with decimals.
pub(super) fn latency(ms: f64) -> String {
    if !ms.is_finite() {
        return "-".to_owned();
    }
    if ms < 9.995 {
        return format!("{:.2} ms", ms.max(0.0));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 9.995, and `as` saturates above"
    )]
    duration(ms.round() as u64)
}

/// A figure to be drawn or compared.
#[expect(
    clippy::cast_precision_loss,
    reason = "neither a pixel nor a gate turns on the 16th digit"
)]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

/// How an outcome is called. A run that was interrupted has the same variant as a step that was
/// skipped for it.
pub(super) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Error => "could not be judged",
        Outcome::Skipped => "skipped",
    }
}

/// How a whole run's outcome is called.
pub(super) fn run_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Skipped => "interrupted",
        other => outcome_word(other),
    }
}

/// `1,000 devices, embedded hub, virtual clock, seed 42`
pub(super) fn setting(verdict: &Verdict) -> String {
    let hub = match verdict.hub.as_str() {
        "embedded" => "embedded hub".to_owned(),
        host => format!("hub {}", visible_line(host)),
    };
    format!(
        "{}, {hub}, {} clock, seed {}",
        counted(verdict.devices, "device", "devices"),
        verdict.clock,
        verdict.seed
    )
}

/// `5 of 6 steps and 3 of 4 checks passed`
pub(super) fn tally(verdict: &Verdict) -> String {
    let passed = |outcome: Outcome| outcome == Outcome::Passed;
    let steps = verdict.steps.iter().filter(|step| passed(step.outcome));
    let checks = verdict.checks.iter().filter(|check| passed(check.outcome));
    format!(
        "{} of {} and {} of {} passed",
        steps.count(),
        counted(verdict.steps.len() as u64, "step", "steps"),
        checks.count(),
        counted(verdict.checks.len() as u64, "check", "checks"),
    )
}

/// The phases in the order a connection goes through them, then any others by name.
pub(super) fn phases_in_order(verdict: &Verdict) -> Vec<(&str, &crate::judge::verdict::Latency)> {
    const ORDER: [&str; 8] = [
        "tcp",
        "tls",
        "connect",
        "subscribe",
        "twinGet",
        "method",
        "twinAck",
        "offline",
    ];
    let place = |name: &str| {
        ORDER
            .iter()
            .position(|known| *known == name)
            .unwrap_or(ORDER.len())
    };
    let mut phases: Vec<_> = verdict
        .phases
        .iter()
        .map(|(name, latency)| (name.as_str(), latency))
        .collect();
    phases.sort_by_key(|(name, _)| place(name));
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_a_person_would_say_them() {
        let table = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.00 s"),
            (9_994, "9.99 s"),
            (9_995, "10.0 s"),
            (59_949, "59.9 s"),
            (59_950, "1 min 00 s"),
            (125_400, "2 min 05 s"),
            (3_599_499, "59 min 59 s"),
            (3_599_500, "1 h 00 min"),
            (93_780_000, "26 h 03 min"),
            (u64::MAX, "5124095576030 h 25 min"),
        ];
        for (ms, expected) in table {
            assert_eq!(duration(ms), expected, "{ms}");
        }
    }

    #[test]
    fn latencies_below_ten_milliseconds_have_decimals() {
        let table = [
            (0.0, "0.00 ms"),
            (0.417, "0.42 ms"),
            (9.99, "9.99 ms"),
            (9.999, "10 ms"),
            (1234.5, "1.24 s"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ];
        for (ms, expected) in table {
            assert_eq!(latency(ms), expected, "{ms}");
        }
    }

    #[test]
    fn moments_keep_their_milliseconds() {
        let table = [
            (0, "0.000 s"),
            (2_511, "2.511 s"),
            (3_599_999, "3599.999 s"),
            (93_784_005, "26 h 03 min 04.005 s"),
        ];
        for (ms, expected) in table {
            assert_eq!(moment(ms), expected, "{ms}");
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn what_would_steer_a_terminal_is_written_out() {
        assert_eq!(visible("plain ü 泵\n\t"), "plain ü 泵\n\t");
        assert_eq!(visible("\u{1b}[31m"), "\\u{1b}[31m");
        assert_eq!(
            visible("a\u{202e}b\u{9b}c\r\0"),
            "a\\u{202e}b\\u{9b}c\\u{d}\\u{0}"
        );
        assert_eq!(visible_line("a\nb\tc"), "a\\nb\\tc");
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(
            markup("<a href='x'>&\"\u{0}"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\u{0}"
        );
        assert_eq!(attribute("a\nb"), "a&#10;b");
    }
}
