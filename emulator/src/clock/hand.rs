//! A clock that moves by hand: it stands until it is told to go to an instant, or to run.
//!
//! On its way it stops at every instant at which something falls due, in order, and goes on when
//! that has happened. What happens there is for the owners of the deadlines to know.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use hub_proto::time::{Instant, Now, Timestamp};
use tokio::sync::Notify;

use super::machine::MachineClock;

/// The clock of a hub whose time moves when it is told to. Cheap to clone; all clones are the same
/// clock.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<Inner>);

/// Something that was due did not happen within ten seconds of the machine's time; the clock stands
/// where that was. A bug, or a machine at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("something due at {at} has not happened; the clock stands there", at = .now.wall)]
pub struct Unsettled {
    /// Where the clock stands.
    pub now: Now,
}

/// Deadlines that can be ended in place.
pub(crate) trait Due: fmt::Debug + Send + Sync {
    /// When something is due next.
    fn next_due(&self) -> Option<Instant>;

    /// Ends what is due by the clock.
    fn run_due(&self);
}

/// Names a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TimerId(u64);

#[derive(Debug)]
struct Inner {
    machine: MachineClock,
    /// Whoever moves the clock holds it: one at a time.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    /// Nothing is unsettled any more.
    settled: Notify,
}

#[derive(Debug)]
struct State {
    mono: Instant,
    /// Where the wall stood when the clock stood at `wall_since`.
    wall: Timestamp,
    wall_since: Instant,
    /// If it runs: since when `mono` has not been brought up to date.
    running: Option<tokio::time::Instant>,
    sources: Vec<Weak<dyn Due>>,
    /// Timers that wait.
    waiting: BTreeSet<(Instant, TimerId)>,
    timers: HashMap<TimerId, Waiting>,
    /// Timers that fell due and whose owners have not acted, and holds.
    unsettled: usize,
    timer_last: u64,
}

/// What is known of a timer.
#[derive(Debug, Default)]
struct Waiting {
    at: Option<Instant>,
    waker: Option<Waker>,
    /// The clock has passed it, and its owner has not said more.
    is_unsettled: bool,
}

/// The clock, as its owner moves it.
impl VirtualClock {
    /// A clock that stands at the machine's time.
    pub(crate) fn start() -> Self {
        let machine = MachineClock::start();
        Self::standing_at(machine.now().wall, machine)
    }

    fn standing_at(wall: Timestamp, machine: MachineClock) -> Self {
        let state = State {
            mono: Instant::ZERO,
            wall,
            wall_since: Instant::ZERO,
            running: None,
            sources: Vec::new(),
            waiting: BTreeSet::new(),
            timers: HashMap::new(),
            unsettled: 0,
            timer_last: 0,
        };
        Self(Arc::new(Inner {
            machine,
            turn: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
            settled: Notify::new(),
        }))
    }

    /// Both readings.
    pub fn now(&self) -> Now {
        self.state().now()
    }

    /// Whether it moves by itself just now.
    pub fn is_running(&self) -> bool {
        self.state().running.is_some()
    }

    /// Moves it on. Comes back when all that was due by then has happened, in the order of time.
    pub async fn advance(&self, by: Duration) -> Result<Now, Unsettled> {
        let _turn = self.0.turn.lock().await;
        let target = self.now().mono + by;
        self.go_to(target).await
    }

    /// Moves it to `wall`. Forwards that is [`Self::advance`]. Backwards the wall alone goes: what
    /// is due stays as far away as it was, and time goes on from there.
    pub async fn set(&self, wall: Timestamp) -> Result<Now, Unsettled> {
        let _turn = self.0.turn.lock().await;
        let now = self.now();
        if wall >= now.wall {
            let target = now.mono + wall.saturating_since(now.wall);
            return self.go_to(target).await;
        }
        let mut state = self.state();
        state.bring_up_to_date();
        state.wall = wall;
        state.wall_since = state.mono;
        Ok(state.now())
    }

    /// Lets it stand.
    pub async fn freeze(&self) -> Now {
        let _turn = self.0.turn.lock().await;
        let mut state = self.state();
        state.bring_up_to_date();
        state.running = None;
        state.now()
    }

    /// Lets it run as the machine's does, from where it stands.
    pub async fn thaw(&self) -> Now {
        let _turn = self.0.turn.lock().await;
        let mut state = self.state();
        state.bring_up_to_date();
        state.running = Some(tokio::time::Instant::now());
        // Whoever waits must now watch the machine's clock as well.
        for timer in state.timers.values_mut() {
            if let Some(waker) = timer.waker.take() {
                waker.wake();
            }
        }
        state.now()
    }

    async fn go_to(&self, target: Instant) -> Result<Now, Unsettled> {
        // What was handed to a task before now may set a timer that is on the way.
        self.settle().await?;
        loop {
            let sources = self.sources();
            let next = sources.iter().filter_map(|source| source.next_due()).min();
            let next = next.into_iter().chain(self.state().first_waiting()).min();
            let next = next.filter(|next| *next <= target);
            self.state().pass(next.unwrap_or(target));
            let now = self.now().mono;
            for source in &sources {
                if source.next_due().is_some_and(|due| due <= now) {
                    source.run_due();
                }
            }
            drop(sources);
            self.settle().await?;
            if next.is_none() {
                return Ok(self.now());
            }
        }
    }

    /// Waits until the owners of all timers that fell due have acted, and all tasks that were handed
    /// something.
    async fn settle(&self) -> Result<(), Unsettled> {
        let settled = async {
            // Even with nothing to wait for, others get their turn on this thread.
            tokio::task::yield_now().await;
            loop {
                let notified = self.0.settled.notified();
                if self.state().unsettled == 0 {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(SETTLE_PATIENCE, settled)
            .await
            .map_err(|_| Unsettled { now: self.now() })
    }

    fn sources(&self) -> Vec<Arc<dyn Due>> {
        let mut state = self.state();
        state.sources.retain(|source| source.strong_count() > 0);
        state.sources.iter().filter_map(Weak::upgrade).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .state
            .lock()
            .expect("nothing panics with the clock locked")
    }
}

/// The clock, as those see it who wait.
impl VirtualClock {
    pub(super) fn machine(&self) -> MachineClock {
        self.0.machine
    }

    pub(super) fn attach(&self, source: Weak<dyn Due>) {
        self.state().sources.push(source);
    }

    pub(super) fn new_timer(&self) -> TimerId {
        let mut state = self.state();
        state.timer_last += 1;
        let id = TimerId(state.timer_last);
        state.timers.insert(id, Waiting::default());
        id
    }

    /// A timer that is to go off is settled only once somebody waits for it: until then the clock would
    /// pass it by unnoticed.
    pub(super) fn set_timer(&self, id: TimerId, at: Option<Instant>) {
        let is_settled = {
            let mut state = self.state();
            state.set_timer(id, at);
            at.is_none() && state.settle_timer(id)
        };
        self.tell(is_settled);
    }

    /// The clock waits for the timer's owner, as if the timer had fallen due.
    pub(super) fn unsettle_timer(&self, id: TimerId) {
        let mut state = self.state();
        let timer = state.timers.get_mut(&id);
        if timer.is_some_and(|timer| !std::mem::replace(&mut timer.is_unsettled, true)) {
            state.unsettled += 1;
        }
    }

    pub(super) fn poll_timer(&self, id: TimerId, at: Instant, waker: &Waker) -> Poll<()> {
        let mut state = self.state();
        if state.now().mono >= at {
            return Poll::Ready(());
        }
        state.set_timer(id, Some(at));
        if let Some(timer) = state.timers.get_mut(&id) {
            timer.waker = Some(waker.clone());
        }
        let is_settled = state.settle_timer(id);
        drop(state);
        self.tell(is_settled);
        Poll::Pending
    }

    pub(super) fn drop_timer(&self, id: TimerId) {
        let mut state = self.state();
        state.set_timer(id, None);
        let is_settled = state.settle_timer(id);
        state.timers.remove(&id);
        drop(state);
        self.tell(is_settled);
    }

    /// The first instant that a task waits for, to which the clock would go.
    #[cfg(test)]
    pub(crate) fn first_waited_for(&self) -> Option<Instant> {
        let state = self.state();
        let waited_for = state.timers.values().filter(|timer| timer.waker.is_some());
        waited_for.filter_map(|timer| timer.at).min()
    }

    /// Something is under way that the clock waits for.
    pub(super) fn hold(&self) {
        self.state().unsettled += 1;
    }

    /// It is done.
    pub(super) fn release(&self) {
        let is_settled = {
            let mut state = self.state();
            state.unsettled -= 1;
            state.unsettled == 0
        };
        self.tell(is_settled);
    }

    fn tell(&self, is_settled: bool) {
        if is_settled {
            self.0.settled.notify_waiters();
        }
    }
}

impl State {
    fn now(&self) -> Now {
        let ran = self
            .running
            .map_or(Duration::ZERO, |running| running.elapsed());
        let mono = self.mono + ran;
        Now {
            mono,
            wall: self
                .wall
                .saturating_add(mono.saturating_since(self.wall_since)),
        }
    }

    fn bring_up_to_date(&mut self) {
        self.mono = self.now().mono;
        if let Some(running) = &mut self.running {
            *running = tokio::time::Instant::now();
        }
    }

    fn first_waiting(&self) -> Option<Instant> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Goes to `instant`, never backwards, and wakes whose timers are due.
    fn pass(&mut self, instant: Instant) {
        self.bring_up_to_date();
        self.mono = self.mono.max(instant);
        while self.first_waiting().is_some_and(|at| at <= self.mono) {
            let Some((_, id)) = self.waiting.pop_first() else {
                return;
            };
            let Some(timer) = self.timers.get_mut(&id) else {
                continue;
            };
            // One that nobody has waited for yet will be seen when somebody does.
            if let Some(waker) = timer.waker.take() {
                if !std::mem::replace(&mut timer.is_unsettled, true) {
                    self.unsettled += 1;
                }
                waker.wake();
            }
        }
    }

    fn set_timer(&mut self, id: TimerId, at: Option<Instant>) {
        let Some(timer) = self.timers.get_mut(&id) else {
            return;
        };
        if let Some(old) = timer.at {
            self.waiting.remove(&(old, id));
        }
        timer.at = at;
        if let Some(at) = at {
            self.waiting.insert((at, id));
        }
    }

    /// Its owner has acted. Says whether nothing is unsettled any more by this.
    fn settle_timer(&mut self, id: TimerId) -> bool {
        let timer = self.timers.get_mut(&id);
        let was = timer.is_some_and(|timer| std::mem::take(&mut timer.is_unsettled));
        self.unsettled -= usize::from(was);
        was && self.unsettled == 0
    }
}

/// By the machine's clock.
const SETTLE_PATIENCE: Duration = Duration::from_secs(10);
