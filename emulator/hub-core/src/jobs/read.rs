//! Reading jobs and rows: one job, pages of jobs, and the rows of all of them.

use std::ops::Bound;

use super::id::JobId;
use super::job::{Job, JobNumber, JobStatus, JobView};
use super::machine::Jobs;
use super::row::RowView;
use super::spec::JobType;

/// Which jobs a list is about; each part that is absent lets all pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this kind only.
    pub job_type: Option<JobType>,
    /// That have come this far only.
    pub status: Option<JobStatus>,
}

/// A place in the rows of all jobs: after a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowCursor {
    /// The job of the row.
    pub job: JobNumber,
    /// The row's place in its job.
    pub row: usize,
}

impl JobFilter {
    fn lets_pass(self, job: &Job) -> bool {
        let of_type = self
            .job_type
            .is_none_or(|it| it == job.spec.work.job_type());
        of_type && self.status.is_none_or(|it| it == job.status())
    }
}

impl Jobs {
    /// A job, if there is one of that name in the history.
    pub fn job(&self, id: &JobId) -> Option<JobView> {
        self.look_up(id).map(Job::view)
    }

    /// Up to `limit` jobs that pass the filter, in the order in which they were made, after `after`.
    pub fn list(&self, filter: JobFilter, after: Option<JobNumber>, limit: usize) -> Vec<JobView> {
        self.after(after)
            .filter(|job| filter.lets_pass(job))
            .take(limit)
            .map(Job::view)
            .collect()
    }

    /// The rows of all jobs after `after`: job by job, and by device within a job.
    pub fn rows(&self, after: Option<RowCursor>) -> impl Iterator<Item = (RowCursor, RowView<'_>)> {
        let first = after.map_or(Bound::Unbounded, |cursor| Bound::Included(cursor.job));
        let jobs = self.all.range((first, Bound::Unbounded));
        jobs.flat_map(move |(&number, job)| {
            let skip = match after {
                Some(cursor) if cursor.job == number => cursor.row + 1,
                _ => 0,
            };
            let rows = job.rows.iter().enumerate().skip(skip);
            rows.map(move |(row, state)| {
                let cursor = RowCursor { job: number, row };
                (cursor, state.view(&job.spec, job.running_since))
            })
        })
    }

    fn after(&self, after: Option<JobNumber>) -> impl Iterator<Item = &Job> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.all
            .range((first, Bound::Unbounded))
            .map(|(_, job)| job)
    }
}
