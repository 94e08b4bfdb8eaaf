//! Scheduled jobs as the service makes, reads, cancels and lists them.
//!
//! The forms are those of Azure/azure-iot-hub-python's `JobRequest` and `JobResponse`.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hub_core::HubError;
use hub_core::jobs::{JobFilter, JobId, JobNumber, JobSpec, JobStatus, JobType, JobView, JobWork};
use hub_core::twin::TwinUpdate;
use hub_proto::error_code::ErrorCode;
use hub_proto::time::Timestamp;
use hyper::Method;
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::json::JsonObject;
use super::methods::read_call;
use super::operation::{Answer, Fidelity, Operation};
use super::query::{CONTINUATION, ITEM_TYPE, page_size};
use super::reply::{Reply, json};

/// Scheduled jobs.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "Jobs_CreateScheduledJob",
        verb: Method::PUT,
        path: "jobs/v2/{jobId}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::WithBody(create),
        document: Document {
            summary: "Schedules a twin update or a direct method for every device of a condition.",
            query: &[],
            headers: &[],
            body: Body::Json("JobRequest"),
            answers: &[(200, "JobResponse")],
            errors: &[
                ErrorCode::ArgumentNull,
                ErrorCode::JobAlreadyExists,
                ErrorCode::MessageTooLarge,
                ErrorCode::ThrottlingMaxActiveJobCountExceeded,
            ],
        },
    },
    Operation {
        name: "Jobs_GetScheduledJob",
        verb: Method::GET,
        path: "jobs/v2/{jobId}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(get),
        document: Document {
            summary: "Reads a job; of one that is not there, it says that it is unknown.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "JobResponse")],
            errors: &[],
        },
    },
    Operation {
        name: "Jobs_CancelScheduledJob",
        verb: Method::POST,
        path: "jobs/v2/{jobId}/cancel",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(cancel),
        document: Document {
            summary: "Cancels a job that has not started.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "JobResponse")],
            errors: &[
                ErrorCode::JobNotFound,
                ErrorCode::OperationNotAllowedInCurrentState,
            ],
        },
    },
    Operation {
        name: "Jobs_QueryScheduledJobs",
        verb: Method::GET,
        path: "jobs/v2/query",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(list),
        document: Document {
            summary: "Lists jobs, page by page.",
            query: &["jobType", "jobStatus", "pageSize", "continuationToken"],
            headers: &["x-ms-continuation", "x-ms-max-item-count"],
            body: Body::None,
            answers: &[(200, "JobResponses")],
            errors: &[ErrorCode::ArgumentInvalid],
        },
    },
];

/// Longest condition, in characters: that of a query.
const CONDITION_CHARS_MAX: usize = 8192;

/// The kinds of jobs that are scheduled.
const TYPES: [JobType; 2] = [JobType::ScheduleUpdateTwin, JobType::ScheduleDeviceMethod];

/// Kinds of jobs that the service API knows and that are not scheduled.
const OTHER_TYPES: [&str; 12] = [
    "unknown",
    "export",
    "import",
    "backup",
    "readDeviceProperties",
    "writeDeviceProperties",
    "updateDeviceConfiguration",
    "rebootDevice",
    "factoryResetDevice",
    "firmwareUpdate",
    "restoreFromBackup",
    "failoverDataCopy",
];

/// Statuses that the service API knows and no scheduled job has.
const OTHER_STATUSES: [&str; 2] = ["unknown", "enqueued"];

/// `PUT /jobs/v2/{jobId}`.
fn create(call: &Call, body: &[u8]) -> Result<Reply, Refusal> {
    let spec = read(call, job_id(call)?, body)?;
    let job = call.hub.create_job(spec)?;
    // The real hub says no more at this point.
    print(&JobResponse::new(
        job.spec.id.as_str(),
        job.spec.work.job_type().name(),
        job.status.name(),
    ))
}

/// `GET /jobs/v2/{jobId}`. An unknown job is no 404: the CLI goes on to ask for an import or export
/// of that id (Azure/azure-iot-cli-extension `job.py`).
fn get(call: &Call) -> Result<Reply, Refusal> {
    let id = job_id(call)?;
    match call.hub.job(&id) {
        Some(job) => print(&JobResponse::of(&job)),
        None => print(&JobResponse::new(id.as_str(), "unknown", "unknown")),
    }
}

/// `POST /jobs/v2/{jobId}/cancel`. Its body, nothing or `null`, is not read.
fn cancel(call: &Call) -> Result<Reply, Refusal> {
    let job = call.hub.cancel_job(&job_id(call)?)?;
    print(&JobResponse::of(&job))
}

/// `GET /jobs/v2/query`. The page size and the token come as headers from SDKs, and as parameters in
/// the documentation.
fn list(call: &Call) -> Result<Reply, Refusal> {
    let (filter, matches_none) = read_filter(call)?;
    let limit = match call.parameter("pageSize") {
        Some(text) => page_size(&text, "pageSize")?,
        None => match call.header("x-ms-max-item-count") {
            Some(text) => page_size(text, "x-ms-max-item-count")?,
            None => page_size("", "")?,
        },
    };
    let token = call.header(CONTINUATION).map(str::to_owned);
    let token = token.or_else(|| call.parameter("continuationToken"));
    let after = token.map(|token| read_token(&token)).transpose()?;
    let mut jobs = Vec::new();
    if !matches_none {
        jobs = call.hub.jobs(filter, after, limit + 1);
    }
    let is_last = jobs.len() <= limit;
    jobs.truncate(limit);
    let responses: Vec<JobResponse<'_>> = jobs.iter().map(JobResponse::of).collect();
    let mut reply = print(&responses)?;
    reply.set(ITEM_TYPE, "JobResponse");
    if let Some(last) = jobs.last().filter(|_| !is_last) {
        reply.set(CONTINUATION, &print_token(last.number));
    }
    Ok(reply)
}

fn job_id(call: &Call) -> Result<JobId, Refusal> {
    Ok(JobId::parse(call.id("jobId")).map_err(HubError::from)?)
}

fn read(call: &Call, id: JobId, body: &[u8]) -> Result<JobSpec, Refusal> {
    let limits = call.hub.limits();
    let body = JsonObject::parse(body)?;
    if let Some(other) = body.string("jobId")?.filter(|other| other != id.as_str()) {
        return Err(Refusal::argument(format!(
            "the job id '{other}' in the body is not the '{id}' in the path"
        )));
    }
    let job_type = body.string("type")?.ok_or(HubError::Missing("type"))?;
    let work = match type_named(&job_type) {
        Some(JobType::ScheduleUpdateTwin) => {
            let text = body.get("updateTwin");
            let text = text.ok_or(HubError::Missing("updateTwin"))?;
            JobWork::UpdateTwin {
                update: TwinUpdate::parse(text.as_bytes(), limits)?,
                text: text.into(),
            }
        }
        Some(JobType::ScheduleDeviceMethod) => {
            let text = body.get("cloudToDeviceMethod");
            let text = text.ok_or(HubError::Missing("cloudToDeviceMethod"))?;
            let method = read_call(text.as_bytes(), limits.method_payload_bytes)?;
            JobWork::InvokeMethod {
                name: method.name,
                payload: method.payload,
                timeouts: method.timeouts,
                text: text.into(),
            }
        }
        None => {
            return Err(Refusal::new(
                ErrorCode::GenericBadRequest,
                format!("'{job_type}' is not a kind of job that can be scheduled"),
            ));
        }
    };
    let condition = body.string("queryCondition")?;
    let condition = condition.filter(|text| !text.trim().is_empty());
    let condition = condition.ok_or(HubError::Missing("queryCondition"))?;
    if condition.chars().count() > CONDITION_CHARS_MAX {
        return Err(Refusal::argument(format!(
            "queryCondition has more than {CONDITION_CHARS_MAX} characters"
        )));
    }
    let start = body.string("startTime")?.filter(|text| !text.is_empty());
    Ok(JobSpec {
        id,
        work,
        condition: condition.into(),
        start: start.map(|text| read_time(&text)).transpose()?,
        max_execution: match body.integer("maxExecutionTimeInSeconds")? {
            None | Some(0) => limits.jobs.max_execution,
            Some(seconds) => Duration::from_secs(u64::try_from(seconds).map_err(|_| {
                Refusal::argument("maxExecutionTimeInSeconds must not be negative")
            })?),
        },
    })
}

/// Reads a time of ISO 8601; one without an offset, as Python's samples send it, is UTC.
fn read_time(text: &str) -> Result<Timestamp, Refusal> {
    let refusal = || {
        Refusal::argument(format!(
            "startTime '{text}' is not a time such as 2026-11-22T10:00:00Z"
        ))
    };
    let text = text.replacen(' ', "T", 1);
    let at = OffsetDateTime::parse(&text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .map_err(|_| refusal())?;
    let before_1970 = Timestamp::from_unix_seconds(at.unix_timestamp());
    let since_epoch = Duration::try_from(at - OffsetDateTime::UNIX_EPOCH);
    Ok(since_epoch.map_or(before_1970, Timestamp::from_unix))
}

fn type_named(name: &str) -> Option<JobType> {
    let named = |of: &JobType| of.name().eq_ignore_ascii_case(name);
    TYPES.into_iter().find(named)
}

/// What the list is about, and whether nothing can match. C# writes the names of enumerations with
/// capitals, so case does not count.
fn read_filter(call: &Call) -> Result<(JobFilter, bool), Refusal> {
    let (mut filter, mut matches_none) = (JobFilter::default(), false);
    if let Some(name) = call.parameter("jobType").filter(|name| !name.is_empty()) {
        filter.job_type = type_named(&name);
        matches_none = filter.job_type.is_none();
        let is_named = |of: &str| of.eq_ignore_ascii_case(&name);
        if matches_none && !OTHER_TYPES.into_iter().any(is_named) {
            let text = format!("jobType '{name}' is not a kind of job");
            return Err(Refusal::argument(text));
        }
    }
    if let Some(name) = call.parameter("jobStatus").filter(|name| !name.is_empty()) {
        let is_named = |of: &str| of.eq_ignore_ascii_case(&name);
        let mut all = JobStatus::ALL.iter().copied();
        filter.status = all.find(|status| is_named(status.name()));
        if filter.status.is_none() {
            if !OTHER_STATUSES.into_iter().any(is_named) {
                let text = format!("jobStatus '{name}' is not a status of jobs");
                return Err(Refusal::argument(text));
            }
            matches_none = true;
        }
    }
    Ok((filter, matches_none))
}

/// A token says after which job to go on.
fn print_token(after: JobNumber) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("jobs:{}", after.0))
}

fn read_token(token: &str) -> Result<JobNumber, Refusal> {
    let unreadable = || Refusal::argument("the continuation token cannot be read");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token);
    let text = String::from_utf8(bytes.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
    let number = text
        .strip_prefix("jobs:")
        .and_then(|text| text.parse().ok());
    number.map(JobNumber).ok_or_else(unreadable)
}

fn print(response: &impl Serialize) -> Result<Reply, Refusal> {
    let text = serde_json::to_string(response)
        .map_err(|error| Refusal::new(ErrorCode::ServerError, error.to_string()))?;
    Ok(json(text))
}

/// A job as clients read it. What is not known is left out: C# cannot read a null where it expects a
/// time.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct JobResponse<'a> {
    job_id: &'a str,
    #[serde(rename = "type")]
    job_type: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_condition: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_execution_time_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_to_device_method: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_twin: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_job_statistics: Option<Statistics>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names of the service API")]
struct Statistics {
    device_count: usize,
    failed_count: usize,
    succeeded_count: usize,
    running_count: usize,
    pending_count: usize,
}

impl<'a> JobResponse<'a> {
    fn new(job_id: &'a str, job_type: &'static str, status: &'static str) -> Self {
        Self {
            job_id,
            job_type,
            status,
            ..Self::default()
        }
    }

    fn of(job: &'a JobView) -> Self {
        let spec = &*job.spec;
        let work = serde_json::from_str(spec.work.text()).ok();
        let (update_twin, cloud_to_device_method) = match spec.work.job_type() {
            JobType::ScheduleUpdateTwin => (work, None),
            JobType::ScheduleDeviceMethod => (None, work),
        };
        let statistics = job.statistics.map(|counts| Statistics {
            device_count: counts.devices(),
            failed_count: counts.failed,
            succeeded_count: counts.succeeded,
            running_count: counts.running,
            pending_count: counts.pending,
        });
        Self {
            job_id: spec.id.as_str(),
            job_type: spec.work.job_type().name(),
            status: job.status.name(),
            query_condition: Some(&spec.condition),
            created_time: Some(job.created.to_string()),
            start_time: Some(job.start.to_string()),
            end_time: job.ended.map(|at| at.to_string()),
            max_execution_time_in_seconds: Some(spec.max_execution.as_secs()),
            cloud_to_device_method,
            update_twin,
            failure_reason: job.failure.as_deref(),
            status_message: job.message.as_deref(),
            device_job_statistics: statistics,
        }
    }
}
