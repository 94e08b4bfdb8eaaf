//! Builders and shorthands, so that a test shows only what it is about.

use std::time::Duration;

use hub_core::jobs::{
    JobId, JobOutput, JobSpec, JobStatistics, JobStatus, JobView, JobWork, Jobs, Operation,
    Outcome, RowStatus, Run,
};
use hub_core::limits::JobLimits;
use hub_core::method::{MethodResult, Timeouts};
use hub_core::twin::TwinUpdate;
use hub_core::{EventKind, HubError, Limits};
use hub_proto::ids::{DeviceId, MethodName};
use hub_proto::time::{Instant, Now, Timestamp};

pub(crate) const T0: Now = at(0);
const WALL_S: i64 = 1_700_000_000;

/// `seconds` after the start of the test; the wall clock starts at a round number.
pub(crate) const fn at(seconds: u64) -> Now {
    at_ms(seconds * 1000)
}

pub(crate) const fn at_ms(milliseconds: u64) -> Now {
    let since_start = Duration::from_millis(milliseconds);
    let instant = Instant::from_start(since_start);
    let wall = Timestamp::from_unix_seconds(WALL_S + (milliseconds / 1000).cast_signed());
    Now {
        mono: instant,
        wall,
    }
}

pub(crate) fn id(text: &str) -> JobId {
    JobId::parse(text).unwrap()
}

pub(crate) fn devices(names: &[&str]) -> Vec<DeviceId> {
    names.iter().map(|name| device(name)).collect()
}

pub(crate) fn device(name: &str) -> DeviceId {
    DeviceId::parse(name).unwrap()
}

/// A method job for `*` that starts at once and may run for a minute.
pub(crate) fn method_job(name: &str) -> JobSpec {
    JobSpec {
        id: id(name),
        work: JobWork::InvokeMethod {
            name: MethodName::parse("reboot").unwrap(),
            payload: b"null".to_vec(),
            timeouts: Timeouts::checked(None, None).unwrap(),
            text: r#"{"methodName":"reboot"}"#.into(),
        },
        condition: "*".into(),
        start: None,
        max_execution: Duration::from_mins(1),
    }
}

pub(crate) fn twin_job(name: &str) -> JobSpec {
    let text = r#"{"tags":{"a":1}}"#;
    let update = TwinUpdate::parse(text.as_bytes(), &Limits::default()).unwrap();
    JobSpec {
        work: JobWork::UpdateTwin {
            update,
            text: text.into(),
        },
        ..method_job(name)
    }
}

/// The same job, so many seconds after the start of the test.
pub(crate) fn starting(spec: JobSpec, seconds: i64) -> JobSpec {
    let start = Some(Timestamp::from_unix_seconds(WALL_S + seconds));
    JobSpec { start, ..spec }
}

#[expect(clippy::unnecessary_wraps, reason = "stands where a failure may stand")]
pub(crate) fn answered(payload: &str) -> Result<Outcome, HubError> {
    Ok(Outcome::Answered(MethodResult {
        status: 200,
        payload: payload.as_bytes().to_vec(),
    }))
}

/// The jobs, and what they asked for and has not been answered.
pub(crate) struct World {
    pub(crate) jobs: Jobs,
    pub(crate) searches: Vec<(Run, Option<DeviceId>)>,
    pub(crate) operations: Vec<(Operation, String)>,
    /// `device` or `device!code`, as rows ended.
    pub(crate) ended: Vec<String>,
}

pub(crate) fn world(limits: JobLimits) -> World {
    World {
        jobs: Jobs::new(limits),
        searches: Vec::new(),
        operations: Vec::new(),
        ended: Vec::new(),
    }
}

impl World {
    pub(crate) fn create(&mut self, now: Now, spec: JobSpec) -> JobView {
        let view = self.jobs.create(now, spec).unwrap();
        self.run(now);
        view
    }

    /// Lets happen what is due, and takes down what is asked for.
    pub(crate) fn run(&mut self, now: Now) {
        if self.jobs.poll_deadline().is_some_and(|due| due <= now.mono) {
            self.jobs.handle_deadline(now);
        }
        while let Some(output) = self.jobs.poll_output(now) {
            match output {
                JobOutput::FindTargets { run, after, .. } => self.searches.push((run, after)),
                JobOutput::Operate {
                    operation, device, ..
                } => self.operations.push((operation, device.to_string())),
                JobOutput::Event(event) => {
                    let EventKind::DeviceJobEnded(end) = event.kind else {
                        panic!("jobs tell of device jobs alone: {event:?}");
                    };
                    let error = end.error.map(|code| format!("!{code}"));
                    self.ended
                        .push(format!("{}{}", event.client, error.unwrap_or_default()));
                }
            }
        }
    }

    /// Answers the oldest search with these and no more.
    pub(crate) fn find(&mut self, now: Now, names: &[&str]) {
        let (run, _) = self.searches.remove(0);
        self.jobs.targets_found(now, run, devices(names), true);
        self.run(now);
    }

    /// Ends the operation on `device`.
    pub(crate) fn end(&mut self, now: Now, device: &str, result: Result<Outcome, HubError>) {
        let is_it = |(_, of): &(Operation, String)| of == device;
        let index = self.operations.iter().position(is_it).unwrap();
        let (operation, _) = self.operations.remove(index);
        self.jobs.operation_ended(now, operation, result);
        self.run(now);
    }

    /// Ends every operation well, also those that follow.
    pub(crate) fn end_all(&mut self, now: Now) {
        while let Some((operation, _)) = self.operations.pop() {
            self.jobs.operation_ended(now, operation, answered("{}"));
            self.run(now);
        }
    }

    pub(crate) fn job(&self, name: &str) -> JobView {
        self.jobs.job(&id(name)).unwrap()
    }

    pub(crate) fn status(&self, name: &str) -> JobStatus {
        self.job(name).status
    }

    /// `[pending, running, succeeded, failed]`.
    pub(crate) fn counts(&self, name: &str) -> [usize; 4] {
        let JobStatistics {
            pending,
            running,
            succeeded,
            failed,
        } = self.job(name).statistics.unwrap();
        [pending, running, succeeded, failed]
    }

    pub(crate) fn rows(&self) -> Vec<(String, RowStatus)> {
        let rows = self.jobs.rows(None);
        rows.map(|(_, row)| (format!("{}/{}", row.job.id, row.device), row.status))
            .collect()
    }

    pub(crate) fn working_on(&self) -> Vec<&str> {
        self.operations.iter().map(|(_, name)| &**name).collect()
    }
}
