//! Scheduled jobs: the calls of the service, and the one task that carries out what the jobs of
//! [`hub_core::jobs`] ask for.
//!
//! Jobs and shards are never locked at the same time: the task takes an output, does it, and feeds
//! the result back. What could take long (a search, many twin updates) lets others run in between.

use std::sync::{Arc, Mutex, MutexGuard};

use hub_core::image::JobImage;
use hub_core::jobs::{
    JobFilter, JobId, JobNumber, JobOutput, JobSpec, JobView, JobWork, Jobs, Operation, Outcome,
    RowCursor, Run,
};
use hub_core::limits::JobLimits;
use hub_core::method::InvokeMethod;
use hub_core::query::{Condition, ConditionKind};
use hub_core::registry::IfMatch;
use hub_core::twin::UpdateMode;
use hub_core::{HubError, SearchBounds};
use hub_proto::ids::DeviceId;
use hub_proto::time::{Instant, Now};
use tokio::task::JoinSet;

use super::handle::{HubHandle, WeakHub};
use super::slot::{MethodOutcome, ShardSlot};
use crate::clock::{Bell, Clock, Hold, Timer};

/// The jobs of a hub, with what surrounds them. Dropping it ends their task.
#[derive(Debug)]
pub(super) struct JobsSlot(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    jobs: Mutex<Jobs>,
    /// Tells the task that there is something to do, or that the hub is gone.
    bell: Bell,
}

/// The calls of methods that wait for their devices. They hold no hub.
type Calls = JoinSet<(Operation, MethodOutcome, Hold)>;

impl JobsSlot {
    pub(super) fn new(clock: Clock, limits: JobLimits) -> Self {
        Self(Arc::new(Shared {
            bell: Bell::new(clock.clone()),
            clock,
            jobs: Mutex::new(Jobs::new(limits)),
        }))
    }

    /// What the task is that looks after the jobs as long as the hub exists.
    pub(super) fn run(&self, hub: WeakHub) -> impl Future<Output = ()> + use<> {
        run(hub, Arc::clone(&self.0))
    }
}

impl Drop for JobsSlot {
    fn drop(&mut self) {
        // The task wakes, finds the hub gone and ends.
        self.0.bell.ring();
    }
}

/// Scheduled jobs.
impl HubHandle {
    /// See [`hub_core::jobs::Jobs::create`].
    pub fn create_job(&self, spec: JobSpec) -> Result<JobView, HubError> {
        let created = self.jobs_slot().command(|jobs, now| jobs.create(now, spec));
        self.jobs_slot().bell.ring();
        created
    }

    /// See [`hub_core::jobs::Jobs::cancel`].
    pub fn cancel_job(&self, id: &JobId) -> Result<JobView, HubError> {
        let cancelled = self.jobs_slot().command(|jobs, now| jobs.cancel(now, id));
        self.jobs_slot().bell.ring();
        cancelled
    }

    /// See [`hub_core::jobs::Jobs::job`].
    pub fn job(&self, id: &JobId) -> Option<JobView> {
        self.jobs_slot().jobs().job(id)
    }

    /// See [`hub_core::jobs::Jobs::list`].
    pub fn jobs(&self, filter: JobFilter, after: Option<JobNumber>, limit: usize) -> Vec<JobView> {
        self.jobs_slot().jobs().list(filter, after, limit)
    }

    /// Up to `limit` rows of `devices.jobs` after `after`, as JSON texts without white space; see
    /// [`hub_core::jobs::Jobs::rows`]. They are printed with the jobs locked, so ask for few.
    pub fn job_rows(&self, after: Option<RowCursor>, limit: usize) -> Vec<(RowCursor, String)> {
        let jobs = self.jobs_slot().jobs();
        let rows = jobs.rows(after).take(limit);
        rows.map(|(cursor, row)| (cursor, row.document())).collect()
    }

    /// The devices whose twins are as a condition says, in no order.
    pub(crate) async fn devices_where(&self, condition: &Condition) -> Vec<DeviceId> {
        let mut found = Vec::new();
        for slot in self.slots() {
            let (devices, _) = find_in_shard(slot, condition, None, usize::MAX).await;
            found.extend(devices);
        }
        found
    }

    /// See [`Jobs::clear`]; imports and exports go as well. Says how many jobs there were.
    pub(super) fn clear_jobs(&self) -> usize {
        self.clear_transfers();
        let mut jobs = self.jobs_slot().jobs();
        let count = jobs.count();
        jobs.clear();
        count
    }

    /// See [`Jobs::export`].
    pub(super) fn export_jobs(&self) -> Result<Vec<JobImage>, HubError> {
        self.jobs_slot().jobs().export()
    }

    /// Has these jobs in place of all there are, imports and exports as well, or on an error leaves
    /// all as it is.
    pub(super) fn replace_jobs(&self, images: &[JobImage]) -> Result<(), HubError> {
        self.jobs_slot().command(|jobs, now| {
            let new = jobs.import(now, images, self.limits())?;
            jobs.replace_with(new);
            Ok::<_, HubError>(())
        })?;
        self.clear_transfers();
        self.jobs_slot().bell.ring();
        Ok(())
    }

    fn jobs_slot(&self) -> &Shared {
        &self.jobs_of_hub().0
    }
}

impl Shared {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs
            .lock()
            .expect("a panic with the jobs locked is a bug")
    }

    fn command<R>(&self, command: impl FnOnce(&mut Jobs, Now) -> R) -> R {
        let mut jobs = self.jobs();
        // Read with the lock held, so that time never runs backwards for the jobs.
        let now = self.clock.now();
        command(&mut jobs, now)
    }

    /// What is to be done now; if that is nothing, when to ask again.
    fn next(&self) -> Result<JobOutput, Option<Instant>> {
        self.command(|jobs, now| {
            if jobs.poll_deadline().is_some_and(|due| due <= now.mono) {
                jobs.handle_deadline(now);
            }
            jobs.poll_output(now).ok_or_else(|| jobs.poll_deadline())
        })
    }

    fn operation_ended(&self, operation: Operation, result: Result<Outcome, HubError>) {
        self.command(|jobs, now| jobs.operation_ended(now, operation, result));
    }

    /// A call of a method came back.
    fn call_ended(&self, operation: Operation, outcome: MethodOutcome) {
        self.operation_ended(operation, outcome.map(Outcome::Answered));
    }
}

async fn run(hub: WeakHub, shared: Arc<Shared>) {
    let mut calls = Calls::new();
    let mut timer = shared.clock.timer();
    loop {
        let Some(alive) = hub.upgrade() else { return };
        let deadline = work(&alive, &shared, &mut calls, &mut timer).await;
        timer.set(deadline);
        drop(alive);
        tokio::select! {
            hold = shared.bell.heard() => timer.take_over(hold),
            () = timer.due() => {}
            Some(Ok((operation, outcome, hold))) = calls.join_next() => {
                timer.take_over(hold);
                shared.call_ended(operation, outcome);
            }
        }
    }
}

/// Does what is to be done, until there is nothing; says when to look again.
async fn work(
    hub: &HubHandle,
    shared: &Shared,
    calls: &mut Calls,
    timer: &mut Timer,
) -> Option<Instant> {
    let mut done = 0_usize;
    loop {
        while let Some(Ok((operation, outcome, hold))) = calls.try_join_next() {
            shared.call_ended(operation, outcome);
            timer.take_over(hold);
        }
        match step(hub, shared, calls) {
            Step::Done => {}
            Step::Find(search, spec) => find(hub, shared, search, &spec.condition).await,
            Step::Rest(deadline) => return deadline,
        }
        done += 1;
        if done.is_multiple_of(OUTPUTS_AT_A_TIME) {
            tokio::task::yield_now().await;
        }
    }
}

/// What is left to do after a step.
enum Step {
    Done,
    /// Let others run meanwhile.
    Find(Search, Arc<JobSpec>),
    /// Nothing until then.
    Rest(Option<Instant>),
}

/// Does one thing, if it takes no time.
fn step(hub: &HubHandle, shared: &Shared, calls: &mut Calls) -> Step {
    // From here on the job stays: what is done to a device is done before a reset, or not at all.
    let _step = hub.step();
    match shared.next() {
        Err(deadline) => return Step::Rest(deadline),
        Ok(JobOutput::Event(event)) => {
            hub.event_log().append(event);
        }
        Ok(JobOutput::FindTargets {
            run,
            spec,
            after,
            limit,
        }) => return Step::Find(Search { run, after, limit }, spec),
        Ok(JobOutput::Operate {
            operation,
            device,
            spec,
        }) => operate(hub, shared, calls, operation, device, &spec.work),
    }
    Step::Done
}

/// Does the work of a job to one device, or begins it.
fn operate(
    hub: &HubHandle,
    shared: &Shared,
    calls: &mut Calls,
    operation: Operation,
    device: DeviceId,
    work: &JobWork,
) {
    match work {
        JobWork::UpdateTwin { update, .. } => {
            let merge = UpdateMode::Merge;
            // Jobs have no precondition: every client sends the etag `*`.
            let updated = hub.update_twin(&device.into(), update.clone(), merge, &IfMatch::Absent);
            shared.operation_ended(operation, updated.map(|_| Outcome::Updated));
        }
        JobWork::InvokeMethod {
            name,
            payload,
            timeouts,
            ..
        } => {
            let invoke = InvokeMethod {
                client: device.into(),
                name: name.clone(),
                payload: payload.clone(),
                timeouts: *timeouts,
            };
            match hub.begin_method(invoke) {
                Ok(answer) => {
                    calls.spawn(async move {
                        // Without an answer the hub is gone, and nobody will ask.
                        let gone = || (Err(HubError::DeviceUnavailable), Hold::default());
                        let (outcome, hold) = answer.await.unwrap_or_else(|_| gone());
                        (operation, outcome, hold)
                    });
                }
                Err(error) => shared.operation_ended(operation, Err(error)),
            }
        }
    }
}

/// A search, without its condition.
struct Search {
    run: Run,
    after: Option<DeviceId>,
    limit: usize,
}

/// Finds the next devices that a condition names and tells the jobs.
async fn find(hub: &HubHandle, shared: &Shared, search: Search, condition: &str) {
    let Search { run, after, limit } = search;
    let condition = match Condition::parse(condition, ConditionKind::Job) {
        Ok(condition) => condition,
        Err(error) => {
            // The real hub's words, as far as they are on record; the place is ours.
            let reason = format!("SQL query parse failed due to following errors: \n\t{error}");
            shared.command(|jobs, now| jobs.condition_refused(now, run, reason));
            return;
        }
    };
    let (mut found, mut known_until) = (Vec::new(), None);
    let shards: Vec<_> = hub.slots().collect();
    for shard in &shards {
        // Each shard gives its share; what a page of them all can hold ends where the first ends.
        let share = limit / shards.len() + 1;
        let (devices, is_last) = find_in_shard(shard, &condition, after.clone(), share).await;
        if !is_last {
            let last = devices.last().cloned();
            known_until = match (known_until, last) {
                (Some(known), Some(last)) => Some(std::cmp::min::<DeviceId>(known, last)),
                (known, last) => known.or(last),
            };
        }
        found.extend(devices);
    }
    if let Some(known_until) = &known_until {
        found.retain(|device| device <= known_until);
    }
    found.sort_unstable();
    let is_last = known_until.is_none();
    shared.command(|jobs, now| jobs.targets_found(now, run, found, is_last));
}

/// Up to `limit` devices of one shard, and whether there are no more.
async fn find_in_shard(
    shard: &ShardSlot,
    condition: &Condition,
    mut after: Option<DeviceId>,
    limit: usize,
) -> (Vec<DeviceId>, bool) {
    let mut found = Vec::new();
    loop {
        let bounds = SearchBounds {
            found_max: limit - found.len(),
            looked_at_max: DEVICES_LOOKED_AT,
        };
        let stretch = shard.read(|shard| shard.find_targets(condition, after.as_ref(), bounds));
        found.extend(
            stretch
                .found
                .iter()
                .map(|client| client.device_id().clone()),
        );
        if stretch.looked_until.is_none() || found.len() >= limit {
            return (found, stretch.looked_until.is_none());
        }
        after = stretch
            .looked_until
            .map(|client| client.device_id().clone());
        tokio::task::yield_now().await;
    }
}

/// After so many the task lets others run.
const OUTPUTS_AT_A_TIME: usize = 32;
/// So many devices are looked at while a shard is locked.
const DEVICES_LOOKED_AT: usize = 1000;
