//! Waiting for an instant by a hub's clock.
//!
//! By a clock that is moved by hand a timer that fell due counts as unsettled until its owner waits for
//! it again, sets it to never or drops it. Owners do so after they have acted; whoever moved the
//! clock waits for that.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use hub_proto::time::Instant;
use tokio::time::Sleep;

use super::alarms::Alarms;
use super::hand::{TimerId, VirtualClock};
use super::hold::Hold;
use super::queue::AlarmId;
use super::reading::Clock;

/// A timer, to be kept as long as its owner lives and set again and again. Every connection has one.
#[derive(Debug)]
pub(crate) struct Timer {
    at: Option<Instant>,
    by: By,
}

#[derive(Debug)]
enum By {
    Machine {
        alarms: Alarms,
        alarm: AlarmId,
        /// The task to be woken; none where the owner sees to that.
        task: Option<Arc<Task>>,
    },
    /// In a box, since a clock moved by hand is for tests.
    Virtual(Box<ByHand>),
}

/// The task that waits for a timer.
#[derive(Debug, Default)]
struct Task(AtomicWaker);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake();
    }
}

/// A timer by a clock that moves by hand.
#[derive(Debug)]
struct ByHand {
    clock: VirtualClock,
    id: TimerId,
    /// While the clock runs. Made when it is first needed.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    pub(super) fn new(clock: &Clock) -> Self {
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        Self::made(clock, waker, Some(task))
    }

    /// See [`Clock::timer_that_rings`].
    pub(super) fn that_rings(clock: &Clock, bell: Waker) -> Self {
        Self::made(clock, bell, None)
    }

    fn made(clock: &Clock, waker: Waker, task: Option<Arc<Task>>) -> Self {
        let by = match clock {
            Clock::Machine(alarms) => By::Machine {
                alarm: alarms.add(waker),
                alarms: alarms.clone(),
                task,
            },
            Clock::Virtual(clock) => By::Virtual(Box::new(ByHand {
                id: clock.new_timer(),
                clock: clock.clone(),
                sleep: None,
            })),
        };
        Self { at: None, by }
    }

    /// Its owner was handed something to do: whoever moves the clock waits as if the timer had fallen
    /// due, until the owner waits for it the next time.
    pub(crate) fn take_over(&mut self, hold: Hold) {
        if let By::Virtual(by_hand) = &self.by {
            by_hand.clock.unsettle_timer(by_hand.id);
        }
        drop(hold);
    }

    /// Sets it to `at`, or to never.
    pub(crate) fn set(&mut self, at: Option<Instant>) {
        self.at = at;
        match &self.by {
            By::Machine { alarms, alarm, .. } => alarms.set(*alarm, at),
            By::Virtual(by_hand) => by_hand.clock.set_timer(by_hand.id, at),
        }
    }

    /// What it is set to.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Ready when the instant has come; never, if it is not set. One that rings by the machine's clock
    /// is never ready: its owner hears it, and looks at the time.
    pub(crate) fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        match &mut self.by {
            By::Machine { task: None, .. } => Poll::Pending,
            By::Machine {
                alarms,
                task: Some(task),
                ..
            } => {
                task.0.register(context.waker());
                if alarms.machine().now().mono < at {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            }
            By::Virtual(by_hand) => by_hand.poll_due(at, context),
        }
    }

    /// Comes back when the instant has come; never, if it is not set.
    pub(crate) async fn due(&mut self) {
        poll_fn(|context| self.poll_due(context)).await;
    }
}

impl ByHand {
    fn poll_due(&mut self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        match self.clock.poll_timer(self.id, at, context.waker()) {
            Poll::Ready(()) => Poll::Ready(()),
            // It stands; whoever moves it or lets it run wakes this task.
            Poll::Pending if !self.clock.is_running() => Poll::Pending,
            Poll::Pending => {
                let left = at.saturating_since(self.clock.now().mono);
                let until = tokio::time::Instant::now().checked_add(left);
                match until {
                    Some(until) => self.sleep_until(until).poll(context),
                    None => Poll::Pending,
                }
            }
        }
    }

    fn sleep_until(&mut self, until: tokio::time::Instant) -> Pin<&mut Sleep> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        match &self.by {
            By::Machine { alarms, alarm, .. } => alarms.remove(*alarm),
            By::Virtual(by_hand) => by_hand.clock.drop_timer(by_hand.id),
        }
    }
}
