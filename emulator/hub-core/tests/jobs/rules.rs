//! What a job does from its making to its end.

use std::time::Duration;

use hub_core::HubError;
use hub_core::jobs::{JobStatus, RowStatus};
use hub_core::limits::JobLimits;
use hub_proto::error_code::ErrorCode;
use hub_proto::time::Instant;

use crate::support::*;

fn one_at_a_time() -> JobLimits {
    JobLimits {
        operations_in_flight: 1,
        ..JobLimits::default()
    }
}

#[test]
fn a_job_says_queued_then_works_on_each_device_and_is_completed() {
    // JOB-2
    let mut world = world(JobLimits::default());
    assert_eq!(world.create(T0, method_job("j")).status, JobStatus::Queued);
    let running = world.job("j");
    assert_eq!(running.status, JobStatus::Running);
    assert_eq!(running.statistics, None, "nobody knows yet how many");
    world.find(at(1), &["a", "b"]);
    assert_eq!(world.working_on(), ["a", "b"]);
    assert_eq!(world.counts("j"), [0, 2, 0, 0]);
    world.end(at(2), "a", answered(r#"{"ok":true}"#));
    assert_eq!(world.counts("j"), [0, 1, 1, 0]);
    world.end(at(3), "b", answered(""));
    let done = world.job("j");
    assert_eq!(done.status, JobStatus::Completed);
    assert_eq!(done.ended, Some(at(3).wall));
    assert_eq!(world.ended, ["a", "b"]);
    let (_, row) = world.jobs.rows(None).next().unwrap();
    assert_eq!(row.answer.unwrap().payload, br#"{"ok":true}"#);
    assert_eq!(
        (row.created, row.started, row.ended),
        (T0.wall, Some(at(1).wall), Some(at(2).wall))
    );
}

#[test]
fn a_job_for_nobody_is_completed_with_no_devices() {
    // JOB-2
    let mut world = world(JobLimits::default());
    world.create(T0, twin_job("j"));
    world.find(T0, &[]);
    assert_eq!(world.status("j"), JobStatus::Completed);
    assert_eq!(world.counts("j"), [0, 0, 0, 0]);
}

#[test]
fn a_job_in_the_future_is_scheduled_after_two_seconds_and_starts_on_time() {
    // JOB-3
    let mut world = world(JobLimits::default());
    let made = world.create(T0, starting(method_job("j"), 3600));
    assert_eq!(made.status, JobStatus::Queued);
    assert_eq!(made.start, at(3600).wall);
    assert_eq!(world.jobs.poll_deadline(), Some(at(2).mono));
    world.run(at(2));
    assert_eq!(world.status("j"), JobStatus::Scheduled);
    assert_eq!(world.jobs.poll_deadline(), Some(at(3600).mono));
    world.run(at(3600));
    assert_eq!(world.status("j"), JobStatus::Running);
    assert_eq!(world.searches.len(), 1);
}

#[test]
fn a_start_in_the_past_is_now_and_one_beyond_a_week_is_refused() {
    // JOB-3
    let mut world = world(JobLimits::default());
    let made = world.create(T0, starting(method_job("past"), -5));
    assert_eq!(made.start, T0.wall);
    assert_eq!(world.status("past"), JobStatus::Running);
    let week = 168 * 3600;
    assert!(
        world
            .jobs
            .create(T0, starting(twin_job("week"), week))
            .is_ok()
    );
    let refused = world.jobs.create(T0, starting(twin_job("later"), week + 1));
    assert_eq!(refused.unwrap_err().code(), ErrorCode::ArgumentInvalid);
}

#[test]
fn a_job_is_cancelled_before_it_starts_and_never_after() {
    // JOB-4
    let mut world = world(JobLimits::default());
    world.create(T0, starting(method_job("j"), 60));
    assert_eq!(
        world.jobs.cancel(at(1), &id("j")).unwrap().status,
        JobStatus::Cancelled
    );
    world.run(at(100));
    assert!(world.searches.is_empty(), "a cancelled job never starts");
    world.create(at(100), method_job("running"));
    for name in ["j", "running"] {
        let refused = world.jobs.cancel(at(101), &id(name)).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::OperationNotAllowedInCurrentState);
    }
    let refused = world.jobs.cancel(at(101), &id("unknown")).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::JobNotFound);
}

#[test]
fn a_device_that_fails_does_not_fail_its_job() {
    // JOB-5
    let mut world = world(JobLimits::default());
    world.create(T0, method_job("j"));
    world.find(T0, &["a", "b", "c"]);
    world.end(at(1), "a", Err(HubError::DeviceNotOnline));
    world.end(at(1), "b", Err(HubError::DeviceNotFound(device("b"))));
    world.end(at(1), "c", answered("no json"));
    assert_eq!(world.status("j"), JobStatus::Completed);
    assert_eq!(world.counts("j"), [0, 0, 0, 3]);
    assert_eq!(
        world.ended,
        [
            "a!DeviceNotOnline",
            "b!DeviceNotFound",
            "c!GenericBadGateway"
        ]
    );
    let (_, row) = world.jobs.rows(None).next().unwrap();
    assert_eq!(row.error.unwrap().code, ErrorCode::DeviceNotOnline);
}

#[test]
fn a_condition_that_cannot_be_read_fails_the_job_when_it_starts() {
    // JOB-6
    let mut world = world(JobLimits::default());
    world.create(T0, method_job("j"));
    let (run, _) = world.searches[0];
    world
        .jobs
        .condition_refused(at(1), run, "line 1".to_owned());
    let job = world.job("j");
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(job.failure.as_deref(), Some("line 1"));
    assert_eq!(job.statistics, None);
    world.jobs.targets_found(at(2), run, devices(&["a"]), true);
    world.run(at(2));
    assert_eq!(world.job("j"), job, "what comes after the end is ignored");
}

#[test]
fn what_is_not_done_when_the_time_is_over_fails_and_the_job_ends() {
    // JOB-7
    let mut world = world(JobLimits {
        operations_in_flight: 2,
        ..JobLimits::default()
    });
    world.create(T0, method_job("j"));
    world.find(T0, &["a", "b", "c", "d"]);
    world.end(at(1), "a", answered("1"));
    assert_eq!(world.working_on(), ["b", "c"]);
    world.run(at(60));
    let job = world.job("j");
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(world.counts("j"), [0, 0, 1, 3]);
    assert_eq!(
        world.ended,
        [
            "a",
            "b!GatewayTimeout",
            "c!GatewayTimeout",
            "d!GatewayTimeout"
        ]
    );
    assert_eq!(
        job.message.as_deref(),
        Some("3 devices were not done when the job's maximum execution time ran out")
    );
    world.end(at(61), "b", answered("2"));
    assert_eq!(
        world.counts("j"),
        [0, 0, 1, 3],
        "a late answer changes nothing"
    );
}

#[test]
fn a_job_whose_time_is_over_before_its_devices_are_known_has_failed() {
    // JOB-7
    let mut world = world(JobLimits::default());
    world.create(T0, method_job("j"));
    let (run, _) = world.searches.remove(0);
    world.jobs.targets_found(at(1), run, devices(&["a"]), false);
    world.run(at(60));
    assert_eq!(world.status("j"), JobStatus::Failed);
    assert_eq!(world.ended, ["a!GatewayTimeout"]);
    assert_eq!(world.counts("j"), [0, 0, 0, 1]);
}

#[test]
fn only_so_many_devices_are_worked_on_at_a_time_and_jobs_take_turns() {
    // JOB-8
    let mut world = world(one_at_a_time());
    world.create(T0, method_job("one"));
    world.create(T0, method_job("two"));
    world.find(T0, &["a", "b", "c"]);
    world.find(T0, &["d", "e"]);
    let mut order = Vec::new();
    for second in 1..=5 {
        assert_eq!(world.operations.len(), 1);
        let name = world.working_on()[0].to_owned();
        world.end(at(second), &name, answered("{}"));
        order.push(name);
    }
    assert_eq!(order, ["a", "b", "d", "c", "e"]);
}

#[test]
fn operations_of_a_job_that_ended_still_count_as_in_flight() {
    // JOB-8
    let mut world = world(one_at_a_time());
    world.create(T0, method_job("one"));
    world.find(T0, &["a"]);
    world.run(at(60));
    world.create(at(61), method_job("two"));
    world.find(at(61), &["b"]);
    assert_eq!(world.working_on(), ["a"], "the call to a is still open");
    world.end(at(62), "a", answered("{}"));
    assert_eq!(world.working_on(), ["b"]);
}

#[test]
fn devices_are_begun_at_the_pace_that_is_set() {
    // JOB-8
    let mut world = world(JobLimits {
        operations_per_second: Some(10),
        ..JobLimits::default()
    });
    world.create(at(1), twin_job("j"));
    let names: Vec<String> = (0..30).map(|number| format!("d{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.find(at(1), &names);
    let mut now = at(1);
    while world.jobs.poll_deadline() < Some(at(61).mono) {
        now.mono = world.jobs.poll_deadline().unwrap();
        world.run(now);
    }
    let spent = now.mono.saturating_since(at(1).mono);
    assert_eq!(world.operations.len(), 30);
    let allowed = Duration::from_millis(2800)..=Duration::from_secs(3);
    assert!(allowed.contains(&spent), "{spent:?}");
    assert!(now.mono > Instant::ZERO);
}

#[test]
fn devices_are_found_page_by_page_and_each_has_one_row() {
    // JOB-9
    let mut world = world(JobLimits::default());
    world.create(T0, twin_job("j"));
    let (run, after) = world.searches.remove(0);
    assert_eq!(after, None);
    world
        .jobs
        .targets_found(T0, run, devices(&["a", "b"]), false);
    world.run(T0);
    let (run, after) = world.searches.remove(0);
    assert_eq!(after, Some(device("b")));
    world
        .jobs
        .targets_found(T0, run, devices(&["b", "a", "c"]), true);
    world.run(T0);
    assert_eq!(world.working_on(), ["a", "b", "c"]);
    let running = |name: &str| (format!("j/{name}"), RowStatus::Running);
    assert_eq!(world.rows(), [running("a"), running("b"), running("c")]);
}
