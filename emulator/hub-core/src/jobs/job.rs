//! One job: its phase, its rows and their count.

use std::sync::Arc;

use hub_proto::error_code::ErrorCode;
use hub_proto::time::{Instant, Timestamp};

use super::row::{Row, RowEnd, RowError, RowState};
use super::spec::JobSpec;

/// Numbers the jobs of a hub in the order in which they were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobNumber(pub u64);

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// Made; nothing has happened yet.
    Queued,
    /// Waits for its start time.
    Scheduled,
    /// Works on its devices.
    Running,
    /// Has tried every device, or its time ran out.
    Completed,
    /// Could not find out which devices it is about.
    Failed,
    /// Taken back before it started.
    Cancelled,
}

impl JobStatus {
    /// Every status.
    pub const ALL: &'static [Self] = &[
        Self::Queued,
        Self::Scheduled,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The status as the service API spells it; `cancelled` has two l here, and one in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will happen any more.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// How many rows of a job have come how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobStatistics {
    /// Not begun.
    pub pending: usize,
    /// Under way.
    pub running: usize,
    /// Done.
    pub succeeded: usize,
    /// Not done, and will not be.
    pub failed: usize,
}

impl JobStatistics {
    /// All rows.
    pub fn devices(self) -> usize {
        self.pending + self.running + self.succeeded + self.failed
    }
}

/// A job as it is shown. Cheap to make and to keep: the texts are shared.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    /// Its place in the order of making.
    pub number: JobNumber,
    /// What was asked.
    pub spec: Arc<JobSpec>,
    /// How far it is.
    pub status: JobStatus,
    /// When it was made.
    pub created: Timestamp,
    /// When it starts, or started.
    pub start: Timestamp,
    /// When it ended, if it did.
    pub ended: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<Arc<str>>,
    /// What else is to be said of it.
    pub message: Option<String>,
    /// From the moment all devices are known.
    pub statistics: Option<JobStatistics>,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) number: JobNumber,
    pub(super) spec: Arc<JobSpec>,
    pub(super) created: Timestamp,
    pub(super) start: Timestamp,
    pub(super) phase: Phase,
    /// When it began to look for its devices.
    pub(super) running_since: Timestamp,
    /// In the order of the devices' ids.
    pub(super) rows: Vec<Row>,
    pub(super) statistics: JobStatistics,
    /// Rows that were given up because the job's time ran out.
    pub(super) out_of_time: usize,
    /// Answers kept without their payload, for want of room.
    pub(super) payloads_dropped: usize,
    /// Bytes that it occupies, roughly.
    pub(super) bytes: usize,
    /// Its timers that are set.
    pub(super) timers: Vec<(Instant, TimerKind)>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Queued,
    Scheduled,
    /// Its devices are being looked for.
    Finding {
        /// Whether somebody is at it.
        is_asked: bool,
    },
    /// All its devices have rows.
    Operating {
        /// The first row whose turn has not come.
        next: usize,
        /// Its time ran out: what is not done is given up.
        is_expired: bool,
        /// What it fails with in the end, if it does.
        failure: Option<Arc<str>>,
    },
    Ended {
        at: Timestamp,
        end: JobEnd,
    },
}

#[derive(Debug)]
pub(super) enum JobEnd {
    Completed,
    Failed(Arc<str>),
    Cancelled,
}

/// What falls due in the life of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKind {
    /// A job that waits shows it.
    Schedule,
    Start,
    /// It has run as long as it may.
    Expire,
    /// It leaves the history.
    Forget,
}

impl Job {
    /// One that waits for its start.
    pub(super) fn waiting(
        number: JobNumber,
        spec: JobSpec,
        created: Timestamp,
        start: Timestamp,
    ) -> Self {
        let bytes = size_of::<Self>() + spec.bytes();
        Self {
            number,
            spec: Arc::new(spec),
            created,
            start,
            phase: Phase::Queued,
            running_since: start,
            rows: Vec::new(),
            statistics: JobStatistics::default(),
            out_of_time: 0,
            payloads_dropped: 0,
            bytes,
            timers: Vec::new(),
        }
    }

    pub(super) fn status(&self) -> JobStatus {
        match &self.phase {
            Phase::Queued => JobStatus::Queued,
            Phase::Scheduled => JobStatus::Scheduled,
            Phase::Finding { .. } | Phase::Operating { .. } => JobStatus::Running,
            Phase::Ended { end, .. } => match end {
                JobEnd::Completed => JobStatus::Completed,
                JobEnd::Failed(_) => JobStatus::Failed,
                JobEnd::Cancelled => JobStatus::Cancelled,
            },
        }
    }

    pub(super) fn view(&self) -> JobView {
        let (ended, failure) = match &self.phase {
            Phase::Ended { at, end } => match end {
                JobEnd::Failed(reason) => (Some(*at), Some(Arc::clone(reason))),
                JobEnd::Completed | JobEnd::Cancelled => (Some(*at), None),
            },
            _ => (None, None),
        };
        let knows_devices = match &self.phase {
            Phase::Queued | Phase::Scheduled | Phase::Finding { .. } => false,
            Phase::Operating { .. } => true,
            Phase::Ended { end, .. } => matches!(end, JobEnd::Completed) || !self.rows.is_empty(),
        };
        JobView {
            number: self.number,
            spec: Arc::clone(&self.spec),
            status: self.status(),
            created: self.created,
            start: self.start,
            ended,
            failure,
            message: self.message(),
            statistics: knows_devices.then_some(self.statistics),
        }
    }

    fn message(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.out_of_time > 0 {
            parts.push(format!(
                "{} devices were not done when the job's maximum execution time ran out",
                self.out_of_time
            ));
        }
        if self.payloads_dropped > 0 {
            parts.push(format!(
                "{} answers are kept without their payload: the job history is full",
                self.payloads_dropped
            ));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Whether there is something to hand out: a search, or a row.
    pub(super) fn has_turn(&self) -> bool {
        match &self.phase {
            Phase::Finding { is_asked } => !is_asked,
            Phase::Operating { next, .. } => *next < self.rows.len(),
            Phase::Queued | Phase::Scheduled | Phase::Ended { .. } => false,
        }
    }

    pub(super) fn begin_row(&mut self, index: usize, at: Timestamp) {
        let row = &mut self.rows[index];
        debug_assert!(matches!(row.state, RowState::Pending));
        row.state = RowState::Running { started: at };
        self.statistics.pending -= 1;
        self.statistics.running += 1;
    }

    /// Ends a row that has not ended.
    pub(super) fn end_row(&mut self, index: usize, at: Timestamp, end: RowEnd) {
        let row = &mut self.rows[index];
        let started = match row.state {
            RowState::Pending => {
                self.statistics.pending -= 1;
                None
            }
            RowState::Running { started } => {
                self.statistics.running -= 1;
                Some(started)
            }
            RowState::Ended { .. } => unreachable!("whoever ends a row has looked at its state"),
        };
        if end.is_failure() {
            self.statistics.failed += 1;
        } else {
            self.statistics.succeeded += 1;
        }
        row.state = RowState::Ended {
            started,
            ended: at,
            end,
        };
    }
}

/// What a row fails with whose job ran out of time. No source has the real hub's code.
pub(super) fn out_of_time() -> RowEnd {
    RowEnd::Failed(Box::new(RowError {
        code: ErrorCode::GatewayTimeout,
        description: "The job's maximum execution time ran out.".into(),
    }))
}
