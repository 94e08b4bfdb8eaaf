//! The lines of the files: identities and configurations as they are exported, failures of an import.
//!
//! Source: Azure/azure-iot-sdk-csharp `ExportImportDevice.cs`, Azure/azure-iot-sdk-node
//! `e2etests/test/registry.js` (the end of a line).

use serde::Serialize;
use serde_json::value::RawValue;

use crate::registry::{DeviceIdentity, EdgeScopes, ModuleIdentity, PrintedAuthentication};
use crate::twin::TwinDocument;

/// Ends each line.
pub const LINE_END: &str = "\r\n";

/// The first line of an export without keys. It is no JSON, so that nobody imports the file by
/// accident; the words are Hubnerite's own.
pub const KEYS_EXCLUDED: &str = "The keys are not in this file since excludeKeysInExport was set. Importing it makes new keys; remove this line first.";

/// A device as a line, without its end. Without keys they are null.
pub fn device_line(device: &DeviceIdentity, twin: &TwinDocument, with_keys: bool) -> String {
    let parts = TwinParts::of(twin);
    print(&Row {
        id: device.id.as_str(),
        module_id: None,
        e_tag: &device.etag,
        status: Some(device.status.name()),
        status_reason: device.status_reason.as_deref(),
        authentication: PrintedAuthentication::of(&device.authentication, with_keys),
        twin_e_tag: &twin.etag,
        tags: parts.tags,
        properties: parts.properties,
        capabilities: Some(Capabilities {
            iot_edge: device.edge,
        }),
        device_scope: device.scopes.device.as_deref(),
        parent_scopes: parents(&device.scopes),
        managed_by: None,
    })
}

/// A module as a line, without its end. It says `enabled`, since an import wants a status on every
/// line.
pub fn module_line(module: &ModuleIdentity, twin: &TwinDocument, with_keys: bool) -> String {
    let parts = TwinParts::of(twin);
    print(&Row {
        id: module.device.as_str(),
        module_id: Some(module.id.as_str()),
        e_tag: &module.etag,
        status: Some("enabled"),
        status_reason: None,
        authentication: PrintedAuthentication::of(&module.authentication, with_keys),
        twin_e_tag: &twin.etag,
        tags: parts.tags,
        properties: parts.properties,
        capabilities: None,
        device_scope: None,
        parent_scopes: None,
        managed_by: module.managed_by.as_deref(),
    })
}

/// A configuration as a line, from its JSON text as the service prints it: the names of its members
/// begin with capitals in a file. `None` if the text is no object.
pub fn configuration_line(json: &str) -> Option<String> {
    let members: std::collections::BTreeMap<&str, &RawValue> = serde_json::from_str(json).ok()?;
    let mut line = String::from("{");
    for (name, file_name) in CONFIGURATION_MEMBERS {
        let Some(value) = members.get(name) else {
            continue;
        };
        if line.len() > 1 {
            line.push(',');
        }
        line.push('"');
        line.push_str(file_name);
        line.push_str("\":");
        line.push_str(value.get());
    }
    line.push('}');
    Some(line)
}

/// In the order of `ImportConfiguration.cs`.
const CONFIGURATION_MEMBERS: [(&str, &str); 12] = [
    ("id", "Id"),
    ("schemaVersion", "SchemaVersion"),
    ("labels", "Labels"),
    ("content", "Content"),
    ("contentType", "ContentType"),
    ("targetCondition", "TargetCondition"),
    ("createdTimeUtc", "CreatedTimeUtc"),
    ("lastUpdatedTimeUtc", "LastUpdatedTimeUtc"),
    ("priority", "Priority"),
    ("systemMetrics", "SystemMetrics"),
    ("metrics", "Metrics"),
    ("etag", "ETag"),
];

/// A line of an import that failed, without its end. `id` is what the line names, or nothing.
pub fn error_line(id: &str, code: u32, status: &str) -> String {
    print(&ErrorRow {
        device_id: id,
        error_code: code,
        error_status: status,
    })
}

fn print(row: &impl Serialize) -> String {
    serde_json::to_string(row).expect("texts and numbers are always JSON")
}

fn parents(scopes: &EdgeScopes) -> Option<&[Box<str>]> {
    (!scopes.parents.is_empty()).then_some(&*scopes.parents)
}

/// What a row shows of a twin, byte for byte.
#[derive(serde::Deserialize)]
struct TwinParts<'a> {
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

impl<'a> TwinParts<'a> {
    fn of(twin: &'a TwinDocument) -> Self {
        let mut parts: Self =
            serde_json::from_str(&twin.json).expect("the hub prints twins as objects");
        // There even when empty.
        parts.tags = parts.tags.or_else(|| serde_json::from_str("{}").ok());
        parts
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    module_id: Option<&'a str>,
    e_tag: &'a str,
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<&'a str>,
    authentication: PrintedAuthentication<'a>,
    #[serde(rename = "twinETag")]
    twin_e_tag: &'a str,
    tags: Option<&'a RawValue>,
    properties: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Capabilities>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_scopes: Option<&'a [Box<str>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    managed_by: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    iot_edge: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorRow<'a> {
    device_id: &'a str,
    error_code: u32,
    error_status: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_have_capitals_in_a_file_and_keep_their_texts() {
        // JOB-18
        let json = r#"{"id":"c","content":{"deviceContent":{"a":1.0}},"priority":5,"etag":"MQ==","unknown":1}"#;
        assert_eq!(
            configuration_line(json).unwrap(),
            r#"{"Id":"c","Content":{"deviceContent":{"a":1.0}},"Priority":5,"ETag":"MQ=="}"#
        );
        assert_eq!(configuration_line("[]"), None);
    }

    #[test]
    fn a_failure_names_the_device_the_number_and_the_reason() {
        // JOB-17
        assert_eq!(
            error_line("d1", 409_001, "DeviceAlreadyExists;\"d1\""),
            r#"{"deviceId":"d1","errorCode":409001,"errorStatus":"DeviceAlreadyExists;\"d1\""}"#
        );
    }
}
