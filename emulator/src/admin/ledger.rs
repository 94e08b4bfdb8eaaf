//! What the service endpoint offers, and what of it was used.

use hyper::Method;
use serde_json::{Value, json};

use super::answer::{Answer, JSON, json_document};
use super::call::Call;
use super::route::{Handler, ResponseBody, Route};
use crate::ledger::{self, Entry};

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "serviceOpenapi",
        verb: Method::GET,
        path: "/openapi.json",
        summary: "The service endpoint's API as an OpenAPI 3.1 document",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: || json!({ "type": "object" }),
        },
        handler: Handler::Always(|_| json_document(&crate::service_openapi())),
    },
    Route {
        name: "ledger",
        verb: Method::GET,
        path: "/admin/ledger",
        summary: "Every operation: how near it is to the real hub's, and how often it was used",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema,
        },
        handler: Handler::Always(show),
    },
];

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["operations"],
        "properties": { "operations": { "type": "array", "items": {
            "type": "object",
            "required": ["id", "protocol", "feature", "what", "fidelity", "note", "uses", "refused"],
            "properties": {
                "id": { "type": "string", "description": "stable" },
                "protocol": { "type": "string" },
                "feature": { "type": "string" },
                "what": { "type": "string" },
                "fidelity": { "enum": ["exact", "partial", "approximate", "absent"] },
                "note": { "type": "string", "description": "what is refused or differs, or the gap" },
                "uses": { "type": "integer" },
                "refused": { "type": "integer", "description": "as not built" }
            }
        } } }
    })
}

fn show(call: &Call) -> Answer {
    let usage = call.hub.usage();
    let operation = |entry: &Entry| {
        let used = usage.iter().find(|usage| usage.entry.id == entry.id);
        json!({
            "id": entry.id,
            "protocol": entry.protocol.name(),
            "feature": entry.feature,
            "what": entry.what,
            "fidelity": entry.fidelity.name(),
            "note": entry.fidelity.note(),
            "uses": used.map_or(0, |usage| usage.uses),
            "refused": used.map_or(0, |usage| usage.refused),
        })
    };
    let operations: Vec<Value> = ledger::entries().iter().map(operation).collect();
    json_document(&json!({ "operations": operations }))
}
