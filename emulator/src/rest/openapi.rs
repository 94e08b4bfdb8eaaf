//! The service endpoint as an `OpenAPI` 3.1 document, printed from the table of operations.
//!
//! It is our own document: what this hub answers, gaps included, not a copy of Microsoft's.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hub_proto::error_code::ErrorCode;
use serde_json::{Map, Value, json};

use super::auth::Need;
use super::document::Body;
use super::operation::{Fidelity, Operation};
use super::route::operations;

/// The forms of bodies, by name.
static SCHEMAS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("schemas.json")).expect("the schemas are JSON")
});

/// The REST operations of a hub as an `OpenAPI` 3.1 document: paths, bodies, statuses, and in
/// `x-fidelity` how near each is to the real hub's.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let path = paths
            .entry(format!("/{}", operation.path))
            .or_insert_with(|| json!({}));
        path[operation.verb.as_str().to_ascii_lowercase()] = print(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hubnerite service endpoint",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The data plane of an IoT hub as this one answers it. x-fidelity says how near each operation is to the real hub's."
        },
        "servers": [{ "url": "https://localhost" }],
        "paths": paths,
        "components": {
            "schemas": *SCHEMAS,
            "securitySchemes": {
                "sas": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "SharedAccessSignature sr=…&sig=…&se=…&skn=POLICY; `hubnerite sas` prints one"
                }
            }
        }
    })
}

fn print(operation: &Operation) -> Value {
    let (fidelity, note) = match operation.fidelity {
        Fidelity::Exact => ("exact", ""),
        Fidelity::Partial(rest) => ("partial", rest),
        Fidelity::Approximate(difference) => ("approximate", difference),
        Fidelity::Absent(gap) => ("absent", gap),
    };
    let mut printed = json!({
        "operationId": operation.name,
        "summary": operation.document.summary,
        "x-fidelity": fidelity,
        "parameters": parameters(operation),
        "responses": responses(operation),
    });
    if !note.is_empty() {
        printed["description"] = json!(format!("{fidelity}: {note}"));
    }
    if operation.need != Need::Nothing {
        printed["security"] = json!([{ "sas": [] }]);
    }
    match operation.document.body {
        Body::None => {}
        Body::Json(name) => {
            printed["requestBody"] = json!({
                "required": true, "content": { "application/json": { "schema": reference(name) } }
            });
        }
        Body::Bytes => {
            printed["requestBody"] = json!({ "content": { "application/octet-stream": {} } });
        }
    }
    printed
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let text = || json!({ "type": "string" });
    let one = |name: &str, place: &str, is_required: bool, schema: Value| json!({ "name": name, "in": place, "required": is_required, "schema": schema });
    let names = operation.path.split(['{', '}']).skip(1).step_by(2);
    let mut parameters: Vec<Value> = names.map(|name| one(name, "path", true, text())).collect();
    if !matches!(operation.fidelity, Fidelity::Absent(_)) && operation.need != Need::Nothing {
        let version = json!({
            "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$", "examples": ["2021-04-12"]
        });
        parameters.push(one("api-version", "query", true, version));
    }
    let document = &operation.document;
    parameters.extend(
        document
            .query
            .iter()
            .map(|name| one(name, "query", false, text())),
    );
    parameters.extend(
        document
            .headers
            .iter()
            .map(|name| one(name, "header", false, text())),
    );
    parameters
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for (status, schema) in operation.document.answers {
        let mut response = json!({ "description": "done" });
        if !schema.is_empty() {
            response["content"] = json!({ "application/json": { "schema": reference(schema) } });
        }
        responses.insert(status.to_string(), response);
    }
    let mut refusals: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in operation.errors() {
        refusals.entry(code.http_status()).or_default().push(code);
    }
    for (status, codes) in refusals {
        let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
        let mut schema = reference("Error");
        // A result may come with the status of a refusal: of many rows, some failed.
        if let Some(answer) = responses.get(&status.to_string()) {
            let result = &answer["content"]["application/json"]["schema"];
            schema = json!({ "anyOf": [result, schema] });
        }
        responses.insert(
            status.to_string(),
            json!({
                "description": names.join(", "),
                "headers": {
                    "iothub-errorcode": { "required": true, "schema": { "enum": names } }
                },
                "content": { "application/json": { "schema": schema } }
            }),
        );
    }
    Value::Object(responses)
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::route::Route;
    use super::*;
    use crate::test_openapi::check_operations;

    /// Both ways: what the document tells of is answered, and what is answered it tells of.
    #[test]
    fn the_document_has_exactly_the_operations_that_are_answered() {
        // REST-11
        let answered = operations().map(|operation| operation.name);
        check_operations(&document(), answered, |told| {
            let route = Route::parse(&told.verb, &told.asked).unwrap();
            for parameter in told.operation["parameters"].as_array().unwrap() {
                let is_in_path = parameter["in"] == "path";
                let name = parameter["name"].as_str().unwrap();
                assert_eq!(route.id(name).is_some(), is_in_path, "{} {name}", told.path);
            }
            route.operation.name
        });
    }

    #[test]
    fn every_form_that_is_named_is_there_and_none_is_there_in_vain() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    for (name, member) in members {
                        match member.as_str().filter(|_| name == "$ref") {
                            Some(text) => {
                                let name = text.strip_prefix("#/components/schemas/");
                                found.insert(name.unwrap().to_owned());
                            }
                            None => references(member, found),
                        }
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let mut named = BTreeSet::new();
        references(&document(), &mut named);
        let there: BTreeSet<String> = SCHEMAS.as_object().unwrap().keys().cloned().collect();
        assert_eq!(named, there);
    }

    #[test]
    fn what_is_built_says_what_it_answers_and_what_it_reads() {
        for operation in operations() {
            let name = operation.name;
            let is_absent = matches!(operation.fidelity, Fidelity::Absent(_));
            assert_eq!(operation.document.answers.is_empty(), is_absent, "{name}");
            let reads_a_body = matches!(
                operation.answer,
                super::super::operation::Answer::WithBody(_)
                    | super::super::operation::Answer::Later(_)
            );
            assert_eq!(
                operation.document.body != Body::None,
                reads_a_body,
                "{name}"
            );
            assert!(operation.document.summary.ends_with('.'), "{name}");
        }
    }
}
