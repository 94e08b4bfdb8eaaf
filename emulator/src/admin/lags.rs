//! How far reads lag behind writes: what is set, and setting it while the hub runs.

use std::time::Duration;

use hub_core::Lags;
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Problem, json_document};
use super::call::Call;
use super::iso;
use super::route::{Handler, RequestBody, ResponseBody, Route};

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "lags",
        verb: Method::GET,
        path: "/admin/lags",
        summary: "How far queries and connection states lag behind, and what that costs",
        parameters: &[],
        request: None,
        response: LAGS,
        handler: Handler::Always(show),
    },
    Route {
        name: "setLags",
        verb: Method::PUT,
        path: "/admin/lags",
        summary: "Sets how far queries and connection states lag behind; what is left out lags not at all",
        parameters: &[],
        request: Some(RequestBody::json(set_schema)),
        response: LAGS,
        handler: Handler::Now(set),
    },
];

const LAGS: ResponseBody = ResponseBody {
    content_type: JSON,
    schema: lags_schema,
};

fn lags_schema() -> Value {
    json!({
        "type": "object",
        "required": ["querySeconds", "connectionStateSeconds", "states", "bytes", "cutShort"],
        "properties": {
            "querySeconds": { "type": "number" },
            "connectionStateSeconds": { "type": "number" },
            "states": { "type": "integer", "description": "superseded states that are kept" },
            "bytes": { "type": "integer", "description": "their size, roughly" },
            "cutShort": {
                "type": "boolean",
                "description": "whether there was no room for all of them, and reads lag less than they are set to"
            }
        }
    })
}

fn set_schema() -> Value {
    let span = json!({
        "type": ["number", "string"],
        "description": "seconds, or an ISO 8601 duration such as PT5S; a day at most"
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": { "query": span, "connectionState": span }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Set {
    query: Option<Value>,
    connection_state: Option<Value>,
}

fn show(call: &Call) -> Answer {
    let (lags, state) = (call.hub.lags(), call.hub.lag_state());
    json_document(&json!({
        "querySeconds": lags.query.as_secs_f64(),
        "connectionStateSeconds": lags.connection_state.as_secs_f64(),
        "states": state.states,
        "bytes": state.bytes,
        "cutShort": state.is_cut_short,
    }))
}

fn set(call: &Call) -> Result<Answer, Problem> {
    let Set {
        query,
        connection_state,
    } = call.json()?;
    call.hub.set_lags(Lags {
        query: lag("query", query)?,
        connection_state: lag("connectionState", connection_state)?,
    });
    Ok(show(call))
}

fn lag(name: &str, value: Option<Value>) -> Result<Duration, Problem> {
    let lag = value.map_or(Ok(Duration::ZERO), |value| iso::duration(&value))?;
    if lag > Lags::MAX {
        let detail = format!("{name}: a read lags a day at most");
        return Err(Problem::bad_request(detail));
    }
    Ok(lag)
}
