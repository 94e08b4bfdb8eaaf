//! Waiting for an instant by a hub's clock.
//!
//! By a clock that is moved by hand a timer that fell due counts as unsettled until its owner waits for
//! it again, sets it to never or drops it. Owners do so after they have acted; whoever moved the
//! clock waits for that.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use hub_proto::time::Instant;
use tokio::time::Sleep;

use super::hand::{TimerId, VirtualClock};
use super::hold::Hold;
use super::machine::MachineClock;
use super::reading::Clock;

/// A timer, to be kept as long as its owner lives and set again and again. Every connection has one.
#[derive(Debug)]
pub(crate) struct Timer {
    clock: TimerClock,
    at: Option<Instant>,
    /// Made when it is first needed.
    sleep: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
enum TimerClock {
    Machine(MachineClock),
    /// With its place there.
    Virtual(VirtualClock, TimerId),
}

impl Timer {
    pub(super) fn new(clock: &Clock) -> Self {
        let clock = match clock {
            Clock::Machine(clock) => TimerClock::Machine(*clock),
            Clock::Virtual(clock) => TimerClock::Virtual(clock.clone(), clock.new_timer()),
        };
        Self {
            clock,
            at: None,
            sleep: None,
        }
    }

    /// Its owner was handed something to do: whoever moves the clock waits as if the timer had fallen
    /// due, until the owner waits for it the next time.
    pub(crate) fn take_over(&mut self, hold: Hold) {
        if let TimerClock::Virtual(clock, id) = &self.clock {
            clock.unsettle_timer(*id);
        }
        drop(hold);
    }

    /// Sets it to `at`, or to never.
    pub(crate) fn set(&mut self, at: Option<Instant>) {
        self.at = at;
        match (&self.clock, at) {
            (TimerClock::Machine(_), None) => {}
            (TimerClock::Machine(clock), Some(at)) => {
                let at = clock.timer_instant(at);
                self.sleep_until(at);
            }
            (TimerClock::Virtual(clock, id), at) => clock.set_timer(*id, at),
        }
    }

    /// What it is set to.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Ready when the instant has come; never, if it is not set.
    pub(crate) fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        if let TimerClock::Virtual(clock, id) = &self.clock {
            match clock.poll_timer(*id, at, context.waker()) {
                Poll::Ready(()) => return Poll::Ready(()),
                // It stands; whoever moves it or lets it run wakes this task.
                Poll::Pending if !clock.is_running() => return Poll::Pending,
                Poll::Pending => {
                    let left = at.saturating_since(clock.now().mono);
                    let until = tokio::time::Instant::now().checked_add(left);
                    let Some(until) = until else {
                        return Poll::Pending;
                    };
                    self.sleep_until(until);
                }
            }
        }
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(context),
            None => Poll::Pending,
        }
    }

    /// Comes back when the instant has come; never, if it is not set.
    pub(crate) async fn due(&mut self) {
        poll_fn(|context| self.poll_due(context)).await;
    }

    fn sleep_until(&mut self, at: tokio::time::Instant) {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let TimerClock::Virtual(clock, id) = &self.clock {
            clock.drop_timer(*id);
        }
    }
}
