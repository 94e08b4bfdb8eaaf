//! The hub's time: what it is, and moving it by hand where the hub was started so.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Problem, json_document};
use super::call::Call;
use super::iso;
use super::route::{Handler, RequestBody, ResponseBody, Route};
use crate::clock::{Unsettled, VirtualClock};

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
        request: Some(RequestBody::json(advance_schema)),
        response: CLOCK,
        handler: Handler::Later(|call| Box::pin(advance(call))),
    },
    Route {
        name: "setClock",
        verb: Method::POST,
        path: "/admin/clock/set",
        summary: "Moves the hub's time to an instant; back, only what is shown goes back",
        parameters: &[],
        request: Some(RequestBody::json(set_schema)),
        response: CLOCK,
        handler: Handler::Later(|call| Box::pin(set(call))),
    },
    Route {
        name: "freezeClock",
        verb: Method::POST,
        path: "/admin/clock/freeze",
        summary: "Lets the hub's time stand",
        parameters: &[],
        request: None,
        response: CLOCK,
        handler: Handler::Later(|call| Box::pin(freeze(call))),
    },
    Route {
        name: "thawClock",
        verb: Method::POST,
        path: "/admin/clock/thaw",
        summary: "Lets the hub's time run as the machine's does, from where it stands",
        parameters: &[],
        request: None,
        response: CLOCK,
        handler: Handler::Later(|call| Box::pin(thaw(call))),
    },
];

const CLOCK: ResponseBody = ResponseBody {
    content_type: JSON,
    schema: clock_schema,
};

fn clock_schema() -> Value {
    json!({
        "type": "object",
        "required": ["mode", "running", "now", "sinceStartSeconds"],
        "properties": {
            "mode": { "enum": ["real", "virtual"] },
            "running": { "type": "boolean", "description": "whether it moves by itself just now" },
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

fn set_schema() -> Value {
    json!({
        "type": "object",
        "required": ["to"],
        "additionalProperties": false,
        "properties": { "to": { "type": "string", "format": "date-time" } }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    by: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    to: String,
}

fn show(call: &Call) -> Answer {
    let (now, by_hand) = (call.hub.now(), call.hub.clock().as_virtual());
    json_document(&json!({
        "mode": if by_hand.is_some() { "virtual" } else { "real" },
        "running": by_hand.is_none_or(VirtualClock::is_running),
        "now": now.wall.to_string(),
        "sinceStartSeconds": now.mono.since_start().as_secs_f64(),
    }))
}

async fn advance(call: Call) -> Result<Answer, Problem> {
    let Advance { by } = call.json()?;
    let by = iso::duration(&by)?;
    let clock = by_hand(&call)?;
    clock.advance(by).await.map_err(unsettled)?;
    Ok(show(&call))
}

async fn set(call: Call) -> Result<Answer, Problem> {
    let Set { to } = call.json()?;
    let to = iso::timestamp(&to)?;
    let clock = by_hand(&call)?;
    clock.set(to).await.map_err(unsettled)?;
    Ok(show(&call))
}

async fn freeze(call: Call) -> Result<Answer, Problem> {
    by_hand(&call)?.freeze().await;
    Ok(show(&call))
}

async fn thaw(call: Call) -> Result<Answer, Problem> {
    by_hand(&call)?.thaw().await;
    Ok(show(&call))
}

fn by_hand(call: &Call) -> Result<&VirtualClock, Problem> {
    call.hub.clock().as_virtual().ok_or_else(|| {
        let detail = "the hub's clock is the machine's: it moves by itself";
        Problem::new(StatusCode::CONFLICT, detail)
            .with_remedy("start the hub with --clock virtual to move its time by hand")
    })
}

fn unsettled(error: Unsettled) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
