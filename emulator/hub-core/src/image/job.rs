//! A scheduled job that waits for its start or has ended. One that runs is half done, and has no image.

use serde::{Deserialize, Serialize};

use super::scalars::{JsonImage, TimeImage};

/// A scheduled job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobImage {
    /// Its name.
    pub id: String,
    /// What it does to each device.
    pub work: WorkImage,
    /// Which devices.
    pub condition: String,
    /// When it was made.
    pub created: TimeImage,
    /// When it starts, or started.
    pub start: TimeImage,
    /// How long it may run.
    pub max_execution_seconds: u64,
    /// How it ended; absent: it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<JobEndImage>,
}

/// What a job does to each device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum WorkImage {
    /// Merges into tags and desired properties.
    UpdateTwin {
        /// As the service wrote it.
        update: JsonImage,
    },
    /// Calls a direct method.
    #[serde(rename_all = "camelCase")]
    InvokeMethod {
        /// Its name.
        name: String,
        /// What is sent along.
        payload: JsonImage,
        /// How long the device may take to be there.
        connect_seconds: u64,
        /// How long it may take to answer.
        response_seconds: u64,
        /// The call as the service wrote it.
        call: JsonImage,
    },
}

/// The end of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobEndImage {
    /// When it ended.
    pub at: TimeImage,
    /// When it began to look for its devices.
    pub running_since: TimeImage,
    /// In which way.
    pub result: JobResultImage,
    /// Rows that were given up because its time ran out.
    pub out_of_time: usize,
    /// Answers that were kept without their payload.
    pub payloads_dropped: usize,
    /// In the order of the devices' ids.
    pub rows: Vec<RowImage>,
}

/// In which way a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobResultImage {
    /// It tried every device, or its time ran out.
    Completed,
    /// It could not find out which devices it is about, for this reason.
    Failed(String),
    /// It was taken back.
    Cancelled,
}

/// What became of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RowImage {
    /// Which.
    pub device_id: String,
    /// When the work on it began, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<TimeImage>,
    /// When it ended.
    pub ended: TimeImage,
    /// In which way.
    pub result: RowEndImage,
}

/// In which way the work on a device ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum RowEndImage {
    /// The twin was changed.
    Updated,
    /// The device answered.
    Answered {
        /// Its status.
        status: i32,
        /// Its body; absent: none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payload: Option<JsonImage>,
    },
    /// It failed.
    Failed {
        /// The hub's code.
        code: u32,
        /// In words.
        description: String,
    },
}
