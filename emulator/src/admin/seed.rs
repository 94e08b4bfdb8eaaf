//! Planting a seed: a file that says what the hub is to hold.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Problem, json_document};
use super::call::Call;
use super::route::{Handler, Parameter, ParameterKind, RequestBody, ResponseBody, Route};
use crate::seed::{IfExists, Mistake, SeedError, plant};

/// Some hundred thousand devices, a line each.
const SEED_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) const ROUTES: &[Route] = &[Route {
    name: "seed",
    verb: Method::POST,
    path: "/admin/seed",
    summary: "Makes the devices, modules and configurations of a file; all of them or none",
    parameters: &[Parameter {
        name: "existing",
        summary: "what becomes of those that are there: refuse (default; nothing changes), keep, replace",
        kind: ParameterKind::Text,
    }],
    request: Some(RequestBody {
        is_required: true,
        bytes_max: SEED_BYTES_MAX,
        content_type: "application/yaml",
        schema,
        too_large: "seed in several parts, or let count make devices that are alike",
    }),
    response: ResponseBody {
        content_type: JSON,
        schema: seeded_schema,
    },
    handler: Handler::Now(seed),
}];

fn schema() -> Value {
    let objects =
        |what: &str| json!({ "type": "array", "description": what, "items": { "type": "object" } });
    json!({
        "type": "object",
        "description": "as YAML or JSON; or the lines of an export of identities",
        "additionalProperties": false,
        "properties": {
            "devices": objects("as lines of an export, with modules; with count, so many"),
            "configurations": objects("as the service takes them")
        }
    })
}

fn seeded_schema() -> Value {
    let count = |what: &str| json!({ "type": "integer", "description": what });
    json!({
        "type": "object",
        "required": ["devices", "modules", "configurations", "kept", "replaced", "newestEvent"],
        "properties": {
            "devices": count("devices made"),
            "modules": count("modules made"),
            "configurations": count("configurations made"),
            "kept": count("devices and configurations that were there and stay"),
            "replaced": count("devices and configurations that were there and were made anew"),
            "newestEvent": count("the number of the newest event")
        }
    })
}

fn seed(call: &Call) -> Result<Answer, Problem> {
    let existing = match call.text("existing").as_deref() {
        None | Some("refuse") => IfExists::Refuse,
        Some("keep") => IfExists::Keep,
        Some("replace") => IfExists::Replace,
        Some(other) => {
            let detail = format!("existing must be refuse, keep or replace, not {other:?}");
            return Err(Problem::bad_request(detail));
        }
    };
    let text = std::str::from_utf8(&call.body)
        .map_err(|error| Problem::bad_request(format!("the seed is not UTF-8: {error}")))?;
    let seeded = plant(&call.hub, text, existing, call.context.seed_codec).map_err(refused)?;
    Ok(json_document(&json!({
        "devices": seeded.devices,
        "modules": seeded.modules,
        "configurations": seeded.configurations,
        "kept": seeded.kept,
        "replaced": seeded.replaced,
        "newestEvent": call.hub.event_log().newest(),
    })))
}

fn refused(error: SeedError) -> Problem {
    let detail = error.to_string();
    match error {
        SeedError::Mistakes(mistakes) => {
            let told = |mistake: &Mistake| json!({ "line": mistake.line, "column": mistake.column, "message": mistake.message });
            Problem::bad_request(detail)
                .with_remedy("mend the file; nothing was changed")
                .with_mistakes(mistakes.iter().map(told).collect())
        }
        SeedError::Exists { .. } => Problem::new(StatusCode::CONFLICT, detail).with_remedy(
            "nothing was changed; ask with existing=keep to leave them, or existing=replace to make \
             them anew (`hubnerite seed --existing`)",
        ),
        SeedError::Hub(_) => Problem::new(StatusCode::CONFLICT, detail),
    }
}
