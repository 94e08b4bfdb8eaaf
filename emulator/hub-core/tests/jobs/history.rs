//! What is remembered of jobs, for how long, and how it is listed.

use hub_core::HubError;
use hub_core::jobs::{JobFilter, JobStatus, JobType, RowCursor, RowStatus};
use hub_core::limits::JobLimits;
use hub_proto::error_code::ErrorCode;

use crate::support::*;

const DAY_S: u64 = 24 * 3600;

fn end_at_once(world: &mut World, second: u64, name: &str, targets: &[&str]) {
    world.create(at(second), method_job(name));
    world.find(at(second), targets);
    world.end_all(at(second));
}

#[test]
fn the_name_of_a_job_is_taken_until_thirty_days_after_its_end() {
    // JOB-10
    let mut world = world(JobLimits::default());
    end_at_once(&mut world, 10, "j", &["a"]);
    let again = world.jobs.create(at(11), twin_job("j")).unwrap_err();
    assert_eq!(again, HubError::JobAlreadyExists(id("j")));
    assert_eq!(again.code(), ErrorCode::JobAlreadyExists);
    world.run(at(10 + 30 * DAY_S - 1));
    assert_eq!(world.rows().len(), 1);
    world.run(at(10 + 30 * DAY_S));
    assert_eq!(world.jobs.job(&id("j")), None);
    assert!(world.rows().is_empty());
    assert_eq!(world.jobs.poll_deadline(), None);
    assert!(world.jobs.create(at(31 * DAY_S), twin_job("j")).is_ok());
}

#[test]
fn jobs_that_wait_are_active_and_there_is_a_bound_of_them() {
    // JOB-11
    let mut world = world(JobLimits {
        active: 2,
        ..JobLimits::default()
    });
    world.create(T0, starting(method_job("waits"), 3600));
    world.create(T0, method_job("runs"));
    let refused = world.jobs.create(T0, twin_job("more")).unwrap_err();
    assert_eq!(
        refused.code(),
        ErrorCode::ThrottlingMaxActiveJobCountExceeded
    );
    let taken = world.jobs.create(T0, twin_job("runs")).unwrap_err();
    assert_eq!(taken.code(), ErrorCode::JobAlreadyExists);
    world.jobs.cancel(T0, &id("waits")).unwrap();
    assert!(world.jobs.create(T0, twin_job("more")).is_ok());
}

#[test]
fn a_full_history_forgets_what_ended_first_and_then_keeps_answers_without_payload() {
    // JOB-10
    let mut world = world(JobLimits {
        history_bytes: 5000,
        ..JobLimits::default()
    });
    end_at_once(&mut world, 1, "old", &["a"]);
    world.create(at(2), method_job("new"));
    world.find(at(2), &["a", "b"]);
    let large = format!("\"{}\"", "x".repeat(4400));
    world.end(at(3), "a", answered(&large));
    assert_eq!(world.jobs.job(&id("old")), None, "it made room");
    world.end(at(3), "b", answered(&large));
    let job = world.job("new");
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(
        job.message.as_deref(),
        Some("1 answers are kept without their payload: the job history is full")
    );
    assert_eq!(world.counts("new"), [0, 0, 2, 0]);
}

#[test]
fn lists_are_in_the_order_of_making_and_filtered() {
    // JOB-12
    let mut world = world(JobLimits::default());
    end_at_once(&mut world, 1, "b", &[]);
    world.create(at(2), twin_job("a"));
    world.create(at(3), starting(method_job("c"), 60));
    let list = |filter, after, limit| {
        let jobs = world.jobs.list(filter, after, limit);
        jobs.into_iter()
            .map(|job| (job.spec.id.to_string(), job.number))
            .collect::<Vec<_>>()
    };
    let names = |filter| -> Vec<String> {
        let jobs = list(filter, None, 10);
        jobs.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(JobFilter::default()), ["b", "a", "c"]);
    let methods = JobFilter {
        job_type: Some(JobType::ScheduleDeviceMethod),
        status: None,
    };
    assert_eq!(names(methods), ["b", "c"]);
    let completed = JobFilter {
        job_type: None,
        status: Some(JobStatus::Completed),
    };
    assert_eq!(names(completed), ["b"]);
    let first = list(methods, None, 1);
    assert_eq!(list(methods, Some(first[0].1), 1)[0].0, "c");
}

#[test]
fn rows_go_on_after_any_row() {
    // JOB-12
    let mut world = world(JobLimits::default());
    end_at_once(&mut world, 1, "one", &["a", "b"]);
    end_at_once(&mut world, 2, "two", &["a"]);
    let expected: Vec<(String, RowStatus)> = world.rows();
    assert_eq!(expected.len(), 3);
    let mut walked = Vec::new();
    let mut after: Option<RowCursor> = None;
    while let Some((cursor, row)) = world.jobs.rows(after).next() {
        walked.push((format!("{}/{}", row.job.id, row.device), row.status));
        after = Some(cursor);
    }
    assert_eq!(walked, expected);
}
