//! The hubs of the process: which there are, making and removing them.

use std::collections::BTreeMap;

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Problem, json_document};
use super::call::Call;
use super::choose;
use super::hub_json::connection_strings;
use super::route::{Handler, RequestBody, ResponseBody, Route};
use super::snapshot::{JOBS, export, which_jobs};
use crate::directory::{CreateHubError, ForkError, NameTaken, When};
use crate::host_names::HubHost;
use crate::hub::HubHandle;

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "hubs",
        verb: Method::GET,
        path: "/admin/hubs",
        summary: "The hubs of the process, the default one first",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: list_schema,
        },
        handler: Handler::Always(list),
    },
    Route {
        name: "createHub",
        verb: Method::PUT,
        path: "/admin/hubs/{name}",
        summary: "Makes a hub of that name, unless there is one",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: created_schema,
        },
        handler: Handler::Now(create),
    },
    Route {
        name: "namedHub",
        verb: Method::GET,
        path: "/admin/hubs/{name}",
        summary: "One hub of the process with its connection strings",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: one_schema,
        },
        handler: Handler::Now(show),
    },
    Route {
        name: "forkHub",
        verb: Method::POST,
        path: "/admin/hubs/{name}/fork",
        summary: "Makes a hub that begins as a copy of another; from then on they are two",
        parameters: &[],
        request: Some(RequestBody::json(fork_schema)),
        response: ResponseBody {
            content_type: JSON,
            schema: created_schema,
        },
        handler: Handler::Now(fork),
    },
    Route {
        name: "deleteHub",
        verb: Method::DELETE,
        path: "/admin/hubs/{name}",
        summary: "Removes a hub with all that is in it, and closes its connections",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: deleted_schema,
        },
        handler: Handler::Now(delete),
    },
];

fn summary_schema() -> Value {
    json!({
        "type": "object",
        "required": ["name", "hostName", "isDefault", "devices", "newestEvent"],
        "properties": {
            "name": { "type": "string", "description": "the host name without .localhost" },
            "hostName": { "type": "string", "description": "as in connection strings" },
            "isDefault": { "type": "boolean" },
            "devices": { "type": "integer" },
            "newestEvent": { "type": "integer", "description": "its number; 0: nothing happened yet" }
        }
    })
}

fn list_schema() -> Value {
    json!({
        "type": "object",
        "required": ["hubs"],
        "properties": { "hubs": { "type": "array", "items": summary_schema() } }
    })
}

fn one_schema() -> Value {
    let mut schema = summary_schema();
    schema["properties"]["connectionStrings"] = json!({
        "type": "object", "additionalProperties": { "type": "string" },
        "description": "by policy, with the primary key"
    });
    schema
}

fn created_schema() -> Value {
    let mut schema = one_schema();
    schema["properties"]["created"] =
        json!({ "type": "boolean", "description": "false: there was one already" });
    schema
}

fn fork_schema() -> Value {
    json!({
        "type": "object",
        "required": ["to"],
        "additionalProperties": false,
        "properties": {
            "to": { "type": "string", "description": "the name of the new hub" },
            "replace": { "type": "boolean", "description": "in place of a hub of that name" },
            "jobs": { "enum": ["all", "none"], "description": JOBS.summary }
        }
    })
}

fn deleted_schema() -> Value {
    json!({
        "type": "object",
        "required": ["deleted"],
        "properties": { "deleted": { "type": "string", "description": "the hub's host name" } }
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    name: &'a str,
    host_name: &'a str,
    is_default: bool,
    devices: usize,
    newest_event: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_strings: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
}

impl<'a> Summary<'a> {
    fn of(hub: &'a HubHandle) -> Self {
        let host_name = hub.host_name();
        Self {
            name: hub.own_name().map_or(host_name, HubHost::short),
            host_name,
            is_default: hub.own_name().is_none(),
            devices: hub.device_count(),
            newest_event: hub.event_log().newest(),
            connection_strings: None,
            created: None,
        }
    }

    fn with_connection_strings(self, hub: &HubHandle) -> Self {
        let connection_strings = Some(connection_strings(hub, self.host_name));
        Self {
            connection_strings,
            ..self
        }
    }
}

fn list(call: &Call) -> Answer {
    let directory = &call.context.connection.directory;
    let own = directory.list();
    let hubs = std::iter::once(directory.default_hub()).chain(own.iter().map(|(_, hub)| hub));
    let hubs: Vec<_> = hubs.map(Summary::of).collect();
    json_document(&json!({ "hubs": hubs }))
}

fn show(call: &Call) -> Result<Answer, Problem> {
    let directory = &call.context.connection.directory;
    let hub = choose::named(directory, call.value(0))?;
    Ok(json_document(
        &Summary::of(&hub).with_connection_strings(&hub),
    ))
}

/// Idempotent, so that a suite that was killed may simply run again; the answer tells which it was.
fn create(call: &Call) -> Result<Answer, Problem> {
    let directory = &call.context.connection.directory;
    let name = own_name(call, call.value(0))?;
    let (hub, is_new) = match directory.create(name, When::Later) {
        Ok(hub) => (hub, true),
        Err(CreateHubError::Exists(name)) => match directory.get(&name) {
            Some(hub) => (hub, false),
            None => return Err(removed_meanwhile(&name)),
        },
        Err(error) => return Err(Problem::new(StatusCode::CONFLICT, error.to_string())),
    };
    let summary = Summary {
        created: Some(is_new),
        ..Summary::of(&hub).with_connection_strings(&hub)
    };
    Ok(json_document(&summary))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fork {
    to: String,
    #[serde(default)]
    replace: bool,
    #[serde(default)]
    jobs: Option<String>,
}

fn fork(call: &Call) -> Result<Answer, Problem> {
    let directory = &call.context.connection.directory;
    let Fork { to, replace, jobs } = call.json()?;
    let which = which_jobs(jobs.as_deref())?;
    let source = choose::named(directory, call.value(0))?;
    let to = own_name(call, &to)?;
    if source.own_name() == Some(&to) {
        let detail = format!("{to} cannot be a copy of itself");
        return Err(Problem::new(StatusCode::CONFLICT, detail).with_remedy("name another"));
    }
    let if_taken = if replace {
        NameTaken::Replace
    } else {
        NameTaken::Refuse
    };
    let image = export(&source, which)?;
    let hub = directory
        .fork(&source, &image, to, if_taken)
        .map_err(|error| match error {
            ForkError::Create(CreateHubError::Exists(_)) => {
                Problem::new(StatusCode::CONFLICT, error.to_string())
                    .with_remedy("name another, or have it replaced (\"replace\": true, --replace)")
            }
            error => Problem::new(StatusCode::CONFLICT, error.to_string()),
        })?;
    let summary = Summary {
        created: Some(true),
        ..Summary::of(&hub).with_connection_strings(&hub)
    };
    Ok(json_document(&summary))
}

fn delete(call: &Call) -> Result<Answer, Problem> {
    let directory = &call.context.connection.directory;
    let name = own_name(call, call.value(0))?;
    if !directory.delete(&name) {
        let detail = format!("there is no hub {name}");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail).with_remedy("see /admin/hubs"));
    }
    Ok(json_document(&json!({ "deleted": name.as_str() })))
}

/// A name that may be anything but the default hub's.
fn own_name(call: &Call, name: &str) -> Result<HubHost, Problem> {
    let default = call.context.connection.directory.default_hub();
    if default.is_host(name) {
        let detail = format!("{name:?} is the default hub");
        return Err(Problem::new(StatusCode::CONFLICT, detail)
            .with_remedy("it is always there; name another, such as /admin/hubs/orders"));
    }
    choose::parse(name)
}

fn removed_meanwhile(name: &HubHost) -> Problem {
    let detail = format!("somebody else has just removed the hub {name}");
    Problem::new(StatusCode::CONFLICT, detail).with_remedy("ask again")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::tests::{ask, context, get};
    use super::*;
    use crate::test_hub::{TestHub, spec};

    fn json_of(body: &str) -> Value {
        serde_json::from_str(body).unwrap()
    }

    #[tokio::test]
    async fn a_hub_is_made_once_listed_shown_and_removed() {
        // HUB-6
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        for (name, is_new) in [("orders", true), ("Orders.localhost", false)] {
            let path = format!("/admin/hubs/{name}");
            let (status, body) = ask(&context, "PUT", &path, "localhost").await;
            let body = json_of(&body);
            assert_eq!((status, body["created"] == true), (200, is_new), "{name}");
            let owner = body["connectionStrings"]["iothubowner"].as_str().unwrap();
            assert!(owner.starts_with("HostName=orders.localhost;"), "{owner}");
        }
        let orders = context.connection.directory.find("orders.localhost");
        orders.unwrap().create_device(spec("d")).unwrap();
        let (_, list) = get(&context, "/admin/hubs", "localhost").await;
        assert_eq!(
            json_of(&list),
            json!({ "hubs": [
                { "name": "localhost", "hostName": "localhost", "isDefault": true, "devices": 0,
                  "newestEvent": 0 },
                { "name": "orders", "hostName": "orders.localhost", "isDefault": false, "devices": 1,
                  "newestEvent": 1 },
            ] })
        );
        let (_, one) = get(&context, "/admin/hubs/orders", "localhost").await;
        assert_eq!(json_of(&one)["devices"], 1);
        assert!(json_of(&one)["connectionStrings"]["service"].is_string());
        let path = "/admin/hubs/orders";
        assert_eq!(ask(&context, "DELETE", path, "localhost").await.0, 200);
        assert_eq!(ask(&context, "DELETE", path, "localhost").await.0, 404);
        assert_eq!(get(&context, path, "localhost").await.0, 404);
    }

    #[tokio::test]
    async fn what_cannot_be_made_or_removed_is_refused_with_its_remedy() {
        // HUB-4, HUB-6
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        let mut told = String::new();
        for (verb, name) in [
            ("PUT", "localhost"),
            ("DELETE", "hub.example"),
            ("PUT", "shop.example"),
            ("PUT", "127.0.0.7"),
            ("PUT", "10.0.0.1"),
            ("PUT", "a%20b"),
            ("DELETE", "orders"),
            ("PUT", "a"),
            ("PUT", "b"),
            ("PUT", "c"),
            ("PUT", "d"),
        ] {
            let path = format!("/admin/hubs/{name}");
            let (status, body) = ask(&context, verb, &path, "localhost").await;
            let (detail, remedy) = (&json_of(&body)["detail"], &json_of(&body)["remedy"]);
            writeln!(told, "{verb} {name}: {status} {detail} {remedy}").unwrap();
        }
        insta::assert_snapshot!(told);
    }

    #[tokio::test]
    async fn who_follows_the_log_of_a_removed_hub_is_told_all_of_it_and_let_go() {
        // HUB-6
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        ask(&context, "PUT", "/admin/hubs/orders", "localhost").await;
        let follow = get(
            &context,
            "/admin/events?hub=orders&follow=true",
            "localhost",
        );
        let remove = async {
            let orders = context.connection.directory.find("orders.localhost");
            orders.unwrap().create_device(spec("d")).unwrap();
            ask(&context, "DELETE", "/admin/hubs/orders", "localhost").await
        };
        let ((status, lines), _) = tokio::join!(follow, remove);
        assert_eq!((status, lines.lines().count()), (200, 1), "{lines}");
    }
}
