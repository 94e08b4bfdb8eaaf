//! Did the hub see it? Judges the event log at once, or waits until it holds, or until twins are as a
//! condition says. What does not hold is no success: 417, with the nearest miss in words.

use std::fmt::Write as _;
use std::time::Duration;

use hub_core::query::{Condition, ConditionKind};
use hub_proto::ids::DeviceId;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{Answer, JSON, PROBLEM, Problem, json_document, whole};
use super::call::Call;
use super::event_json;
use super::iso;
use super::matcher::{self, Matcher, check_keys, wrong};
use super::route::{Handler, RequestBody, ResponseBody, Route};
use super::watch::{Count, Watch};

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "verify",
        verb: Method::POST,
        path: "/admin/verify",
        summary: "Whether the hub saw events as described; 417 with the nearest miss if not",
        parameters: &[],
        request: Some(RequestBody::json(verify_schema)),
        response: FOUND,
        handler: Handler::Later(|call| Box::pin(verify(call))),
    },
    Route {
        name: "wait",
        verb: Method::POST,
        path: "/admin/wait",
        summary: "Waits until the hub saw events, or twins are, as described; 417 after the timeout",
        parameters: &[],
        request: Some(RequestBody::json(wait_schema)),
        response: FOUND,
        handler: Handler::Later(|call| Box::pin(wait(call))),
    },
];

const FOUND: ResponseBody = ResponseBody {
    content_type: JSON,
    schema: || {
        json!({
            "type": "object",
            "required": ["matched", "count", "expected", "newestEvent"],
            "properties": {
                "matched": { "const": true },
                "count": { "type": "integer" },
                "expected": { "type": "string" },
                "events": { "type": "array", "items": { "type": "object" },
                    "description": "the first of those found" },
                "devices": { "type": "array", "items": { "type": "string" } },
                "newestEvent": { "type": "integer", "description": "give it as since next time" }
            }
        })
    },
};

fn verify_schema() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": ["string", "array"], "items": text });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "type": texts, "device": text, "devicePattern": text, "module": text, "method": text,
            "properties": { "type": "object", "additionalProperties": text },
            "where": { "type": ["string", "object", "array"],
                "description": "PATH=VALUE, PATH~PATTERN, PATH, !PATH, or {path, equals|matches|exists}" },
            "since": { "type": "integer", "description": "default: the last reset" },
            "count": count_schema()
        }
    })
}

fn wait_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "event": verify_schema(),
            "twins": { "type": "string", "description": "what stands behind WHERE, over devices" },
            "count": count_schema(),
            "timeout": { "type": ["number", "string"],
                "description": "of the machine's time: seconds, or an ISO 8601 duration; default 10, at most 100" }
        }
    })
}

fn count_schema() -> Value {
    let number = json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "description": "one of these; default: at least 1",
        "additionalProperties": false,
        "properties": { "atLeast": number, "atMost": number, "exactly": number }
    })
}

async fn verify(call: Call) -> Result<Answer, Problem> {
    let body = object(&call.json()?)?;
    let (mut watch, count) = read_watch(&call, &body)?;
    watch.catch_up(call.hub.event_log()).await;
    judge(&call, &watch, count, None).await
}

async fn wait(call: Call) -> Result<Answer, Problem> {
    let body = object(&call.json()?)?;
    check_keys(&body, &["event", "twins", "count", "timeout"])?;
    let timeout = match body.get("timeout") {
        None => TIMEOUT,
        Some(timeout) => iso::duration(timeout)?,
    };
    if timeout > TIMEOUT_MAX {
        let detail = format!("a wait takes at most {TIMEOUT_MAX:?}, not {timeout:?}");
        return Err(Problem::bad_request(detail).with_remedy("wait again"));
    }
    match (body.get("event"), body.get("twins")) {
        (Some(event), None) if !body.contains_key("count") => {
            wait_for_events(&call, &object(event)?, timeout).await
        }
        (None, Some(Value::String(condition))) => {
            wait_for_twins(&call, condition, read_count(&body)?, timeout).await
        }
        _ => Err(Problem::bad_request(
            "a wait is either for an event, with its count inside, or for twins, a text",
        )
        .with_remedy("see docs/ADMIN.md, Verify and wait")),
    }
}

async fn wait_for_events(
    call: &Call,
    event: &Map<String, Value>,
    timeout: Duration,
) -> Result<Answer, Problem> {
    let (mut watch, count) = read_watch(call, event)?;
    let (log, mut stop) = (call.hub.event_log(), call.context.connection.stop.clone());
    let waiting = async {
        loop {
            watch.catch_up(log).await;
            if count.holds(watch.count) || log.is_closed() {
                return;
            }
            log.appended_after(watch.looked_until).await;
        }
    };
    // The caller's patience is real time, whatever the hub's clock does.
    tokio::select! {
        _ = tokio::time::timeout(timeout, waiting) => {}
        () = stop.stopped() => {}
    }
    judge(call, &watch, count, Some(timeout)).await
}

async fn wait_for_twins(
    call: &Call,
    condition: &str,
    count: Count,
    timeout: Duration,
) -> Result<Answer, Problem> {
    let condition = Condition::parse(condition, ConditionKind::Job).map_err(|error| {
        Problem::bad_request(format!("not a condition: {error}"))
            .with_remedy("give what stands behind WHERE, as in tags.site = 'a'")
    })?;
    let (log, mut stop) = (call.hub.event_log(), call.context.connection.stop.clone());
    let mut devices = Vec::new();
    let waiting = async {
        loop {
            let newest = log.newest();
            devices = call.hub.devices_where(&condition).await;
            if count.holds(devices.len() as u64) || log.is_closed() {
                return;
            }
            // Nearly all that a condition reads changes with an event; what does not is found a little
            // later. Many events are worth one look.
            let _ = tokio::time::timeout(LOOK_EVERY, log.appended_after(newest)).await;
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(timeout, waiting) => {}
        () = stop.stopped() => {}
    }
    let found = devices.len() as u64;
    devices.truncate(DEVICES_SHOWN);
    let mut body = json!({
        "matched": count.holds(found),
        "count": found,
        "expected": count.words(),
        "devices": devices.iter().map(DeviceId::as_str).collect::<Vec<_>>(),
        "newestEvent": log.newest(),
    });
    if count.holds(found) {
        return Ok(json_document(&body));
    }
    let expected = count.words();
    let detail = format!("after {timeout:?} there are {found} such devices, expected {expected}");
    Ok(not_met(&mut body, &detail))
}

/// The answer, as the count is now.
async fn judge(
    call: &Call,
    watch: &Watch,
    count: Count,
    waited: Option<Duration>,
) -> Result<Answer, Problem> {
    let log = call.hub.event_log();
    if watch.missed > 0 && !count.is_settled(watch.count) {
        let detail = format!(
            "{} events after {} fell out of the log before they could be judged",
            watch.missed, watch.since
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail)
            .with_remedy("give since: the newestEvent of an earlier answer"));
    }
    let holds = count.holds(watch.count);
    let mut body = json!({
        "matched": holds,
        "count": watch.count,
        "expected": count.words(),
        "events": shown(watch),
        "newestEvent": log.newest(),
    });
    if holds {
        return Ok(json_document(&body));
    }
    let mut detail = format!("expected {}", count.words());
    if let Some(waited) = waited {
        write!(detail, " within {waited:?}").expect(FITS);
    }
    write!(detail, ", found {}", watch.count).expect(FITS);
    let is_too_few = !count.is_settled(watch.count);
    if is_too_few && let Some(miss) = watch.nearest(log).await {
        let differences = miss.differences.join("; ");
        write!(detail, "; the nearest is event {}: {differences}", miss.seq).expect(FITS);
        body["nearest"] = json!({
            "event": event_json::value(miss.seq, &miss.event),
            "differences": miss.differences,
        });
    } else if is_too_few && watch.count == 0 {
        write!(detail, "; there is no event after {}", watch.since).expect(FITS);
    }
    Ok(not_met(&mut body, &detail))
}

fn shown(watch: &Watch) -> Vec<Value> {
    let mut bytes = 0;
    let lines = watch.found.iter().map(|(seq, event)| {
        let mut line = Vec::new();
        event_json::write_event(&mut line, *seq, event);
        line
    });
    let lines = lines.take_while(|line| {
        bytes += line.len();
        bytes <= SHOWN_BYTES_MAX
    });
    lines
        .map(|line| serde_json::from_slice(&line).expect("an event is always JSON"))
        .collect()
}

/// A problem (RFC 9457) with members of its own.
fn not_met(body: &mut Value, detail: &str) -> Answer {
    let status = StatusCode::EXPECTATION_FAILED;
    body["type"] = "about:blank".into();
    body["title"] = status.canonical_reason().into();
    body["status"] = status.as_u16().into();
    body["detail"] = detail.into();
    body["remedy"] = "hubnerite events shows what there was".into();
    whole(status, PROBLEM, body.to_string())
}

fn read_watch(call: &Call, body: &Map<String, Value>) -> Result<(Watch, Count), Problem> {
    let mut known = matcher::KEYS.to_vec();
    known.extend(["since", "count"]);
    check_keys(body, &known)?;
    let since = match body.get("since") {
        None => call.hub.reset_at(),
        Some(since) => since
            .as_u64()
            .ok_or_else(|| wrong("since", "the number of an event"))?,
    };
    let newest = call.hub.event_log().newest();
    if since > newest {
        let detail = format!("since is {since}, and the newest event has the number {newest}");
        return Err(Problem::bad_request(detail).with_remedy("numbers are those of this hub alone"));
    }
    let watch = Watch::new(call.hub.event_log(), Matcher::read(body)?, since);
    Ok((watch, read_count(body)?))
}

fn read_count(body: &Map<String, Value>) -> Result<Count, Problem> {
    let Some(count) = body.get("count") else {
        return Ok(Count::AtLeast(1));
    };
    let expected = "an object with one of atLeast, atMost, exactly, and a number";
    let one = count.as_object().filter(|map| map.len() == 1);
    let one = one.and_then(|map| map.iter().next());
    match one.and_then(|(key, value)| Some((key.as_str(), value.as_u64()?))) {
        Some(("atLeast", count)) => Ok(Count::AtLeast(count)),
        Some(("atMost", count)) => Ok(Count::AtMost(count)),
        Some(("exactly", count)) => Ok(Count::Exactly(count)),
        _ => Err(wrong("count", expected)),
    }
}

fn object(value: &Value) -> Result<Map<String, Value>, Problem> {
    let map = value.as_object().cloned();
    map.ok_or_else(|| Problem::bad_request("an object was expected"))
}

const FITS: &str = "a String takes any text";
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_MAX: Duration = Duration::from_secs(100);
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_PAUSE: Duration = Duration::from_millis(5);
const DEVICES_SHOWN: usize = 100;
const SHOWN_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use hub_core::event::{Event, EventKind};
    use hub_core::method::CallId;
    use hub_proto::ids::MethodName;
    use hub_proto::raw_bag::RawBag;

    use super::super::tests::{context, get, send};
    use super::*;
    use crate::admin::AdminContext;
    use crate::test_hub::{TestHub, spec};

    fn note(hub: &TestHub, device: &str, kind: EventKind) {
        let hub = &hub.context.hub;
        hub.event_log().append(Event {
            at: hub.now().wall,
            client: DeviceId::parse(device).unwrap().into(),
            kind,
        });
    }

    fn telemetry(bag: &str, payload: &str) -> EventKind {
        EventKind::Telemetry {
            properties: RawBag::new(bag),
            payload: payload.as_bytes().to_vec(),
        }
    }

    fn reboot(hub: &TestHub) {
        let (call, name) = (CallId(1), MethodName::parse("reboot").unwrap());
        let payload = "null".into();
        note(
            hub,
            "pump-2",
            EventKind::MethodInvoked {
                call,
                name,
                payload,
            },
        );
        let (status, payload) = (200, b"{}".to_vec());
        note(
            hub,
            "pump-2",
            EventKind::MethodAnswered {
                call,
                status,
                payload,
            },
        );
    }

    async fn ask(context: &AdminContext, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = send(context, "POST", path, "localhost", &body.to_string()).await;
        (status, serde_json::from_str(&text).unwrap())
    }

    #[tokio::test]
    async fn a_matcher_finds_what_the_hub_saw_and_counts_it() {
        // ADM-6
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        note(
            &hub,
            "pump-1",
            telemetry("alert=true", r#"{"t":21.50,"fw":"1.2"}"#),
        );
        note(&hub, "pump-2", telemetry("", r#"{"t":3}"#));
        reboot(&hub);
        for (matcher, count) in [
            (json!({}), 4),
            (json!({ "type": "telemetry" }), 2),
            (json!({ "type": ["telemetry", "methodAnswered"] }), 3),
            (json!({ "device": "pump-1" }), 1),
            (json!({ "devicePattern": "pump-?" }), 4),
            (json!({ "method": "reboot" }), 2),
            (json!({ "method": "reboot", "type": "methodAnswered" }), 1),
            (json!({ "method": "reboot", "since": 3 }), 1),
            (json!({ "properties": { "alert": "true" } }), 1),
            (json!({ "where": "payload.t=21.5" }), 1),
            (
                json!({ "where": [{ "path": "payload.fw", "matches": "^1" }, "payload.t"] }),
                1,
            ),
            (
                json!({ "where": { "path": "payload.fw", "exists": false }, "type": "telemetry" }),
                1,
            ),
            (json!({ "device": "pump-3" }), 0),
        ] {
            let mut body = matcher.clone();
            body["count"] = json!({ "exactly": count });
            let (status, answer) = ask(&context, "/admin/verify", &body).await;
            assert_eq!(
                (status, &answer["count"]),
                (200, &json!(count)),
                "{matcher}"
            );
            body["count"] = json!({ "exactly": count + 1 });
            let (status, answer) = ask(&context, "/admin/verify", &body).await;
            assert_eq!(
                (status, &answer["matched"]),
                (417, &json!(false)),
                "{matcher}"
            );
        }
        let path = "/admin/events?method=reboot&type=methodAnswered,telemetry&after=3";
        let (_, lines) = get(&context, path, "localhost").await;
        assert_eq!(lines.lines().count(), 1, "{lines}");
        let path = "/admin/events?where=payload.t%3D21.5&devicePattern=pump-*";
        let (_, lines) = get(&context, path, "localhost").await;
        assert_eq!(lines.lines().count(), 1, "{lines}");
    }

    #[tokio::test]
    async fn what_is_not_there_is_told_with_the_nearest_miss() {
        // ADM-6
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        let empty = ask(&context, "/admin/verify", &json!({ "type": "telemetry" }))
            .await
            .1;
        insta::assert_snapshot!(empty["detail"].as_str().unwrap(), @"expected at least 1, found 0; there is no event after 0");
        note(&hub, "pump-1", telemetry("alert=true", r#"{"t":21.50}"#));
        note(&hub, "pump-2", telemetry("", r#"{"t":3}"#));
        reboot(&hub);
        let wanted = json!({ "type": "telemetry", "device": "pump-1",
            "where": "payload.t=22", "properties": { "alert": "yes" } });
        let (status, told) = ask(&context, "/admin/verify", &wanted).await;
        assert_eq!((status, &told["nearest"]["event"]["seq"]), (417, &json!(1)));
        insta::assert_snapshot!(told["detail"].as_str().unwrap(), @r#"expected at least 1, found 0; the nearest is event 1: property "alert" is "true", not "yes"; payload.t is 21.5, not 22"#);
        let wanted = json!({ "type": "telemetry", "count": { "atMost": 1 } });
        let told = ask(&context, "/admin/verify", &wanted).await.1;
        insta::assert_snapshot!(told["detail"].as_str().unwrap(), @"expected at most 1, found 2");
    }

    #[tokio::test]
    async fn a_matcher_that_would_match_nothing_by_mistake_is_refused() {
        // ADM-6
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        for body in [
            json!({ "typ": "telemetry" }),
            json!({ "type": "Telemetry" }),
            json!({ "where": { "path": "a", "equal": 1 } }),
            json!({ "where": { "path": "a", "equals": 1, "exists": true } }),
            json!({ "where": "a..b=1" }),
            json!({ "where": "a~(" }),
            json!({ "count": { "atleast": 1 } }),
            json!({ "count": 1 }),
            json!({ "since": 7 }),
            json!({ "properties": { "a": 1 } }),
        ] {
            let (status, told) = ask(&context, "/admin/verify", &body).await;
            assert_eq!(status, 400, "{body} {told}");
        }
        for body in [
            json!({}),
            json!({ "event": {}, "twins": "*" }),
            json!({ "twins": "tags.a =" }),
            json!({ "event": {}, "count": { "exactly": 1 } }),
            json!({ "event": {}, "timeout": 101 }),
        ] {
            let (status, told) = ask(&context, "/admin/wait", &body).await;
            assert_eq!(status, 400, "{body} {told}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_when_it_happens_or_with_the_timeout() {
        // ADM-7
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        let body = json!({ "event": { "type": "telemetry" }, "timeout": 5 });
        let happens = async {
            tokio::task::yield_now().await;
            note(&hub, "pump-1", telemetry("", "1"));
        };
        let ((status, told), ()) = tokio::join!(ask(&context, "/admin/wait", &body), happens);
        assert_eq!((status, &told["count"]), (200, &json!(1)), "{told}");
        let body = json!({ "event": { "type": "connected" }, "timeout": "PT3S" });
        let (status, told) = ask(&context, "/admin/wait", &body).await;
        assert_eq!(status, 417);
        insta::assert_snapshot!(told["detail"].as_str().unwrap(), @"expected at least 1 within 3s, found 0; the nearest is event 1: type is telemetry, not connected");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_twins_ends_when_they_are_as_the_condition_says() {
        // ADM-7
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        let body = json!({ "twins": "deviceId = 'pump-1'", "timeout": 5 });
        let happens = async {
            tokio::task::yield_now().await;
            hub.context.hub.create_device(spec("pump-1")).unwrap();
        };
        let ((status, told), ()) = tokio::join!(ask(&context, "/admin/wait", &body), happens);
        assert_eq!(
            (status, &told["devices"]),
            (200, &json!(["pump-1"])),
            "{told}"
        );
        let body = json!({ "twins": "tags.a = 1", "timeout": 2 });
        let (status, told) = ask(&context, "/admin/wait", &body).await;
        assert_eq!(status, 417, "{told}");
    }
}
