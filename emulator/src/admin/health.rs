//! Whether the process lives and serves, and what there is to ask.

use std::fmt::Write as _;

use hyper::{Method, StatusCode};
use serde_json::json;

use super::answer::{Answer, JSON, TEXT, whole};
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
