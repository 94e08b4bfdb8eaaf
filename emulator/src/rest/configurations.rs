//! Automatic device configurations. What one may be, and what it does, is the core's.

use std::fmt::Write as _;

use hub_core::configuration::{ConfigurationId, ConfigurationSpec, Content, test_queries};
use hub_core::registry::IfMatch;
use hub_core::{HubError, Limits};
use hub_proto::error_code::ErrorCode;
use hyper::Method;
use serde_json::{Map, Value, json};

use super::auth::Need;
use super::bulk::failure;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::JsonObject;
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{self, Reply, entity, no_content};
use crate::hub::{CountedConfiguration, HubHandle};
use crate::transfer::RowFailure;

const COUNTED_AT_ONCE: Fidelity =
    Fidelity::Approximate("metrics are counted at once, not every 5 minutes");
const DEPLOYED_ONCE: Fidelity = Fidelity::Approximate(
    "a deployment that gives properties to a module that its $edgeAgent does not name is refused",
);

/// Configurations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "Configuration_GetConfigurations",
        verb: Method::GET,
        path: "configurations",
        need: Need::RegistryReadOrServiceConnect,
        fidelity: COUNTED_AT_ONCE,
        shape: Shape::Legacy,
        answer: Answer::Now(|call| Ok(list(call))),
        document: Document {
            summary: "Lists configurations.",
            query: &["top"],
            headers: &[],
            body: Body::None,
            answers: &[(200, "Configurations")],
            errors: &[],
        },
    },
    Operation {
        name: "Configuration_Get",
        verb: Method::GET,
        path: "configurations/{cfg}",
        need: Need::RegistryReadOrServiceConnect,
        fidelity: COUNTED_AT_ONCE,
        shape: Shape::Legacy,
        answer: Answer::Now(get),
        document: Document {
            summary: "Reads a configuration.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "Configuration")],
            errors: &[ErrorCode::ConfigurationNotFound],
        },
    },
    Operation {
        name: "Configuration_CreateOrUpdate",
        verb: Method::PUT,
        path: "configurations/{cfg}",
        need: Need::RegistryWriteOrServiceConnect,
        fidelity: COUNTED_AT_ONCE,
        shape: Shape::Legacy,
        answer: Answer::WithBody(put),
        document: Document {
            summary: "Creates a configuration or, with If-Match, updates it; its content stays.",
            query: &[],
            headers: &["If-Match"],
            body: Body::Json("Configuration"),
            answers: &[(200, "Configuration")],
            errors: &[
                ErrorCode::InvalidConfigurationTargetCondition,
                ErrorCode::InvalidConfigurationContent,
                ErrorCode::InvalidConfigurationCustomMetricsQuery,
                ErrorCode::ConfigurationNotFound,
                ErrorCode::ConfigurationAlreadyExists,
                ErrorCode::PreconditionFailed,
                ErrorCode::ConfigurationCountLimitExceeded,
            ],
        },
    },
    Operation {
        name: "Configuration_Delete",
        verb: Method::DELETE,
        path: "configurations/{cfg}",
        need: Need::RegistryWriteOrServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(delete),
        document: Document {
            summary: "Deletes a configuration; what it wrote stays.",
            query: &[],
            headers: &["If-Match"],
            body: Body::None,
            answers: &[(204, "")],
            errors: &[
                ErrorCode::ConfigurationNotFound,
                ErrorCode::PreconditionFailed,
            ],
        },
    },
    Operation {
        name: "Configuration_TestQueries",
        verb: Method::POST,
        path: "configurations/testQueries",
        need: Need::RegistryReadOrServiceConnect,
        fidelity: Fidelity::Approximate("the texts of errors are Hubnerite's own"),
        shape: Shape::Legacy,
        answer: Answer::WithBody(test),
        document: Document {
            summary: "Says what is wrong with a target condition and metric queries.",
            query: &[],
            headers: &[],
            body: Body::Json("ConfigurationQueries"),
            answers: &[(200, "ConfigurationQueriesTest")],
            errors: &[],
        },
    },
    Operation {
        name: "Configuration_ApplyOnEdgeDevice",
        verb: Method::POST,
        path: "devices/{id}/applyConfigurationContent",
        need: Need::RegistryWriteOrServiceConnect,
        fidelity: DEPLOYED_ONCE,
        shape: Shape::Legacy,
        answer: Answer::WithBody(apply),
        document: Document {
            summary: "Writes a content into one device's twin, or deploys modules to an Edge device, once.",
            query: &[],
            headers: &[],
            body: Body::Json("ConfigurationContent"),
            answers: &[(204, "")],
            errors: &[
                ErrorCode::InvalidConfigurationContent,
                ErrorCode::DeviceNotFound,
                ErrorCode::ArgumentInvalid,
            ],
        },
    },
];

/// `GET /configurations?top=N`. A live hub ignores `top`; there are 100 at most.
fn list(call: &Call) -> Reply {
    let top = call.parameter("top").and_then(|top| top.parse().ok());
    let all = call.hub.configurations();
    let bodies = all
        .iter()
        .take(top.filter(|top| *top > 0).unwrap_or(usize::MAX));
    let bodies: Vec<String> = bodies.map(print).collect();
    reply::json(format!("[{}]", bodies.join(",")))
}

fn get(call: &Call) -> Result<Reply, Refusal> {
    Ok(answer(&call.hub.configuration(&id(call)?)?))
}

fn put(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let spec = read_spec(id(call)?, body, call.hub.limits())?;
    let written = call.hub.put_configuration(spec, &call.if_match())?;
    Ok(answer(&written))
}

fn delete(call: &Call) -> Result<Reply, Refusal> {
    call.hub
        .delete_configuration(&id(call)?, &call.if_match())?;
    Ok(no_content())
}

fn test(_: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let body = JsonObject::parse(body)?;
    let condition = body.string("targetCondition")?;
    let metrics = match body.get("customMetricQueries") {
        Some(text) => read_texts("customMetricQueries", text)?,
        None => Vec::new(),
    };
    let test = test_queries(condition.as_deref(), &metrics);
    let errors: Map<String, Value> = test
        .metric_errors
        .into_iter()
        .map(|(name, error)| (name, error.into()))
        .collect();
    let mut answer = Map::new();
    if let Some(error) = test.condition_error {
        answer.insert("targetConditionError".to_owned(), error.into());
    }
    answer.insert("customMetricQueryErrors".to_owned(), errors.into());
    Ok(reply::json(Value::from(answer).to_string()))
}

fn apply(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let device = call.device_id()?;
    let text = std::str::from_utf8(body)
        .map_err(|_| Refusal::from(HubError::Format("the body is not UTF-8".to_owned())))?;
    let content = Content::parse(text, call.hub.limits())?;
    call.hub.apply_configuration_content(&device, &content)?;
    Ok(no_content())
}

fn id(call: &Call) -> Result<ConfigurationId, Refusal> {
    Ok(ConfigurationId::parse(call.id("cfg"))?)
}

/// Reads the body of a PUT. What is read-only, the etag among it, is ignored.
pub(super) fn read_spec(
    id: ConfigurationId,
    body: &[u8],
    limits: &Limits,
) -> Result<ConfigurationSpec, Refusal> {
    let body = JsonObject::parse(body)?;
    if let Some(named) = body.string("id")?.filter(|named| named != id.as_str()) {
        return Err(Refusal::argument(format!(
            "The id '{named}' of the body is not the one of the path, '{id}'."
        )));
    }
    let content = body.get("content").ok_or_else(|| {
        Refusal::from(HubError::ConfigurationContent(
            "content is required".to_owned(),
        ))
    })?;
    let content = Content::parse(content, limits)?;
    let metrics = body.object("metrics")?;
    let queries = metrics.as_ref().and_then(|metrics| metrics.get("queries"));
    let metrics = match queries {
        Some(text) => read_texts("metrics.queries", text)?,
        None => Vec::new(),
    };
    let labels = body.get("labels");
    if let Some(text) = labels {
        read_texts("labels", text)?;
    }
    Ok(ConfigurationSpec {
        id,
        schema_version: body.string("schemaVersion")?,
        labels: labels.map(str::to_owned),
        content_type: body.string("contentType")?,
        content,
        target_condition: body.string("targetCondition")?.unwrap_or_default(),
        priority: read_priority(&body)?,
        metrics,
    })
}

/// Every configuration, as the service prints it.
pub(super) fn print_all(hub: &HubHandle) -> Vec<String> {
    hub.configurations().iter().map(print).collect()
}

/// A line of an import: a configuration and its `importMode`.
pub(super) fn import_row(hub: &HubHandle, text: &str) -> Result<(), RowFailure> {
    let row = JsonObject::parse(text.as_bytes()).map_err(|refusal| failure("", &refusal))?;
    let named = row.string("id").ok().flatten().unwrap_or_default();
    import(hub, &row, text).map_err(|refusal| failure(&named, &refusal))
}

fn import(hub: &HubHandle, row: &JsonObject<'_>, text: &str) -> Result<(), Refusal> {
    let id = row.string("id")?.ok_or(HubError::Missing("id"))?;
    let id = ConfigurationId::parse(&id)?;
    let mode = row.string("importMode")?.unwrap_or_default();
    let mode = mode.to_ascii_lowercase();
    let (mode, if_match) = match mode.strip_suffix("ifmatchetag") {
        Some(mode) => {
            let etag = row.string("etag")?.unwrap_or_default();
            let etag = etag.trim_matches('"').to_owned();
            (mode, IfMatch::Etag(etag))
        }
        None => (&*mode, IfMatch::Any),
    };
    let is_there = hub.configuration(&id).is_ok();
    let if_match = match (mode, is_there) {
        ("delete", _) => return Ok(hub.delete_configuration(&id, &if_match)?),
        ("create", _) | ("" | "createorupdate", false) => IfMatch::Absent,
        ("update", _) | ("" | "createorupdate", true) => if_match,
        _ => {
            let text = format!("The importMode '{mode}' is not one of configurations.");
            return Err(Refusal::argument(text));
        }
    };
    let spec = read_spec(id, text.as_bytes(), hub.limits())?;
    hub.put_configuration(spec, &if_match)?;
    Ok(())
}

fn read_priority(body: &JsonObject<'_>) -> Result<u32, Refusal> {
    let priority = body.integer("priority")?.unwrap_or(0);
    match u32::try_from(priority) {
        // The SDKs read it into 32 bits with a sign.
        Ok(priority) if i32::try_from(priority).is_ok() => Ok(priority),
        Ok(_) | Err(_) => Err(Refusal::argument(format!(
            "The priority {priority} is not between 0 and {}.",
            i32::MAX
        ))),
    }
}

/// An object of texts, its names unique: the last of equal ones wins.
fn read_texts(name: &str, text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| wrong_type(name, "an object of strings"))?;
    let mut texts = Vec::new();
    for (key, value) in object {
        let Value::String(value) = value else {
            return Err(wrong_type(name, "an object of strings"));
        };
        texts.push((key, value));
    }
    Ok(texts)
}

fn wrong_type(name: &str, what: &str) -> Refusal {
    let text = format!("{name} must be {what}");
    Refusal::new(ErrorCode::DeserializationError, text)
}

fn answer(counted: &CountedConfiguration) -> Reply {
    entity(print(counted), &counted.state.configuration.etag)
}

/// A configuration as the service prints it: this casing, this order.
fn print(counted: &CountedConfiguration) -> String {
    let CountedConfiguration { state, counts } = counted;
    let configuration = &state.configuration;
    let mut system_results = Map::new();
    if state.is_evaluated {
        system_results.insert("targetedCount".to_owned(), counts.targeted.into());
        system_results.insert("appliedCount".to_owned(), counts.applied.into());
        for (name, count) in &state.system_results {
            system_results.insert(name.clone(), (*count).into());
        }
    }
    let system_queries = configuration.system_queries().into_iter();
    let system_queries: Map<String, Value> = system_queries
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    let queries: Map<String, Value> = configuration
        .metrics
        .iter()
        .map(|(name, text)| (name.clone(), text.clone().into()))
        .collect();
    let mut out = String::new();
    let written = write!(
        out,
        "{{\"id\":{},\"schemaVersion\":{},\"labels\":{},\"content\":{},",
        json!(configuration.id.as_str()),
        json!(configuration.schema_version),
        // The texts keep the form they came in.
        configuration.labels.as_deref().unwrap_or("null"),
        configuration.content.text(),
    );
    written.expect("a String takes any text");
    if let Some(content_type) = &configuration.content_type {
        write!(out, "\"contentType\":{},", json!(content_type)).expect("a String takes any text");
    }
    let written = write!(
        out,
        "\"targetCondition\":{},\"createdTimeUtc\":\"{}\",\"lastUpdatedTimeUtc\":\"{}\",\
         \"priority\":{},\"systemMetrics\":{{\"results\":{},\"queries\":{}}},\
         \"metrics\":{{\"results\":{},\"queries\":{}}},\"etag\":{}}}",
        json!(configuration.target_condition),
        configuration.created,
        configuration.updated,
        configuration.priority,
        Value::from(system_results),
        Value::from(system_queries),
        json!(state.results),
        Value::from(queries),
        json!(configuration.etag),
    );
    written.expect("a String takes any text");
    out
}
