//! Imports and exports of identities: the first generation of jobs, whose ids the hub chooses.
//!
//! Source: Azure/azure-iot-hub-python `service.json` (`JobProperties`), Azure/azure-iot-sdk-node
//! `registry.ts`, Azure/azure-iot-sdk-csharp `JobProperties.cs`.

use hub_core::HubError;
use hub_core::jobs::JobId;
use hub_core::transfer::{TransferKind, TransferSpec, TransferView};
use hub_proto::error_code::ErrorCode;
use hyper::Method;
use hyper::body::Bytes;
use serde::Serialize;

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::JsonObject;
use super::operation::{Answer, Fidelity, Operation, Waiting};
use super::reply::{Reply, json, no_content, to_json};
use super::{bulk, configurations};
use crate::transfer::{self, RowCodec};

const FIDELITY: Fidelity = Fidelity::Partial("managed identities for storage");

/// Imports and exports; the first generation of jobs.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "Jobs_CreateImportExportJob",
        verb: Method::POST,
        path: "jobs/create",
        need: Need::RegistryWrite,
        fidelity: FIDELITY,
        shape: Shape::Legacy,
        answer: Answer::Later(create),
        document: Document {
            summary: "Imports identities from a container of blobs, or exports them into one.",
            query: &[],
            headers: &[],
            body: Body::Json("JobProperties"),
            answers: &[(200, "JobProperties")],
            errors: &[
                ErrorCode::ArgumentNull,
                ErrorCode::BlobContainerValidationError,
                ErrorCode::JobQuotaExceeded,
            ],
        },
    },
    Operation {
        name: "Jobs_GetImportExportJobs",
        verb: Method::GET,
        path: "jobs",
        need: Need::RegistryRead,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(|call| Ok(list(call))),
        document: Document {
            summary: "Lists import and export jobs, with those that ended.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "JobPropertiesList")],
            errors: &[],
        },
    },
    Operation {
        name: "Jobs_GetImportExportJob",
        verb: Method::GET,
        path: "jobs/{jobId}",
        need: Need::RegistryRead,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(get),
        document: Document {
            summary: "Reads an import or export job.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "JobProperties")],
            errors: &[ErrorCode::JobNotFound],
        },
    },
    Operation {
        name: "Jobs_CancelImportExportJob",
        verb: Method::DELETE,
        path: "jobs/{jobId}",
        need: Need::RegistryWrite,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(cancel),
        document: Document {
            summary: "Stops an import or export job; what it has done stays.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(204, "")],
            errors: &[ErrorCode::JobNotFound],
        },
    },
];

/// Rows read and print as those of bulk requests do.
const CODEC: RowCodec = RowCodec {
    import_identity: bulk::import_row,
    import_configuration: configurations::import_row,
    configurations: configurations::print_all,
};

/// `POST /jobs/create`.
fn create<'a>(call: &'a Call<'a>, body: Bytes) -> Waiting<'a> {
    Box::pin(async move {
        let spec = read(&body)?;
        let view = transfer::start(call.hub, spec, CODEC).await?;
        Ok(json(to_json(&JobProperties::of(&view))))
    })
}

/// `GET /jobs`: all that are remembered, on one page.
fn list(call: &Call) -> Reply {
    let views = call.hub.transfers();
    let jobs: Vec<_> = views.iter().map(JobProperties::of).collect();
    json(to_json(&jobs))
}

/// `GET /jobs/{jobId}`.
fn get(call: &Call) -> Result<Reply, Refusal> {
    let view = call.hub.transfer(job_id(call)?.as_str())?;
    Ok(json(to_json(&JobProperties::of(&view))))
}

/// `DELETE /jobs/{jobId}`. C# sends the id as `If-Match`, which says nothing.
fn cancel(call: &Call) -> Result<Reply, Refusal> {
    call.hub.cancel_transfer(job_id(call)?.as_str())?;
    Ok(no_content())
}

fn job_id(call: &Call) -> Result<JobId, Refusal> {
    Ok(JobId::parse(call.id("jobId")).map_err(HubError::from)?)
}

fn read(body: &[u8]) -> Result<TransferSpec, Refusal> {
    let body = JsonObject::parse(body)?;
    let kind = body.string("type")?.ok_or(HubError::Missing("type"))?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "import" => TransferKind::Import,
        "export" => TransferKind::Export,
        _ => {
            return Err(Refusal::new(
                ErrorCode::GenericBadRequest,
                format!("'{kind}' is not import or export"),
            ));
        }
    };
    refuse_managed_identities(&body)?;
    let text = |name: &'static str| -> Result<Option<Box<str>>, Refusal> {
        let text = body.string(name)?.filter(|text| !text.is_empty());
        Ok(text.map(Into::into))
    };
    let required = |name: &'static str| -> Result<Box<str>, Refusal> {
        Ok(text(name)?.ok_or(HubError::Missing(name))?)
    };
    let blob = |name: &'static str, usual: &str| -> Result<Box<str>, Refusal> {
        check_blob_name(name, text(name)?.unwrap_or_else(|| usual.into()))
    };
    let with_configurations = body.boolean("includeConfigurations")?.unwrap_or(false);
    let configurations = blob("configurationsBlobName", "configurations.txt")?;
    let (input_container, identities_blob) = match kind {
        TransferKind::Import => {
            let input = required("inputBlobContainerUri")?;
            (Some(input), blob("inputBlobName", DEVICES)?)
        }
        TransferKind::Export => (None, blob("outputBlobName", DEVICES)?),
    };
    Ok(TransferSpec {
        kind,
        input_container,
        output_container: required("outputBlobContainerUri")?,
        identities_blob,
        configurations_blob: with_configurations.then_some(configurations),
        exclude_keys: body.boolean("excludeKeysInExport")?.unwrap_or(false),
    })
}

fn refuse_managed_identities(body: &JsonObject<'_>) -> Result<(), Refusal> {
    let kind = body.string("storageAuthenticationType")?;
    match kind.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "keybased") => Ok(()),
        Some("identitybased") => Err(Refusal::not_implemented("managed identities for storage")),
        Some(other) => Err(Refusal::argument(format!(
            "The storageAuthenticationType '{other}' is not keyBased or identityBased."
        ))),
    }
}

fn check_blob_name(what: &str, name: Box<str>) -> Result<Box<str>, Refusal> {
    if name.chars().count() > BLOB_NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::argument(format!(
            "{what} must have at most {BLOB_NAME_CHARS_MAX} characters, none of them for control."
        )));
    }
    Ok(name)
}

const DEVICES: &str = "devices.txt";
/// Of Azure Blob Storage.
const BLOB_NAME_CHARS_MAX: usize = 1024;

/// A job as clients read it. Containers are not told, since their addresses carry signatures; what is
/// not known yet is left out, which C# wants of times.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobProperties<'a> {
    job_id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
    progress: u8,
    start_time_utc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time_utc: Option<String>,
    exclude_keys_in_export: bool,
    include_configurations: bool,
    failure_reason: Option<&'a str>,
}

impl<'a> JobProperties<'a> {
    fn of(view: &'a TransferView) -> Self {
        Self {
            job_id: &view.id,
            kind: view.kind.name(),
            status: view.status.name(),
            progress: view.progress,
            start_time_utc: view.start.to_string(),
            end_time_utc: view.end.map(|at| at.to_string()),
            exclude_keys_in_export: view.exclude_keys,
            include_configurations: view.with_configurations,
            failure_reason: view.failure.as_deref(),
        }
    }
}
