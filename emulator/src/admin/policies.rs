//! The shared access policies of a hub: reading and changing them.

use hub_proto::sas::SasKey;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Problem, json_document};
use super::call::Call;
use super::route::{Handler, Parameter, ParameterKind, RequestBody, ResponseBody, Route};
use crate::config::{Permissions, Policy};
use crate::hub::{PolicyChange, PolicyError, RotatedKey};

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "policies",
        verb: Method::GET,
        path: "/admin/policies",
        summary: "The hub's shared access policies with their keys",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: || {
                json!({
                    "type": "object",
                    "required": ["policies"],
                    "properties": { "policies": { "type": "array", "items": policy_schema() } }
                })
            },
        },
        handler: Handler::Always(list),
    },
    Route {
        name: "putPolicy",
        verb: Method::PUT,
        path: "/admin/policies/{name}",
        summary: "Makes a policy or changes it; a key that is not given stays, or is drawn",
        parameters: &[],
        request: Some(RequestBody::json(put_schema)),
        response: POLICY,
        handler: Handler::Now(put),
    },
    Route {
        name: "rotatePolicy",
        verb: Method::POST,
        path: "/admin/policies/{name}/rotate",
        summary: "Draws keys of a policy afresh",
        parameters: &[],
        request: Some(RequestBody::json(rotate_schema)),
        response: POLICY,
        handler: Handler::Now(rotate),
    },
    Route {
        name: "deletePolicy",
        verb: Method::DELETE,
        path: "/admin/policies/{name}",
        summary: "Removes a policy",
        parameters: &[Parameter {
            name: "closeLinks",
            summary: "end the connections that came in by it",
            kind: ParameterKind::Flag,
        }],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: || {
                json!({
                    "type": "object",
                    "required": ["deleted", "closedLinks"],
                    "properties": {
                        "deleted": { "type": "string" },
                        "closedLinks": { "type": "integer" }
                    }
                })
            },
        },
        handler: Handler::Now(delete),
    },
];

const POLICY: ResponseBody = ResponseBody {
    content_type: JSON,
    schema: || {
        let mut schema = policy_schema();
        schema["properties"]["closedLinks"] = json!({ "type": "integer" });
        schema
    },
};

fn policy_schema() -> Value {
    json!({
        "type": "object",
        "required": ["name", "permissions", "primaryKey", "secondaryKey"],
        "properties": {
            "name": { "type": "string" },
            "permissions": permissions_schema(),
            "primaryKey": { "type": "string" },
            "secondaryKey": { "type": "string" }
        }
    })
}

fn permissions_schema() -> Value {
    let names = PERMISSIONS.map(|(name, _)| name);
    json!({ "type": "array", "minItems": 1, "items": { "enum": names } })
}

fn put_schema() -> Value {
    json!({
        "type": "object",
        "required": ["permissions"],
        "additionalProperties": false,
        "properties": {
            "permissions": permissions_schema(),
            "primaryKey": { "type": "string", "description": "base64 of 16 to 64 bytes" },
            "secondaryKey": { "type": "string" },
            "closeLinks": close_links_schema()
        }
    })
}

fn rotate_schema() -> Value {
    json!({
        "type": "object",
        "required": ["key"],
        "additionalProperties": false,
        "properties": {
            "key": { "enum": ["primary", "secondary", "both"] },
            "closeLinks": close_links_schema()
        }
    })
}

fn close_links_schema() -> Value {
    json!({
        "type": "boolean", "default": false,
        "description": "end the connections that came in by the policy; else they live on until their token runs out"
    })
}

/// Where a permission stands.
type Place = fn(&mut Permissions) -> &mut bool;

/// In the words of the real hub.
const PERMISSIONS: [(&str, Place); 4] = [
    ("RegistryRead", |given| &mut given.registry_read),
    ("RegistryWrite", |given| &mut given.registry_write),
    ("ServiceConnect", |given| &mut given.service_connect),
    ("DeviceConnect", |given| &mut given.device_connect),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Put {
    permissions: Vec<String>,
    primary_key: Option<String>,
    secondary_key: Option<String>,
    #[serde(default)]
    close_links: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotate {
    key: Which,
    #[serde(default)]
    close_links: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Which {
    Primary,
    Secondary,
    Both,
}

fn list(call: &Call) -> Answer {
    let policies = call.hub.policies();
    let policies = policies.0.iter();
    let policies: Vec<_> = policies.map(|(name, policy)| shown(name, policy)).collect();
    json_document(&json!({ "policies": policies }))
}

fn put(call: &Call) -> Result<Answer, Problem> {
    let put: Put = call.json()?;
    let change = PolicyChange {
        permissions: permissions(&put.permissions)?,
        primary: key("primaryKey", put.primary_key)?,
        secondary: key("secondaryKey", put.secondary_key)?,
    };
    let policy = call.hub.put_policy(call.value(0), change);
    let policy = policy.map_err(|error| refused(&error))?;
    Ok(changed(call, &policy, put.close_links))
}

fn rotate(call: &Call) -> Result<Answer, Problem> {
    let rotate: Rotate = call.json()?;
    let which = match rotate.key {
        Which::Primary => RotatedKey::Primary,
        Which::Secondary => RotatedKey::Secondary,
        Which::Both => RotatedKey::Both,
    };
    let policy = call.hub.rotate_policy(call.value(0), which);
    let policy = policy.map_err(|error| refused(&error))?;
    Ok(changed(call, &policy, rotate.close_links))
}

fn delete(call: &Call) -> Result<Answer, Problem> {
    let close_links = call.flag("closeLinks")?;
    let deleted = call.hub.delete_policy(call.value(0));
    deleted.map_err(|error| refused(&error))?;
    let closed = close(call, close_links);
    Ok(json_document(
        &json!({ "deleted": call.value(0), "closedLinks": closed }),
    ))
}

fn changed(call: &Call, policy: &Policy, close_links: bool) -> Answer {
    let mut document = shown(call.value(0), policy);
    document["closedLinks"] = close(call, close_links).into();
    json_document(&document)
}

/// After the change, so that nobody who is put out comes in again by the same token.
fn close(call: &Call, close_links: bool) -> usize {
    if close_links {
        call.hub.close_links_of_policy(call.value(0))
    } else {
        0
    }
}

fn shown(name: &str, policy: &Policy) -> Value {
    let mut given = policy.permissions;
    let names = PERMISSIONS.iter().filter(|(_, of)| *of(&mut given));
    let names: Vec<_> = names.map(|(name, _)| *name).collect();
    json!({
        "name": name,
        "permissions": names,
        "primaryKey": policy.primary.expose(),
        "secondaryKey": policy.secondary.expose(),
    })
}

fn permissions(names: &[String]) -> Result<Permissions, Problem> {
    let mut given = Permissions::default();
    for name in names {
        let known = PERMISSIONS.iter().find(|(known, _)| known == name);
        let Some((_, of)) = known else {
            let detail = format!("there is no permission {name:?}");
            return Err(Problem::bad_request(detail)
                .with_remedy("take RegistryRead, RegistryWrite, ServiceConnect or DeviceConnect"));
        };
        *of(&mut given) = true;
    }
    Ok(given)
}

fn key(member: &str, text: Option<String>) -> Result<Option<SasKey>, Problem> {
    let key = text.map(|text| SasKey::from_base64(&text)).transpose();
    key.map_err(|error| {
        Problem::bad_request(format!("{member}: {error}"))
            .with_remedy("give base64 of 16 to 64 bytes, or leave it out to have one drawn")
    })
}

fn refused(error: &PolicyError) -> Problem {
    let status = match error {
        PolicyError::Name(_) | PolicyError::NoPermission => StatusCode::BAD_REQUEST,
        PolicyError::Unknown(_) => StatusCode::NOT_FOUND,
        PolicyError::Full => StatusCode::CONFLICT,
    };
    Problem::new(status, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::tests::{ask, context, get, send};
    use super::*;
    use crate::test_hub::TestHub;

    fn json_of(body: &str) -> Value {
        serde_json::from_str(body).unwrap()
    }

    #[tokio::test]
    async fn a_policy_is_made_rotated_told_and_removed() {
        // AUTH-8
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        let path = "/admin/policies/gate";
        let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        let body = json!({ "permissions": ["DeviceConnect"], "primaryKey": key }).to_string();
        let (status, made) = send(&context, "PUT", path, "localhost", &body).await;
        let made = json_of(&made);
        assert_eq!((status, &made["primaryKey"]), (200, &json!(key)));
        assert_eq!(made["permissions"], json!(["DeviceConnect"]));
        let rotate = format!("{path}/rotate");
        let body = r#"{"key":"primary"}"#;
        let (_, rotated) = send(&context, "POST", &rotate, "localhost", body).await;
        let rotated = json_of(&rotated);
        assert_ne!(rotated["primaryKey"], made["primaryKey"]);
        assert_eq!(rotated["secondaryKey"], made["secondaryKey"]);
        let (_, list) = get(&context, "/admin/policies", "localhost").await;
        let list = json_of(&list);
        assert_eq!(list["policies"].as_array().unwrap().len(), 6);
        assert_eq!(
            list["policies"][1]["primaryKey"], rotated["primaryKey"],
            "{list}"
        );
        assert_eq!(ask(&context, "DELETE", path, "localhost").await.0, 200);
        assert_eq!(ask(&context, "DELETE", path, "localhost").await.0, 404);
    }

    #[tokio::test]
    async fn a_policy_is_of_one_hub() {
        // AUTH-8, HUB-1
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        ask(&context, "PUT", "/admin/hubs/orders", "localhost").await;
        let path = "/admin/policies/iothubowner/rotate?hub=orders";
        let (status, _) = send(&context, "POST", path, "localhost", r#"{"key":"both"}"#).await;
        assert_eq!(status, 200);
        let orders = context.connection.directory.find("orders.localhost");
        let (own, default) = (orders.unwrap().policies(), hub.context.hub.policies());
        assert_ne!(own.get("iothubowner"), default.get("iothubowner"));
        assert_eq!(own.get("service"), default.get("service"));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_policy_is_said_and_no_key_is_told() {
        // AUTH-6, AUTH-8
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        let mut told = String::new();
        for (verb, path, body) in [
            ("PUT", "a%20b", r#"{"permissions":["DeviceConnect"]}"#),
            ("PUT", "a", r#"{"permissions":[]}"#),
            ("PUT", "a", r#"{"permissions":["Everything"]}"#),
            (
                "PUT",
                "a",
                r#"{"permissions":["DeviceConnect"],"primaryKey":"c2VjcmV0"}"#,
            ),
            (
                "PUT",
                "a",
                r#"{"permissions":["DeviceConnect"],"key":"c2VjcmV0"}"#,
            ),
            ("POST", "a/rotate", r#"{"key":"both"}"#),
            ("POST", "service/rotate", r#"{"key":"first"}"#),
            ("DELETE", "a", ""),
        ] {
            let path = format!("/admin/policies/{path}");
            let (status, answer) = send(&context, verb, &path, "localhost", body).await;
            assert!(!answer.contains("c2VjcmV0"), "{answer}");
            writeln!(
                told,
                "{verb} {path} {status} {}",
                json_of(&answer)["detail"]
            )
            .unwrap();
        }
        insta::assert_snapshot!(told);
    }
}
