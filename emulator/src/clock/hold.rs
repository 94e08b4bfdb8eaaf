//! Work that is handed to a task, as a clock that is moved by hand must know of it: it waits until the
//! task has acted and its timers are set.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::hand::VirtualClock;
use super::reading::Clock;

/// Keeps whoever moves the clock waiting as long as it exists. By the machine's clock it is nothing.
#[derive(Debug, Default)]
#[must_use = "the clock may be moved as soon as it is dropped"]
pub(crate) struct Hold(Option<VirtualClock>);

impl Hold {
    pub(super) fn of(clock: &Clock) -> Self {
        let clock = clock.as_virtual().cloned();
        if let Some(clock) = &clock {
            clock.hold();
        }
        Self(clock)
    }

    /// Carries `work` out, and is dropped when it is done or waits for something, which may be an
    /// instant of this clock.
    pub(crate) async fn until_it_waits<W: Future>(self, work: W) -> W::Output {
        let (mut work, mut hold) = (pin!(work), Some(self));
        poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            hold = None;
            polled
        })
        .await
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(clock) = &self.0 {
            clock.release();
        }
    }
}

/// Tells a task that there is something to do. From then until the task has dropped the [`Hold`] that
/// it finds here nobody moves the clock; a task with a timer lets that take it over.
#[derive(Debug)]
pub(crate) struct Bell {
    clock: Clock,
    rung: Notify,
    hold: Mutex<Option<Hold>>,
}

impl Bell {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            rung: Notify::new(),
            hold: Mutex::default(),
        }
    }

    /// Rung again before the task comes it may be heard once or twice.
    pub(crate) fn ring(&self) {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.get_or_insert_with(|| Hold::of(&self.clock));
        drop(hold);
        self.rung.notify_one();
    }

    /// Comes back when it was rung. One task listens; a wait that is dropped loses nothing.
    pub(crate) async fn heard(&self) -> Hold {
        self.rung.notified().await;
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.take().unwrap_or_default()
    }
}
