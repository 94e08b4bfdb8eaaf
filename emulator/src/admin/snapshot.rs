//! Emptying a hub, taking what it holds, putting it back.

use hub_core::image::ClientImage;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Problem, json_document, whole};
use super::call::Call;
use super::route::{Handler, Parameter, ParameterKind, RequestBody, ResponseBody, Route};

/// A hub's worth of twins; larger ones are restored by name.
const SNAPSHOT_BYTES_MAX: usize = 256 * 1024 * 1024;
const FORMAT: &str = "hubnerite.snapshot";
const VERSION: u32 = 1;
const NAME_CHARS_MAX: usize = 128;

const NAME: &[Parameter] = &[Parameter {
    name: "name",
    summary: "of a snapshot that the hub keeps in memory",
    kind: ParameterKind::Text,
}];

const SUMMARY: ResponseBody = ResponseBody {
    content_type: JSON,
    schema: || {
        json!({
            "type": "object",
            "required": ["identities", "newestEvent"],
            "properties": {
                "identities": { "type": "integer", "description": "devices and modules" },
                "newestEvent": { "type": "integer", "description": "the number of the newest event" }
            }
        })
    },
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "reset",
        verb: Method::POST,
        path: "/admin/reset",
        summary: "Empties the hub: identities, twins, queues, jobs, links; keys of policies stay",
        parameters: &[],
        request: None,
        response: SUMMARY,
        handler: Handler::Always(|call| summary(call, call.hub.reset())),
    },
    Route {
        name: "takeSnapshot",
        verb: Method::POST,
        path: "/admin/snapshot",
        summary: "What the hub holds, as a document; with a name it is kept in memory instead",
        parameters: NAME,
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: || json!({ "anyOf": [snapshot_schema(), (SUMMARY.schema)()] }),
        },
        handler: Handler::Now(take),
    },
    Route {
        name: "restore",
        verb: Method::POST,
        path: "/admin/restore",
        summary: "Has what a snapshot holds in place of what there is; all of it or nothing",
        parameters: NAME,
        request: Some(RequestBody {
            is_required: false,
            bytes_max: SNAPSHOT_BYTES_MAX,
            content_type: JSON,
            schema: snapshot_schema,
        }),
        response: SUMMARY,
        handler: Handler::Now(restore),
    },
    Route {
        name: "snapshots",
        verb: Method::GET,
        path: "/admin/snapshots",
        summary: "The snapshots that are kept, by name",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: || json!({ "type": "array", "items": { "type": "object" } }),
        },
        handler: Handler::Always(list),
    },
    Route {
        name: "dropSnapshot",
        verb: Method::DELETE,
        path: "/admin/snapshots/{name}",
        summary: "Forgets a snapshot that is kept",
        parameters: &[],
        request: None,
        response: SUMMARY,
        handler: Handler::Now(forget),
    },
];

fn snapshot_schema() -> Value {
    json!({
        "type": "object",
        "required": ["format", "version", "clients"],
        "additionalProperties": false,
        "properties": {
            "format": { "const": FORMAT },
            "version": { "const": VERSION },
            "takenAt": { "type": "string", "format": "date-time" },
            "clients": { "type": "array", "items": { "type": "object" } }
        }
    })
}

#[derive(Serialize)]
struct Taken<'a> {
    format: &'a str,
    version: u32,
    #[serde(rename = "takenAt")]
    at: String,
    clients: &'a [ClientImage],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    format: String,
    version: u32,
    #[serde(default, rename = "takenAt")]
    _taken_at: Option<String>,
    clients: Vec<ClientImage>,
}

fn summary(call: &Call, identities: usize) -> Answer {
    json_document(&json!({
        "identities": identities,
        "newestEvent": call.hub.event_log().newest(),
    }))
}

fn take(call: &Call) -> Result<Answer, Problem> {
    let clients = call.hub.export();
    let Some(name) = call.text("name") else {
        let taken = Taken {
            format: FORMAT,
            version: VERSION,
            at: call.hub.now().wall.to_string(),
            clients: &clients,
        };
        let text = serde_json::to_vec(&taken).expect("a snapshot is always JSON");
        return Ok(whole(StatusCode::OK, JSON, text));
    };
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        let detail = format!("a name has 1 to {NAME_CHARS_MAX} characters");
        return Err(Problem::bad_request(detail));
    }
    let count = clients.len();
    call.hub.keep_snapshot(&name, clients).map_err(|error| {
        Problem::new(StatusCode::CONFLICT, error.to_string())
            .with_remedy("forget one with DELETE /admin/snapshots/{name}")
    })?;
    Ok(summary(call, count))
}

fn restore(call: &Call) -> Result<Answer, Problem> {
    let count = match (call.text("name"), call.body.is_empty()) {
        (Some(name), true) => {
            let images = call
                .hub
                .kept_snapshot(&name)
                .ok_or_else(|| no_such(&name))?;
            call.hub.restore(&images)
        }
        (None, false) => {
            let given: Given = call.json()?;
            if given.format != FORMAT || given.version != VERSION {
                let detail = format!("this is {} {}", given.format, given.version);
                return Err(Problem::bad_request(detail)
                    .with_remedy(format!("this hub reads {FORMAT} {VERSION}")));
            }
            call.hub.restore(&given.clients)
        }
        _ => {
            let detail = "a restore takes either a name or a document";
            return Err(Problem::bad_request(detail)
                .with_remedy("take one with POST /admin/snapshot and send it as the body"));
        }
    };
    let count = count.map_err(|error| {
        Problem::bad_request(format!("the snapshot cannot be restored: {error}"))
            .with_remedy("the hub is as it was")
    })?;
    Ok(summary(call, count))
}

fn list(call: &Call) -> Answer {
    let kept = call.hub.kept_snapshots().into_iter();
    let kept = kept.map(|(name, count)| json!({ "name": name, "identities": count }));
    json_document(&kept.collect::<Vec<_>>())
}

fn forget(call: &Call) -> Result<Answer, Problem> {
    if call.hub.drop_snapshot(call.value(0)) {
        Ok(summary(call, 0))
    } else {
        Err(no_such(call.value(0)))
    }
}

fn no_such(name: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("there is no snapshot {name:?}"),
    )
    .with_remedy("GET /admin/snapshots lists those there are")
}
