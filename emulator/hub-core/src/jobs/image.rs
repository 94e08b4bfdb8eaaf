//! Jobs to plain data and back. What comes in is checked: it may have been written by hand.
//!
//! A job that runs has no image: what it has handed out would be lost, or done twice.

use std::time::Duration;

use hub_proto::error_code::ErrorCode;
use hub_proto::ids::{DeviceId, MethodName};
use hub_proto::time::{Now, Timestamp};

use super::id::JobId;
use super::job::{Job, JobEnd, JobNumber, JobStatistics, Phase};
use super::machine::Jobs;
use super::row::{Row, RowEnd, RowError, RowState};
use super::spec::{JobSpec, JobWork};
use crate::error::HubError;
use crate::image::{
    JobEndImage, JobImage, JobResultImage, JsonImage, RowEndImage, RowImage, TimeImage, WorkImage,
};
use crate::limits::Limits;
use crate::method::{MethodResult, Timeouts};
use crate::twin::TwinUpdate;

impl Jobs {
    /// Every job as plain data, in the order in which they were made; refused while one runs.
    pub fn export(&self) -> Result<Vec<JobImage>, HubError> {
        self.all.values().map(export_job).collect()
    }

    /// A hub's jobs from plain data, to be put in place of `self`. Those that wait start at their
    /// time, or at once if it is past; those that have ended are remembered as long as they would have
    /// been. An error names the job.
    pub fn import(&self, now: Now, images: &[JobImage], limits: &Limits) -> Result<Self, HubError> {
        let mut new = self.emptied();
        for image in images {
            new.import_job(now, image, limits)
                .map_err(|error| HubError::Argument(format!("the job {:?}: {error}", image.id)))?;
        }
        Ok(new)
    }

    fn import_job(&mut self, now: Now, image: &JobImage, limits: &Limits) -> Result<(), HubError> {
        let spec = JobSpec {
            id: JobId::parse(&image.id)?,
            work: import_work(&image.work, limits)?,
            condition: image.condition.as_str().into(),
            start: Some(image.start.0),
            max_execution: Duration::from_secs(image.max_execution_seconds),
        };
        match &image.ended {
            None => self.add_waiting(now, spec, image.created.0).map(drop),
            Some(end) => self.add_ended(now, spec, image, end),
        }
    }

    fn add_ended(
        &mut self,
        now: Now,
        spec: JobSpec,
        image: &JobImage,
        end: &JobEndImage,
    ) -> Result<(), HubError> {
        let mut job = Job::waiting(JobNumber::default(), spec, image.created.0, image.start.0);
        job.running_since = end.running_since.0;
        job.out_of_time = end.out_of_time;
        job.payloads_dropped = end.payloads_dropped;
        for row in &end.rows {
            let row = import_row(row)?;
            if job
                .rows
                .last()
                .is_some_and(|last| last.device >= row.device)
            {
                return Err(HubError::Argument(format!(
                    "the row of {} is not in the order of devices",
                    row.device
                )));
            }
            job.bytes += size_of::<Row>() + row.device.as_str().len();
            if let RowState::Ended { end, .. } = &row.state {
                job.bytes += end.bytes();
                count(&mut job.statistics, end);
            }
            job.rows.push(row);
        }
        let result = match &end.result {
            JobResultImage::Completed => JobEnd::Completed,
            JobResultImage::Failed(reason) => JobEnd::Failed(reason.as_str().into()),
            JobResultImage::Cancelled => JobEnd::Cancelled,
        };
        self.remember(now, job, end.at.0, result)
    }
}

fn count(statistics: &mut JobStatistics, end: &RowEnd) {
    if end.is_failure() {
        statistics.failed += 1;
    } else {
        statistics.succeeded += 1;
    }
}

fn export_job(job: &Job) -> Result<JobImage, HubError> {
    let ended = match &job.phase {
        Phase::Queued | Phase::Scheduled => None,
        Phase::Finding { .. } | Phase::Operating { .. } => {
            let id = &job.spec.id;
            return Err(HubError::WrongState(format!("the job '{id}' is running")));
        }
        Phase::Ended { at, end } => Some(export_end(job, *at, end)),
    };
    Ok(JobImage {
        id: job.spec.id.to_string(),
        work: export_work(&job.spec.work),
        condition: job.spec.condition.to_string(),
        created: TimeImage(job.created),
        start: TimeImage(job.start),
        max_execution_seconds: job.spec.max_execution.as_secs(),
        ended,
    })
}

fn export_end(job: &Job, at: Timestamp, end: &JobEnd) -> JobEndImage {
    JobEndImage {
        at: TimeImage(at),
        running_since: TimeImage(job.running_since),
        result: match end {
            JobEnd::Completed => JobResultImage::Completed,
            JobEnd::Failed(reason) => JobResultImage::Failed(reason.to_string()),
            JobEnd::Cancelled => JobResultImage::Cancelled,
        },
        out_of_time: job.out_of_time,
        payloads_dropped: job.payloads_dropped,
        rows: job.rows.iter().filter_map(export_row).collect(),
    }
}

/// Every row of a job that ended has ended.
fn export_row(row: &Row) -> Option<RowImage> {
    let RowState::Ended {
        started,
        ended,
        end,
    } = &row.state
    else {
        return None;
    };
    Some(RowImage {
        device_id: row.device.to_string(),
        started: started.map(TimeImage),
        ended: TimeImage(*ended),
        result: match end {
            RowEnd::Updated => RowEndImage::Updated,
            RowEnd::Answered(answer) => RowEndImage::Answered {
                status: answer.status,
                payload: json(&answer.payload),
            },
            RowEnd::Failed(error) => RowEndImage::Failed {
                code: error.code.number(),
                description: error.description.to_string(),
            },
        },
    })
}

fn import_row(image: &RowImage) -> Result<Row, HubError> {
    let end = match &image.result {
        RowEndImage::Updated => RowEnd::Updated,
        RowEndImage::Answered { status, payload } => RowEnd::Answered(Box::new(MethodResult {
            status: *status,
            payload: payload.as_ref().map_or_else(Vec::new, bytes),
        })),
        RowEndImage::Failed { code, description } => {
            let known = ErrorCode::ALL.iter().find(|known| known.number() == *code);
            let unknown = || HubError::Argument(format!("{code} is no code of the hub"));
            RowEnd::Failed(Box::new(RowError {
                code: *known.ok_or_else(unknown)?,
                description: description.as_str().into(),
            }))
        }
    };
    Ok(Row {
        device: DeviceId::parse(&image.device_id)?,
        state: RowState::Ended {
            started: image.started.map(|time| time.0),
            ended: image.ended.0,
            end,
        },
    })
}

fn export_work(work: &JobWork) -> WorkImage {
    let text = |text: &str| JsonImage(text.into());
    match work {
        JobWork::UpdateTwin { text: update, .. } => WorkImage::UpdateTwin {
            update: text(update),
        },
        JobWork::InvokeMethod {
            name,
            payload,
            timeouts,
            text: call,
        } => WorkImage::InvokeMethod {
            name: name.as_str().to_owned(),
            payload: json(payload).unwrap_or_else(|| text("null")),
            connect_seconds: timeouts.connect.as_secs(),
            response_seconds: timeouts.response.as_secs(),
            call: text(call),
        },
    }
}

fn import_work(image: &WorkImage, limits: &Limits) -> Result<JobWork, HubError> {
    Ok(match image {
        WorkImage::UpdateTwin { update } => JobWork::UpdateTwin {
            update: TwinUpdate::parse(update.0.as_bytes(), limits)?,
            text: update.0.clone(),
        },
        WorkImage::InvokeMethod {
            name,
            payload,
            connect_seconds,
            response_seconds,
            call,
        } => {
            let seconds = |seconds: u64| Some(i64::try_from(seconds).unwrap_or(i64::MAX));
            let (payload, max) = (bytes(payload), limits.method_payload_bytes);
            if payload.len() > max {
                return Err(HubError::TooLarge {
                    what: "the method's payload",
                    bytes: payload.len(),
                    max,
                });
            }
            JobWork::InvokeMethod {
                name: MethodName::parse(name)?,
                payload,
                timeouts: Timeouts::checked(seconds(*response_seconds), seconds(*connect_seconds))?,
                text: call.0.clone(),
            }
        }
    })
}

fn bytes(JsonImage(text): &JsonImage) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// JSON that was checked when it came; `None`: nothing.
fn json(bytes: &[u8]) -> Option<JsonImage> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    (!text.is_empty()).then(|| JsonImage(text.into()))
}
