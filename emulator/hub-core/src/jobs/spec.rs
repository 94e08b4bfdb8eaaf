//! What a service asks of a job, with its bounds checked.

use std::time::Duration;

use hub_proto::ids::MethodName;
use hub_proto::time::Timestamp;

use super::id::JobId;
use crate::method::Timeouts;
use crate::twin::TwinUpdate;

/// A job as the service asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSpec {
    /// Its name.
    pub id: JobId,
    /// What is done to each device.
    pub work: JobWork,
    /// Which devices: what follows `WHERE` in a query of twins, or `*`. Not read before the start.
    pub condition: Box<str>,
    /// When it starts; `None`, or a time that is past: at once.
    pub start: Option<Timestamp>,
    /// How long it may run.
    pub max_execution: Duration,
}

/// What a job does to each of its devices.
#[derive(Clone, Debug, PartialEq)]
pub enum JobWork {
    /// Merges into tags and desired properties.
    UpdateTwin {
        /// What.
        update: TwinUpdate,
        /// The same as the service wrote it: a JSON object.
        text: Box<str>,
    },
    /// Calls a direct method.
    InvokeMethod {
        /// Which.
        name: MethodName,
        /// JSON text, byte for byte; the four bytes `null` when the service gave none.
        payload: Vec<u8>,
        /// How long each call may take.
        timeouts: Timeouts,
        /// The call as the service wrote it: a JSON object.
        text: Box<str>,
    },
}

/// The kind of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobType {
    /// [`JobWork::UpdateTwin`].
    ScheduleUpdateTwin,
    /// [`JobWork::InvokeMethod`].
    ScheduleDeviceMethod,
}

impl JobType {
    /// The kind as the service API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScheduleUpdateTwin => "scheduleUpdateTwin",
            Self::ScheduleDeviceMethod => "scheduleDeviceMethod",
        }
    }
}

impl JobWork {
    /// The kind of job that does this.
    pub fn job_type(&self) -> JobType {
        match self {
            Self::UpdateTwin { .. } => JobType::ScheduleUpdateTwin,
            Self::InvokeMethod { .. } => JobType::ScheduleDeviceMethod,
        }
    }

    /// The work as the service wrote it: a JSON object.
    pub fn text(&self) -> &str {
        match self {
            Self::UpdateTwin { text, .. } | Self::InvokeMethod { text, .. } => text,
        }
    }
}

impl JobSpec {
    /// Bytes of text that the job keeps, roughly; parsed forms are about as long as their text.
    pub(super) fn bytes(&self) -> usize {
        2 * self.work.text().len() + self.condition.len()
    }
}
