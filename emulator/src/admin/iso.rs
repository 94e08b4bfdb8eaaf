//! Spans of time and instants as people and programs write them.

use std::time::Duration;

use hub_proto::time::Timestamp;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::answer::Problem;

/// An instant as RFC 3339 has it.
pub(super) fn timestamp(text: &str) -> Result<Timestamp, Problem> {
    let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        Problem::bad_request(format!("{text:?} is not a time"))
            .with_remedy("give it as 2026-11-22T10:00:00Z")
    })?;
    Ok(Timestamp::from_unix_seconds(at.unix_timestamp())
        .saturating_add(Duration::from_nanos(at.nanosecond().into())))
}

/// Seconds as a number, or an ISO 8601 duration of weeks to seconds.
pub(super) fn duration(value: &Value) -> Result<Duration, Problem> {
    let read = match value {
        Value::Number(seconds) => seconds
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        Value::String(text) => iso_duration(text),
        _ => None,
    };
    read.ok_or_else(|| {
        Problem::bad_request(format!("{value} is not a span of time"))
            .with_remedy("give seconds as a number, or an ISO 8601 duration such as \"PT1H30M\"")
    })
}

/// `P1DT2H3M4.5S`, `P2W`; no years and months, whose length depends on the calendar.
fn iso_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('P')?;
    let (mut total, mut in_time, mut parts) = (Duration::ZERO, false, 0);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T') {
            if in_time || time.is_empty() {
                return None;
            }
            (rest, in_time) = (time, true);
            continue;
        }
        let end = rest.find(|sign: char| !(sign.is_ascii_digit() || sign == '.'))?;
        let unit_s = match (in_time, rest.as_bytes()[end]) {
            (false, b'W') => 604_800.0,
            (false, b'D') => 86_400.0,
            (true, b'H') => 3_600.0,
            (true, b'M') => 60.0,
            (true, b'S') => 1.0,
            _ => return None,
        };
        let count: f64 = rest[..end].parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(count * unit_s).ok()?)?;
        rest = &rest[end + 1..];
        parts += 1;
    }
    (parts > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn instants_are_read_to_the_tick_they_are_printed_with() {
        for text in [
            "2026-11-22T10:00:00.1234567Z",
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.5000000Z",
        ] {
            assert_eq!(timestamp(text).unwrap().to_string(), text);
        }
        let offset = timestamp("2026-11-22T12:00:00+02:00").unwrap();
        assert_eq!(offset.to_string(), "2026-11-22T10:00:00.0000000Z");
        assert!(timestamp("tomorrow").is_err());
    }

    #[test]
    fn durations_are_seconds_or_iso_8601() {
        let cases = [
            (json!(1.5), Some(1_500)),
            (json!(0), Some(0)),
            (json!("PT1H"), Some(3_600_000)),
            (json!("P1DT2H3M4.5S"), Some(93_784_500)),
            (json!("P2W"), Some(1_209_600_000)),
            (json!(-1), None),
            (json!(1e300), None),
            (json!("P"), None),
            (json!("PT"), None),
            (json!("P1M"), None),
            (json!("PT1"), None),
            (json!("1h"), None),
            (json!("PTé"), None),
            (json!(null), None),
        ];
        for (value, expected_ms) in cases {
            let read = duration(&value).ok();
            assert_eq!(read, expected_ms.map(Duration::from_millis), "{value}");
        }
    }
}
