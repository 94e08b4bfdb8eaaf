//! The hub's time: what it is, and moving it by hand where the hub was started so.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Problem, json_document};
use super::call::Call;
use super::route::{DOCUMENT_BYTES_MAX, Handler, RequestBody, ResponseBody, Route};

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "clock",
        verb: Method::GET,
        path: "/admin/clock",
        summary: "The hub's time, and whether it moves by itself",
        parameters: &[],
        request: None,
        response: CLOCK,
        handler: Handler::Always(show),
    },
    Route {
        name: "advanceClock",
        verb: Method::POST,
        path: "/admin/clock/advance",
        summary: "Moves the hub's time on; answers when all that was due by then has happened",
        parameters: &[],
        request: Some(RequestBody {
            is_required: true,
            bytes_max: DOCUMENT_BYTES_MAX,
            content_type: JSON,
            schema: advance_schema,
        }),
        response: CLOCK,
        handler: Handler::Now(advance),
    },
];

const CLOCK: ResponseBody = ResponseBody {
    content_type: JSON,
    schema: clock_schema,
};

fn clock_schema() -> Value {
    json!({
        "type": "object",
        "required": ["mode", "now", "sinceStartSeconds"],
        "properties": {
            "mode": { "enum": ["real", "virtual"] },
            "now": { "type": "string", "format": "date-time" },
            "sinceStartSeconds": { "type": "number" }
        }
    })
}

fn advance_schema() -> Value {
    json!({
        "type": "object",
        "required": ["by"],
        "additionalProperties": false,
        "properties": {
            "by": {
                "type": ["number", "string"],
                "description": "seconds, or an ISO 8601 duration such as PT1H"
            }
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    by: Value,
}

fn show(call: &Call) -> Answer {
    let now = call.hub.now();
    json_document(&json!({
        "mode": "real",
        "now": now.wall.to_string(),
        "sinceStartSeconds": now.mono.since_start().as_secs_f64(),
    }))
}

fn advance(call: &Call) -> Result<Answer, Problem> {
    let Advance { by } = call.json()?;
    let _by = read_duration(&by)?;
    Err(Problem::new(
        StatusCode::CONFLICT,
        "the hub's clock is real: it moves by itself",
    ))
}

/// Seconds as a number, or an ISO 8601 duration of weeks to seconds.
fn read_duration(value: &Value) -> Result<Duration, Problem> {
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
    use super::*;

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
            let read = read_duration(&value).ok();
            assert_eq!(read, expected_ms.map(Duration::from_millis), "{value}");
        }
    }
}
