//! The jobs of a hub as a state machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hub_proto::ids::DeviceId;
use hub_proto::time::{Instant, Now, Timestamp};

use super::id::JobId;
use super::job::{Job, JobEnd, JobNumber, JobView, Phase, TimerKind, out_of_time};
use super::output::{JobOutput, Operation, Outcome, Run};
use super::row::{Row, RowEnd, RowState};
use super::spec::JobSpec;
use crate::error::HubError;
use crate::event::{DeviceJobEnd, Event, EventKind};
use crate::limits::JobLimits;

/// The scheduled jobs of a hub. See the module's documentation for the law of their use.
#[derive(Debug)]
pub struct Jobs {
    limits: JobLimits,
    pub(super) all: BTreeMap<JobNumber, Job>,
    numbers: BTreeMap<JobId, JobNumber>,
    last_number: u64,
    /// Jobs that have not ended.
    active: usize,
    /// Jobs with something to hand out, each once; they take turns.
    turns: VecDeque<JobNumber>,
    timers: BTreeSet<(Instant, JobNumber, TimerKind)>,
    /// At most one for each operation in flight; drained before anything else.
    events: VecDeque<Event>,
    /// Operations handed out and not answered, also those of jobs that ended meanwhile.
    in_flight: usize,
    pace: Pace,
    /// Bytes of all jobs, roughly.
    bytes: usize,
}

impl Jobs {
    /// No jobs.
    pub fn new(limits: JobLimits) -> Self {
        let pace = Pace::new(limits.operations_per_second);
        Self {
            limits,
            all: BTreeMap::new(),
            numbers: BTreeMap::new(),
            last_number: 0,
            active: 0,
            turns: VecDeque::new(),
            timers: BTreeSet::new(),
            events: VecDeque::new(),
            in_flight: 0,
            pace,
            bytes: 0,
        }
    }

    /// Makes a job. Its answer says `queued`, also of one that starts at once.
    pub fn create(&mut self, now: Now, spec: JobSpec) -> Result<JobView, HubError> {
        self.add_waiting(now, spec, now.wall)
    }

    /// Makes a job that was asked for at `created`.
    pub(super) fn add_waiting(
        &mut self,
        now: Now,
        spec: JobSpec,
        created: Timestamp,
    ) -> Result<JobView, HubError> {
        let start = spec.start.unwrap_or(now.wall).max(now.wall);
        let wait = start.saturating_since(now.wall);
        let number = self.free_number(&spec.id)?;
        if wait > self.limits.start_ahead {
            let hours = self.limits.start_ahead.as_secs() / 3600;
            return Err(HubError::Argument(format!(
                "startTime must be within {hours} hours from now."
            )));
        }
        if self.active >= self.limits.active {
            return Err(HubError::TooManyActiveJobs(self.limits.active));
        }
        let job = Job::waiting(number, spec, created, start);
        let view = job.view();
        self.insert(job);
        self.active += 1;
        self.set_timer(number, now.mono + wait, TimerKind::Start);
        if wait > SCHEDULED_AFTER {
            self.set_timer(number, now.mono + SCHEDULED_AFTER, TimerKind::Schedule);
        }
        self.make_room();
        Ok(view)
    }

    /// Takes a job up that ended `at`, with its rows; it gets a number of its own.
    pub(super) fn remember(
        &mut self,
        now: Now,
        mut job: Job,
        at: Timestamp,
        end: JobEnd,
    ) -> Result<(), HubError> {
        let number = self.free_number(&job.spec.id)?;
        if self.bytes + job.bytes > self.limits.history_bytes {
            let max = self.limits.history_bytes;
            let text = format!("with it the history has more than {max} bytes");
            return Err(HubError::Argument(text));
        }
        job.number = number;
        job.phase = Phase::Ended { at, end };
        self.insert(job);
        let age = now.wall.saturating_since(at);
        let left = self.limits.history.saturating_sub(age);
        self.set_timer(number, now.mono + left, TimerKind::Forget);
        Ok(())
    }

    fn free_number(&self, id: &JobId) -> Result<JobNumber, HubError> {
        if self.numbers.contains_key(id) {
            return Err(HubError::JobAlreadyExists(id.clone()));
        }
        Ok(JobNumber(self.last_number + 1))
    }

    fn insert(&mut self, job: Job) {
        self.last_number = job.number.0;
        self.numbers.insert(job.spec.id.clone(), job.number);
        self.bytes += job.bytes;
        self.all.insert(job.number, job);
    }

    /// The same bounds, and no job; numbers go on, so that who comes back to a job of before finds
    /// none.
    pub(super) fn emptied(&self) -> Self {
        Self {
            last_number: self.last_number,
            ..Self::new(self.limits.clone())
        }
    }

    /// Has the jobs of `other`, made by `Jobs::emptied`, in place of one's own.
    pub fn replace_with(&mut self, other: Self) {
        self.clear();
        // What is under way comes back to nothing, and holds its place until then.
        let in_flight = std::mem::take(&mut self.in_flight);
        *self = other;
        self.in_flight = in_flight;
    }

    /// Takes back a job that has not started.
    pub fn cancel(&mut self, now: Now, id: &JobId) -> Result<JobView, HubError> {
        let job = self
            .look_up(id)
            .ok_or_else(|| HubError::JobNotFound(id.as_str().into()))?;
        match job.phase {
            Phase::Queued | Phase::Scheduled => {}
            Phase::Finding { .. } | Phase::Operating { .. } | Phase::Ended { .. } => {
                let status = job.status().name();
                let what = format!("job '{id}' is {status} and cannot be cancelled");
                return Err(HubError::WrongState(what));
            }
        }
        let number = job.number;
        self.end_job(now, number, JobEnd::Cancelled);
        Ok(self.reach(number).view())
    }

    pub(super) fn look_up(&self, id: &JobId) -> Option<&Job> {
        self.all.get(self.numbers.get(id)?)
    }

    fn reach(&mut self, number: JobNumber) -> &mut Job {
        self.all
            .get_mut(&number)
            .expect("who holds the number of a job has looked")
    }
}

/// Time.
impl Jobs {
    /// When [`Jobs::handle_deadline`] is due, if at all.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, ..)| *at);
        let pace = self.waits_for_pace().then_some(self.pace.next);
        [timer, pace].into_iter().flatten().min()
    }

    /// Starts, ends and forgets what is due by `now`.
    pub fn handle_deadline(&mut self, now: Now) {
        while let Some(&(at, number, kind)) = self.timers.first()
            && at <= now.mono
        {
            self.timers.pop_first();
            let job = self.reach(number);
            job.timers.retain(|timer| *timer != (at, kind));
            match kind {
                TimerKind::Schedule => job.phase = Phase::Scheduled,
                TimerKind::Start => self.start(now, number),
                TimerKind::Expire => self.expire(now, number),
                TimerKind::Forget => self.forget(number),
            }
        }
    }

    fn start(&mut self, now: Now, number: JobNumber) {
        self.clear_timers(number);
        let job = self.reach(number);
        job.phase = Phase::Finding { is_asked: false };
        job.running_since = now.wall;
        let expiry = now.mono + job.spec.max_execution;
        self.set_timer(number, expiry, TimerKind::Expire);
        self.turns.push_back(number);
    }

    /// Gives up what the job has not done: what is under way now, what is pending when its turn
    /// comes.
    fn expire(&mut self, now: Now, number: JobNumber) {
        let job = self.reach(number);
        if let Phase::Finding { .. } = job.phase {
            let reason = "The maximum execution time ran out before all devices were known.";
            job.phase = Phase::Operating {
                next: 0,
                is_expired: false,
                failure: Some(reason.into()),
            };
        }
        let Phase::Operating {
            next, is_expired, ..
        } = &mut job.phase
        else {
            unreachable!("the timer goes when the job ends");
        };
        *is_expired = true;
        let begun = *next;
        for row in 0..begun {
            if let RowState::Running { .. } = self.reach(number).rows[row].state {
                self.give_up_row(now, number, row);
            }
        }
        self.renew_turn(number);
        self.end_if_done(now, number);
    }

    fn set_timer(&mut self, number: JobNumber, at: Instant, kind: TimerKind) {
        self.timers.insert((at, number, kind));
        self.reach(number).timers.push((at, kind));
    }

    fn clear_timers(&mut self, number: JobNumber) {
        for (at, kind) in std::mem::take(&mut self.reach(number).timers) {
            self.timers.remove(&(at, number, kind));
        }
    }
}

/// Handing out.
impl Jobs {
    /// The next thing to do now, until `None`.
    pub fn poll_output(&mut self, now: Now) -> Option<JobOutput> {
        if let Some(event) = self.events.pop_front() {
            return Some(JobOutput::Event(event));
        }
        let may_operate = self.may_operate(now);
        let is_ready = |number: &JobNumber| match self.all.get(number).map(|job| &job.phase) {
            Some(Phase::Operating { is_expired, .. }) => *is_expired || may_operate,
            Some(_) => true,
            None => false,
        };
        let place = self.turns.iter().position(is_ready)?;
        let number = self.turns.remove(place)?;
        let output = self.take_turn(now, number);
        if self.reach(number).has_turn() {
            self.turns.push_back(number);
        }
        output
    }

    /// What a job does next that has something to hand out and may.
    fn take_turn(&mut self, now: Now, number: JobNumber) -> Option<JobOutput> {
        let limit = self.limits.targets_per_search;
        let job = self.reach(number);
        let spec = Arc::clone(&job.spec);
        match &mut job.phase {
            Phase::Finding { is_asked } => {
                *is_asked = true;
                Some(JobOutput::FindTargets {
                    run: Run(number),
                    spec,
                    after: job.rows.last().map(|row| row.device.clone()),
                    limit,
                })
            }
            Phase::Operating {
                next, is_expired, ..
            } => {
                let (row, is_expired) = (*next, *is_expired);
                *next += 1;
                if is_expired {
                    self.give_up_row(now, number, row);
                    self.end_if_done(now, number);
                    return self.events.pop_front().map(JobOutput::Event);
                }
                let device = job.rows[row].device.clone();
                job.begin_row(row, now.wall);
                self.in_flight += 1;
                self.pace.take(now.mono);
                let operation = Operation { job: number, row };
                Some(JobOutput::Operate {
                    operation,
                    device,
                    spec,
                })
            }
            Phase::Queued | Phase::Scheduled | Phase::Ended { .. } => {
                unreachable!("only jobs with something to hand out have a turn")
            }
        }
    }

    fn may_operate(&self, now: Now) -> bool {
        self.in_flight < self.limits.operations_in_flight && self.pace.is_ready(now.mono)
    }

    /// Whether a device's turn would have come but for the pace.
    fn waits_for_pace(&self) -> bool {
        let waits = |number: &JobNumber| {
            let phase = self.all.get(number).map(|job| &job.phase);
            matches!(phase, Some(Phase::Operating { .. }))
        };
        self.in_flight < self.limits.operations_in_flight && self.turns.iter().any(waits)
    }

    /// Puts the job among those that take turns, if it has something to hand out, and once.
    fn renew_turn(&mut self, number: JobNumber) {
        self.turns.retain(|turn| *turn != number);
        if self.reach(number).has_turn() {
            self.turns.push_back(number);
        }
    }
}

/// Feedback.
impl Jobs {
    /// Devices that the job's condition names, in the order of their ids; `is_last` if there are no
    /// more. What was found already, or too late, is passed over.
    pub fn targets_found(&mut self, now: Now, run: Run, found: Vec<DeviceId>, is_last: bool) {
        let Run(number) = run;
        let Some(job) = self.all.get_mut(&number) else {
            return;
        };
        let Phase::Finding { is_asked } = &mut job.phase else {
            return;
        };
        *is_asked = false;
        let bytes_before = job.bytes;
        for device in found {
            if job.rows.last().is_none_or(|last| last.device < device) {
                job.bytes += size_of::<Row>() + device.as_str().len();
                job.statistics.pending += 1;
                let state = RowState::Pending;
                job.rows.push(Row { device, state });
            }
        }
        self.bytes += job.bytes - bytes_before;
        if is_last {
            job.phase = Phase::Operating {
                next: 0,
                is_expired: false,
                failure: None,
            };
        }
        self.renew_turn(number);
        self.end_if_done(now, number);
        self.make_room();
    }

    /// The job's condition cannot be read; `reason` says why.
    pub fn condition_refused(&mut self, now: Now, run: Run, reason: String) {
        let Run(number) = run;
        let is_finding = |job: &Job| matches!(job.phase, Phase::Finding { .. });
        if self.all.get(&number).is_some_and(is_finding) {
            self.end_job(now, number, JobEnd::Failed(reason.into()));
        }
    }

    /// What became of an operation that was handed out. Due once for each, whatever became of its
    /// job; what comes after the job's end changes nothing in it.
    pub fn operation_ended(
        &mut self,
        now: Now,
        operation: Operation,
        result: Result<Outcome, HubError>,
    ) {
        debug_assert!(self.in_flight > 0, "each operation ends once");
        self.in_flight = self.in_flight.saturating_sub(1);
        let Operation { job: number, row } = operation;
        let Some(job) = self.all.get(&number) else {
            return;
        };
        if let RowState::Running { .. } = job.rows[row].state {
            self.end_row(now, number, row, RowEnd::of(result));
            self.end_if_done(now, number);
        }
    }

    /// How many jobs there are, ended or not.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Forgets every job, ended or not. Operations that are under way come back to nothing.
    pub fn clear(&mut self) {
        self.all.clear();
        self.numbers.clear();
        self.active = 0;
        self.turns.clear();
        self.timers.clear();
        self.events.clear();
        self.bytes = 0;
    }

    fn give_up_row(&mut self, now: Now, number: JobNumber, row: usize) {
        self.end_row(now, number, row, out_of_time());
        self.reach(number).out_of_time += 1;
    }

    /// The one way out for a row that has not ended.
    fn end_row(&mut self, now: Now, number: JobNumber, row: usize, mut end: RowEnd) {
        self.bytes += end.bytes();
        self.make_room();
        let is_full = self.bytes > self.limits.history_bytes;
        self.bytes -= end.bytes();
        let job = self.reach(number);
        if let RowEnd::Answered(answer) = &mut end
            && is_full
            && !answer.payload.is_empty()
        {
            answer.payload = Vec::new();
            job.payloads_dropped += 1;
        }
        let bytes = end.bytes();
        job.bytes += bytes;
        let error = match &end {
            RowEnd::Failed(error) => Some(error.code.name()),
            RowEnd::Updated | RowEnd::Answered(_) => None,
        };
        job.end_row(row, now.wall, end);
        let event = Event {
            at: now.wall,
            client: job.rows[row].device.clone().into(),
            kind: EventKind::DeviceJobEnded(DeviceJobEnd {
                job: job.spec.id.clone(),
                job_type: job.spec.work.job_type(),
                error,
            }),
        };
        self.bytes += bytes;
        self.events.push_back(event);
    }

    fn end_if_done(&mut self, now: Now, number: JobNumber) {
        let job = self.reach(number);
        let Phase::Operating { failure, .. } = &mut job.phase else {
            return;
        };
        if job.statistics.pending == 0 && job.statistics.running == 0 {
            let end = failure.take().map_or(JobEnd::Completed, JobEnd::Failed);
            self.end_job(now, number, end);
        }
    }
}

/// The history.
impl Jobs {
    /// The one way out for a job that has not ended.
    fn end_job(&mut self, now: Now, number: JobNumber, end: JobEnd) {
        self.clear_timers(number);
        self.turns.retain(|turn| *turn != number);
        self.reach(number).phase = Phase::Ended { at: now.wall, end };
        self.active -= 1;
        let forgotten = now.mono + self.limits.history;
        self.set_timer(number, forgotten, TimerKind::Forget);
    }

    fn forget(&mut self, number: JobNumber) {
        self.clear_timers(number);
        if let Some(job) = self.all.remove(&number) {
            self.numbers.remove(&job.spec.id);
            self.bytes -= job.bytes;
        }
    }

    /// Forgets the oldest jobs that have ended, as far as the history has more bytes than it may.
    fn make_room(&mut self) {
        while self.bytes > self.limits.history_bytes {
            let has_ended = |job: &&Job| matches!(job.phase, Phase::Ended { .. });
            // Few jobs are active, so the first that has ended is near.
            let Some(oldest) = self.all.values().find(has_ended).map(|job| job.number) else {
                return;
            };
            self.forget(oldest);
        }
    }
}

/// Spreads operations over time.
#[derive(Debug)]
struct Pace {
    /// `None`: as fast as it goes.
    interval: Option<Duration>,
    next: Instant,
}

impl Pace {
    fn new(per_second: Option<u32>) -> Self {
        Self {
            interval: per_second.map(|count| Duration::from_secs(1) / count.max(1)),
            next: Instant::ZERO,
        }
    }

    fn is_ready(&self, now: Instant) -> bool {
        self.interval.is_none() || self.next <= now
    }

    fn take(&mut self, now: Instant) {
        if let Some(interval) = self.interval {
            // A timer that came late is made up for, a pause is not.
            let earliest = now.since_start().saturating_sub(CATCH_UP);
            self.next = self.next.max(Instant::from_start(earliest)) + interval;
        }
    }
}

const CATCH_UP: Duration = Duration::from_millis(100);

/// How long a job that waits is shown as `queued` before it is `scheduled`: a few seconds on the
/// real hub.
const SCHEDULED_AFTER: Duration = Duration::from_secs(2);
