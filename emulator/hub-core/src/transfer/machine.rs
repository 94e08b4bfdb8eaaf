//! Which import or export runs, and what is remembered of those before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hub_proto::time::{Instant, Now};

use super::spec::{TransferSpec, TransferStatus, TransferView};
use crate::HubError;

/// The imports and exports of a hub, the newest last.
#[derive(Debug, Default)]
pub struct Transfers {
    jobs: VecDeque<Job>,
}

#[derive(Debug)]
struct Job {
    view: TransferView,
    ended_at: Option<Instant>,
    /// There until the job has begun: what it knows of containers is not kept longer than needed.
    spec: Option<Arc<TransferSpec>>,
}

impl Transfers {
    /// Refuses as [`Transfers::create`] would now.
    pub fn check_quota(&self) -> Result<(), HubError> {
        let is_active = |job: &Job| !job.view.status.is_final();
        if self.jobs.iter().any(is_active) {
            return Err(HubError::TransferActive);
        }
        Ok(())
    }

    /// Enqueues a job under an id that no other has. One at a time: while one is not at its end,
    /// another is refused.
    pub fn create(
        &mut self,
        now: Now,
        id: &str,
        spec: TransferSpec,
    ) -> Result<TransferView, HubError> {
        self.forget(now);
        self.check_quota()?;
        let view = TransferView {
            id: id.into(),
            kind: spec.kind,
            status: TransferStatus::Enqueued,
            progress: 0,
            start: now.wall,
            end: None,
            exclude_keys: spec.exclude_keys,
            with_configurations: spec.configurations_blob.is_some(),
            failure: None,
        };
        self.jobs.push_back(Job {
            view: view.clone(),
            ended_at: None,
            spec: Some(Arc::new(spec)),
        });
        Ok(view)
    }

    /// The job that is to be carried out now, if one waits; it counts as running from here on.
    pub fn poll_start(&mut self) -> Option<(Box<str>, Arc<TransferSpec>)> {
        let waits = |job: &&mut Job| job.view.status == TransferStatus::Enqueued;
        let job = self.jobs.iter_mut().find(waits)?;
        job.view.status = TransferStatus::Running;
        Some((job.view.id.clone(), job.spec.take()?))
    }

    /// Whether a job has begun and not ended.
    pub fn is_running(&mut self, id: &str) -> bool {
        let job = self.job_mut(id);
        job.is_some_and(|job| job.view.status == TransferStatus::Running)
    }

    /// Notes how far a job is, in percent; says whether it is to go on.
    pub fn progressed(&mut self, id: &str, percent: u8) -> bool {
        let Some(job) = self.job_mut(id) else {
            return false;
        };
        if job.view.status != TransferStatus::Running {
            return false;
        }
        // 100 is for those that are at their end.
        job.view.progress = job.view.progress.max(percent.min(99));
        true
    }

    /// A job is done, or failed with this text. One that was cancelled meanwhile stays so.
    pub fn ended(&mut self, now: Now, id: &str, result: Result<(), String>) {
        if let Some(job) = self.job_mut(id) {
            job.end(
                now,
                match &result {
                    Ok(()) => TransferStatus::Completed,
                    Err(_) => TransferStatus::Failed,
                },
            );
            if job.view.status == TransferStatus::Failed && job.view.failure.is_none() {
                job.view.failure = result.err();
            }
        }
    }

    /// Stops a job at once; one that has ended stays as it is.
    pub fn cancel(&mut self, now: Now, id: &str) -> Result<(), HubError> {
        self.forget(now);
        let job = self
            .job_mut(id)
            .ok_or_else(|| HubError::JobNotFound(id.into()))?;
        job.end(now, TransferStatus::Cancelled);
        Ok(())
    }

    /// The job of that id.
    pub fn job(&mut self, now: Now, id: &str) -> Result<TransferView, HubError> {
        self.forget(now);
        let job = self.jobs.iter().find(|job| *job.view.id == *id);
        job.map(|job| job.view.clone())
            .ok_or_else(|| HubError::JobNotFound(id.into()))
    }

    /// Every job that is remembered, in the order in which they were made.
    pub fn list(&mut self, now: Now) -> Vec<TransferView> {
        self.forget(now);
        self.jobs.iter().map(|job| job.view.clone()).collect()
    }

    /// Forgets all; one that runs is told to stop when it reports next.
    pub fn clear(&mut self) {
        self.jobs.clear();
    }

    fn job_mut(&mut self, id: &str) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| *job.view.id == *id)
    }

    fn forget(&mut self, now: Now) {
        let is_old = |job: &Job| {
            job.ended_at
                .is_some_and(|at| now.mono >= at + REMEMBERED_FOR)
        };
        while self.jobs.front().is_some_and(is_old) || self.jobs.len() > HISTORY_MAX {
            self.jobs.pop_front();
        }
    }
}

impl Job {
    fn end(&mut self, now: Now, status: TransferStatus) {
        if self.view.status.is_final() {
            return;
        }
        self.view.status = status;
        self.view.end = Some(now.wall);
        self.ended_at = Some(now.mono);
        self.spec = None;
        if status == TransferStatus::Completed {
            self.view.progress = 100;
        }
    }
}

/// As jobs that are scheduled.
const REMEMBERED_FOR: Duration = Duration::from_hours(30 * 24);
/// Only one of them is not at its end, and it is the last.
const HISTORY_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use hub_proto::time::Timestamp;

    use super::super::spec::TransferKind;
    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            mono: Instant::from_start(Duration::from_secs(seconds)),
            wall: Timestamp::from_unix(Duration::from_secs(1_000_000 + seconds)),
        }
    }

    fn export() -> TransferSpec {
        TransferSpec {
            kind: TransferKind::Export,
            input_container: None,
            output_container: "http://h/c?sig=secret".into(),
            identities_blob: "devices.txt".into(),
            configurations_blob: None,
            exclude_keys: true,
        }
    }

    #[test]
    fn one_job_runs_at_a_time_and_each_is_remembered_for_thirty_days() {
        // JOB-15
        let mut transfers = Transfers::default();
        let made = transfers.create(at(1), "a", export()).unwrap();
        assert_eq!((made.status, made.progress), (TransferStatus::Enqueued, 0));
        let second = transfers.create(at(1), "b", export());
        assert_eq!(second, Err(HubError::TransferActive));
        let (id, spec) = transfers.poll_start().unwrap();
        assert_eq!((&*id, &*spec), ("a", &export()));
        assert!(transfers.poll_start().is_none());
        assert!(transfers.progressed("a", 100));
        let running = transfers.job(at(2), "a").unwrap();
        assert_eq!(
            (running.status, running.progress),
            (TransferStatus::Running, 99)
        );
        transfers.ended(at(3), "a", Ok(()));
        let done = transfers.job(at(3), "a").unwrap();
        assert_eq!(
            (done.status, done.progress),
            (TransferStatus::Completed, 100)
        );
        assert_eq!(done.end, Some(at(3).wall));
        transfers.create(at(4), "b", export()).unwrap();
        assert_eq!(transfers.list(at(4)).len(), 2);
        let later = at(3 + 30 * 24 * 3600);
        assert_eq!(
            transfers.job(later, "a"),
            Err(HubError::JobNotFound("a".into()))
        );
    }

    #[test]
    fn a_job_that_is_cancelled_stops_and_stays_cancelled() {
        // JOB-15
        let mut transfers = Transfers::default();
        transfers.create(at(1), "a", export()).unwrap();
        transfers.poll_start().unwrap();
        transfers.cancel(at(2), "a").unwrap();
        assert!(!transfers.progressed("a", 50));
        transfers.ended(at(3), "a", Err("late".to_owned()));
        let job = transfers.job(at(3), "a").unwrap();
        assert_eq!((job.status, job.failure), (TransferStatus::Cancelled, None));
        assert!(transfers.cancel(at(3), "x").is_err());
        // Whom nobody has begun is never begun.
        transfers.create(at(4), "b", export()).unwrap();
        transfers.cancel(at(4), "b").unwrap();
        assert!(transfers.poll_start().is_none());
    }

    #[test]
    fn a_failed_job_says_why() {
        let mut transfers = Transfers::default();
        transfers.create(at(1), "a", export()).unwrap();
        transfers.poll_start().unwrap();
        transfers.ended(at(2), "a", Err("the blob is gone".to_owned()));
        let job = transfers.job(at(2), "a").unwrap();
        assert_eq!(job.status.name(), "failed");
        assert_eq!(job.failure.as_deref(), Some("the blob is gone"));
    }

    #[test]
    fn the_password_of_a_container_is_in_no_debug_text() {
        assert!(!format!("{:?}", export()).contains("secret"));
    }
}
