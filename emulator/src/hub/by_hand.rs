//! A hub whose clock is moved by hand: what it was given to do is done when an advance comes back, at
//! the time it was due, however soon the advance follows.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hub_core::configuration::{ConfigurationId, ConfigurationSpec, Content};
use hub_core::event::EventKind;
use hub_core::jobs::{JobId, JobSpec, JobStatus, JobWork};
use hub_core::method::Timeouts;
use hub_core::registry::IfMatch;
use hub_core::throttle::{Operation, Scale, Shaping, Tier};
use hub_core::twin::TwinUpdate;
use hub_core::{Event, Lags, Limits};
use hub_proto::ids::MethodName;
use hub_proto::time::{Now, Timestamp};
use tokio::sync::Barrier;

use super::{HubHandle, HubParts, start};
use crate::clock::{Clock, VirtualClock};
use crate::config::{EventLogLimits, Policies, Throttling};
use crate::event_log::EventLog;
use crate::host_names::{HostNames, HubNames};
use crate::test_hub::spec;

const HOUR: Duration = Duration::from_hours(1);
/// Often enough to meet a task at every point of its way.
const ROUNDS: u32 = 300;

fn hub(clock: &VirtualClock, throttling: Option<Throttling>) -> HubHandle {
    start(HubParts {
        clock: Clock::Virtual(clock.clone()),
        limits: Limits::default(),
        throttling,
        lags: Lags::default(),
        policies: Arc::new(Policies::well_known()).into(),
        names: HubNames::Default(HostNames::default()),
        event_log: EventLog::new(EventLogLimits::default()),
    })
}

fn after(now: Now, time: Duration) -> Timestamp {
    now.wall.saturating_add(time)
}

fn job(hub: &HubHandle, round: u32, start: Option<Timestamp>, work: JobWork) -> JobId {
    let id = JobId::parse(&format!("job-{round}")).unwrap();
    let spec = JobSpec {
        id: id.clone(),
        work,
        condition: "*".into(),
        start,
        max_execution: HOUR,
    };
    hub.create_job(spec).unwrap();
    id
}

fn update_twin(hub: &HubHandle, round: u32) -> JobWork {
    let text = format!("{{\"tags\":{{\"round\":{round}}}}}");
    JobWork::UpdateTwin {
        update: TwinUpdate::parse(text.as_bytes(), hub.limits()).unwrap(),
        text: text.into(),
    }
}

/// When the last event that `is_wanted` happened.
fn last(hub: &HubHandle, is_wanted: impl Fn(&Event) -> bool) -> Option<Timestamp> {
    let events = hub.event_log().read(0, usize::MAX).events;
    let found = events.iter().rev().find(|(_, event)| is_wanted(event));
    found.map(|(_, event)| event.at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_an_advance_follows_at_once_runs_at_its_time() {
    // CLK-2
    let clock = VirtualClock::start();
    let hub = hub(&clock, None);
    hub.create_device(spec("d")).unwrap();
    for round in 0..ROUNDS {
        let start = after(hub.now(), HOUR);
        let id = job(&hub, round, Some(start), update_twin(&hub, round));
        clock.advance(2 * HOUR).await.unwrap();
        let job = hub.job(&id).unwrap();
        assert_eq!(job.status, JobStatus::Completed, "round {round}");
        assert_eq!(job.ended, Some(start), "round {round}");
    }
}

/// The end of a call goes from the shard to the task of the jobs, which is to note it before the clock
/// goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_a_job_that_nobody_answers_fails_at_its_time() {
    // CLK-2
    let clock = VirtualClock::start();
    let hub = hub(&clock, None);
    hub.create_device(spec("d")).unwrap();
    for round in 0..ROUNDS {
        let work = JobWork::InvokeMethod {
            name: MethodName::parse("reboot").unwrap(),
            payload: b"null".to_vec(),
            timeouts: Timeouts::checked(Some(300), Some(300)).unwrap(),
            text: "{}".into(),
        };
        let due = after(hub.now(), Duration::from_mins(5));
        let id = job(&hub, round, None, work);
        clock.advance(HOUR).await.unwrap();
        assert_eq!(hub.job(&id).unwrap().ended, Some(due), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_an_advance_follows_at_once_is_applied_in_its_first_second() {
    // CLK-2
    let clock = VirtualClock::start();
    let hub = hub(&clock, None);
    hub.create_device(spec("d")).unwrap();
    for round in 0..ROUNDS {
        let text = format!("{{\"deviceContent\":{{\"properties.desired.round\":{round}}}}}");
        let spec = ConfigurationSpec {
            id: ConfigurationId::parse("c").unwrap(),
            schema_version: None,
            labels: None,
            content_type: None,
            content: Content::parse(&text, hub.limits()).unwrap(),
            target_condition: "*".to_owned(),
            priority: 1,
            metrics: Vec::new(),
        };
        let second = after(hub.now(), Duration::from_secs(1));
        hub.put_configuration(spec, &IfMatch::Absent).unwrap();
        clock.advance(HOUR).await.unwrap();
        let is_desired = |event: &Event| matches!(event.kind, EventKind::Desired { .. });
        let at = last(&hub, is_desired).unwrap();
        assert!(at <= second, "round {round}: {at}, not by {second}");
        hub.delete_configuration(&ConfigurationId::parse("c").unwrap(), &IfMatch::Any)
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_its_turn_is_carried_out_at_it() {
    // CLK-2
    let clock = VirtualClock::start();
    let shaping = Shaping {
        burst: Duration::ZERO,
        queue: HOUR,
    };
    let scale = Scale::one(Tier::S1);
    let hub = hub(&clock, Some(Throttling { scale, shaping }));
    let began = hub.now().mono;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::new(Barrier::new(ROUNDS as usize + 1));
    for _ in 0..ROUNDS {
        let (hub, seen, asked) = (hub.clone(), Arc::clone(&seen), Arc::clone(&asked));
        tokio::spawn(async move {
            let mut turn = pin!(hub.admit(Operation::IdentityWrite, 1));
            let asking = |context: &mut Context<'_>| Poll::Ready(turn.as_mut().poll(context));
            let admitted = poll_fn(asking).await;
            // All stand in the queue before the clock is moved.
            asked.wait().await;
            // The first goes at once, without a place in the queue.
            if admitted.is_pending() {
                let _admitted = turn.await.unwrap();
                tokio::task::yield_now().await;
                seen.lock().unwrap().push(hub.now().mono);
            }
        });
    }
    asked.wait().await;
    clock.advance(HOUR).await.unwrap();
    // A hundred a minute.
    let due: Vec<_> = (1..ROUNDS)
        .map(|place| began + place * Duration::from_millis(600))
        .collect();
    assert_eq!(*seen.lock().unwrap(), due);
}
