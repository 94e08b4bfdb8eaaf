//! The table of operations as an `OpenAPI` 3.1 document.

use hyper::Method;
use serde_json::{Map, Value, json};

use super::answer::{Answer, JSON, PROBLEM, Problem, json_document};
use super::call::Call;
use super::route::{self, Handler, ParameterKind, ResponseBody, Route};

pub(super) const ROUTES: &[Route] = &[Route {
    name: "openapi",
    verb: Method::GET,
    path: "/admin/openapi.json",
    summary: "This API as an OpenAPI 3.1 document",
    parameters: &[],
    request: None,
    response: ResponseBody {
        content_type: JSON,
        schema: || json!({ "type": "object" }),
    },
    handler: Handler::Always(show),
}];

fn show(_: &Call) -> Answer {
    json_document(&document())
}

/// The document.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in route::all() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.verb.as_str().to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hubnerite admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "For tests and tools. Where a process holds several hubs, the parameter hub, or else the Host header, says which is meant."
        },
        "paths": paths,
        "components": { "schemas": { "Problem": Problem::schema() } }
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": {
            "200": {
                "description": "done",
                "content": content(route.response.content_type, &(route.response.schema)())
            },
            "default": {
                "description": "refused; the body says why, and what to do",
                "content": content(PROBLEM, &json!({ "$ref": "#/components/schemas/Problem" }))
            }
        }
    });
    if let Some(request) = &route.request {
        operation["requestBody"] = json!({
            "required": request.is_required,
            "content": content(request.content_type, &(request.schema)())
        });
    }
    operation
}

/// A content type without its parameters, since these name the encoding and not the form.
fn content(content_type: &str, schema: &Value) -> Value {
    let essence = content_type.split(';').next().unwrap_or(content_type);
    let mut content = json!({});
    content[essence] = json!({ "schema": schema });
    content
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path.split(['{', '}']).skip(1).step_by(2).map(|name| {
        json!({
            "name": name, "in": "path", "required": true, "schema": { "type": "string" }
        })
    });
    let in_query = route.known_parameters().map(|parameter| {
        let kind = match parameter.kind {
            ParameterKind::Text => "string",
            ParameterKind::Number => "integer",
            ParameterKind::Flag => "boolean",
        };
        json!({
            "name": parameter.name, "in": "query", "required": false,
            "description": parameter.summary, "schema": { "type": kind }
        })
    });
    in_path.chain(in_query).collect()
}

#[cfg(test)]
mod tests {
    use super::super::route::{Found, find};
    use super::*;
    use crate::test_openapi::check_operations;

    /// Both ways: each operation of the document is one the endpoint answers, and the other way round.
    #[test]
    fn the_document_has_exactly_the_operations_that_are_answered() {
        // ADM-1
        let answered = route::all().map(|route| route.name);
        check_operations(&document(), answered, |told| {
            let Found::Route(route, values) = find(&told.verb, &told.asked) else {
                panic!("{} {} is told of and not answered", told.verb, told.path);
            };
            let in_path = told.operation["parameters"].as_array().unwrap().iter();
            let in_path = in_path.filter(|parameter| parameter["in"] == "path");
            assert_eq!(in_path.count(), values.len(), "{}", told.path);
            route.name
        });
    }

    #[test]
    fn every_operation_tells_the_form_of_what_it_takes_and_gives() {
        for route in route::all() {
            let operation = operation(route);
            assert!(operation["responses"]["200"]["content"].is_object());
            let takes = operation.get("requestBody").is_some();
            assert_eq!(takes, route.request.is_some(), "{}", route.name);
        }
    }
}
