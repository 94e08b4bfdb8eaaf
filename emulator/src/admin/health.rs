//! Whether the process lives and serves, and what there is to ask.

use std::fmt::Write as _;

use hyper::{Method, StatusCode};
use serde_json::json;

use super::answer::{Answer, JSON, Problem, TEXT, whole};
use super::call::Call;
use super::route::{self, Handler, ResponseBody, Route};

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "index",
        verb: Method::GET,
        path: "/",
        summary: "What this endpoint answers, as text",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: TEXT,
            schema: || json!({ "type": "string" }),
        },
        handler: Handler::Always(index),
    },
    Route {
        name: "health",
        verb: Method::GET,
        path: "/health",
        summary: "200 while the process lives",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: || {
                json!({
                    "type": "object",
                    "required": ["status"],
                    "properties": { "status": { "const": "ok" } }
                })
            },
        },
        handler: Handler::Always(health),
    },
    Route {
        name: "ready",
        verb: Method::GET,
        path: "/ready",
        summary: "200 once every port is bound and the trust files are written; 503 until then",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: || {
                json!({
                    "type": "object",
                    "required": ["status"],
                    "properties": { "status": { "const": "ready" } }
                })
            },
        },
        handler: Handler::Now(ready),
    },
];

fn index(_: &Call) -> Answer {
    let mut text =
        String::from("Hubnerite: an IoT Hub in one process. This is its admin endpoint.\n\n");
    for route in route::all() {
        let Route {
            verb,
            path,
            summary,
            ..
        } = route;
        writeln!(text, "{:6} {path:32} {summary}", verb.as_str()).expect("a String takes any text");
    }
    whole(StatusCode::OK, TEXT, text)
}

fn health(_: &Call) -> Answer {
    whole(StatusCode::OK, JSON, r#"{"status":"ok"}"#)
}

/// The endpoint itself is served only once every port is bound, which leaves the files.
fn ready(call: &Call) -> Result<Answer, Problem> {
    let trust = &call.context.trust;
    // Whoever writes them has gone: they never will be. The hub itself serves.
    let is_given_up = trust.has_changed().is_err();
    if trust.borrow().is_some() || is_given_up {
        return Ok(whole(StatusCode::OK, JSON, r#"{"status":"ready"}"#));
    }
    let detail = "the files to trust are still being written";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_remedy("ask again"))
}
