//! A scheduled job, and waiting for its end.

use std::time::Duration;

use hub_core::jobs::{JobStatistics, JobStatus, JobView};

use super::super::message::Ending;
use super::Stage;
use crate::scenario::ast::Job;

impl Stage<'_> {
    /// The place of a step is its own, so the job's name is too.
    pub(super) async fn job(&self, place: usize, job: &Job) -> Ending {
        let id = match self.service.create_job(&format!("step-{place}"), job).await {
            Ok(id) => id,
            Err(refused) => return Ending::Failed(refused.to_string()),
        };
        loop {
            let Some(view) = self.service.job(&id) else {
                return Ending::Error("the hub has forgotten the job".to_owned());
            };
            let counts = view.statistics.unwrap_or_default();
            let done = counts.succeeded + counts.failed;
            self.progress(place, done, counts.devices()).await;
            if view.status.is_end() {
                return judge(job, &view, counts);
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }
}

fn judge(job: &Job, view: &JobView, counts: JobStatistics) -> Ending {
    if view.status != JobStatus::Completed {
        let reason = view.failure.as_deref().unwrap_or_default();
        return Ending::Failed(format!("the job {}: {reason}", view.status.name()));
    }
    let (succeeded, failed) = (counts.succeeded as u64, counts.failed as u64);
    let expected = job.expect_succeeded.unwrap_or(succeeded);
    if (succeeded, failed) == (expected, job.expect_failed) {
        return Ending::Passed;
    }
    Ending::Failed(format!(
        "the job succeeded on {succeeded} devices and failed on {failed}, expected were {expected} and {}",
        job.expect_failed
    ))
}

/// The hub has no way to wait for a job's end.
const POLL_EVERY: Duration = Duration::from_millis(100);
