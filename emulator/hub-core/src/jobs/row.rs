//! The row that each device of a job has: what `SELECT * FROM devices.jobs` shows.

use std::borrow::Cow;
use std::fmt::Write as _;

use hub_proto::error_code::ErrorCode;
use hub_proto::ids::DeviceId;
use hub_proto::time::Timestamp;

use super::output::Outcome;
use super::spec::JobSpec;
use crate::error::HubError;
use crate::json::{minify, push_string};
use crate::method::MethodResult;

/// How far the work on one device is.
///
/// The service API also has `scheduled` and `canceled`; no row is ever either here, since rows are
/// made when a job starts, and a job that started cannot be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowStatus {
    /// Its turn has not come.
    Pending,
    /// Under way.
    Running,
    /// Done.
    Completed,
    /// Not done, and it will not be.
    Failed,
}

impl RowStatus {
    /// The status as the service API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// Why a device's part of a job failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The hub's code.
    pub code: ErrorCode,
    /// In words.
    pub description: Box<str>,
}

impl From<HubError> for RowError {
    fn from(error: HubError) -> Self {
        Self {
            code: error.code(),
            description: error.to_string().into(),
        }
    }
}

/// A row as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct RowView<'a> {
    /// Whose.
    pub device: &'a DeviceId,
    /// Of which job.
    pub job: &'a JobSpec,
    /// How far it is.
    pub status: RowStatus,
    /// When the job took the device up.
    pub created: Timestamp,
    /// When the work on the device began, if it did.
    pub started: Option<Timestamp>,
    /// When it ended, if it did.
    pub ended: Option<Timestamp>,
    /// What the device answered.
    pub answer: Option<&'a MethodResult>,
    /// Why it failed.
    pub error: Option<&'a RowError>,
}

impl RowView<'_> {
    /// When the row last changed.
    pub fn updated(&self) -> Timestamp {
        self.ended.or(self.started).unwrap_or(self.created)
    }

    /// The row as `devices.jobs` shows it: a JSON object without white space between its tokens. What
    /// is not known yet is left out: C# cannot read a null where it expects a time.
    pub fn document(&self) -> String {
        let mut out = String::with_capacity(256);
        out.push_str("{\"deviceId\":");
        push_string(&mut out, self.device.as_str());
        out.push_str(",\"jobId\":");
        push_string(&mut out, self.job.id.as_str());
        let (job_type, status) = (self.job.work.job_type().name(), self.status.name());
        let _ = write!(out, r#","jobType":"{job_type}","status":"{status}""#);
        let times = [
            ("startTimeUtc", self.started),
            ("endTimeUtc", self.ended),
            ("createdDateTimeUtc", Some(self.created)),
            ("lastUpdatedDateTimeUtc", Some(self.updated())),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                let _ = write!(out, r#","{name}":"{time}""#);
            }
        }
        if let Some(answer) = self.answer {
            let status = answer.status;
            let _ = write!(
                out,
                r#","outcome":{{"deviceMethodResponse":{{"status":{status},"payload":"#
            );
            out.push_str(&payload_text(&answer.payload));
            out.push_str("}}");
        }
        if let Some(error) = self.error {
            let code = error.code.number();
            let _ = write!(out, r#","error":{{"code":"{code}","description":"#);
            push_string(&mut out, &error.description);
            out.push('}');
        }
        out.push('}');
        out
    }
}

/// An answer as JSON text; it was checked when it came. An empty one is `null`.
fn payload_text(payload: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(payload) {
        Ok(text) if !text.trim().is_empty() => minify(text),
        _ => Cow::Borrowed("null"),
    }
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) device: DeviceId,
    pub(super) state: RowState,
}

#[derive(Debug)]
pub(super) enum RowState {
    Pending,
    Running {
        started: Timestamp,
    },
    Ended {
        started: Option<Timestamp>,
        ended: Timestamp,
        end: RowEnd,
    },
}

#[derive(Debug)]
pub(super) enum RowEnd {
    Updated,
    Answered(Box<MethodResult>),
    Failed(Box<RowError>),
}

impl RowEnd {
    /// What a result means for the row. The device's answer must be JSON: a row shows it inside
    /// JSON. Like a direct call, it has failed otherwise.
    pub(super) fn of(result: Result<Outcome, HubError>) -> Self {
        match result {
            Ok(Outcome::Updated) => Self::Updated,
            Ok(Outcome::Answered(answer)) => match check_json(&answer) {
                Ok(()) => Self::Answered(Box::new(answer)),
                Err(error) => Self::Failed(Box::new(error)),
            },
            Err(error) => Self::Failed(Box::new(error.into())),
        }
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// Bytes that the end adds to its row, roughly.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Updated => 0,
            Self::Answered(answer) => size_of::<MethodResult>() + answer.payload.len(),
            Self::Failed(error) => size_of::<RowError>() + error.description.len(),
        }
    }
}

fn check_json(answer: &MethodResult) -> Result<(), RowError> {
    if answer.payload.is_empty() {
        return Ok(());
    }
    match crate::json::check(&answer.payload) {
        Ok(_) => Ok(()),
        Err(error) => Err(RowError {
            code: ErrorCode::GenericBadGateway,
            description: format!(
                "The device answered the method with a body that is not JSON: {error}"
            )
            .into(),
        }),
    }
}

impl Row {
    pub(super) fn status(&self) -> RowStatus {
        match &self.state {
            RowState::Pending => RowStatus::Pending,
            RowState::Running { .. } => RowStatus::Running,
            RowState::Ended { end, .. } if end.is_failure() => RowStatus::Failed,
            RowState::Ended { .. } => RowStatus::Completed,
        }
    }

    pub(super) fn view<'a>(&'a self, job: &'a JobSpec, created: Timestamp) -> RowView<'a> {
        let (started, ended, end) = match &self.state {
            RowState::Pending => (None, None, None),
            RowState::Running { started } => (Some(*started), None, None),
            RowState::Ended {
                started,
                ended,
                end,
            } => (*started, Some(*ended), Some(end)),
        };
        let (answer, error) = match end {
            None | Some(RowEnd::Updated) => (None, None),
            Some(RowEnd::Answered(answer)) => (Some(&**answer), None),
            Some(RowEnd::Failed(error)) => (None, Some(&**error)),
        };
        RowView {
            device: &self.device,
            job,
            status: self.status(),
            created,
            started,
            ended,
            answer,
            error,
        }
    }
}
