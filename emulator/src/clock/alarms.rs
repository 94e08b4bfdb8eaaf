//! Alarms by the machine's clock: many owners share one timer of the runtime.
//!
//! A timer of the runtime's own for each connection would be three times as large, and nearly all are
//! set anew before they go off.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use hub_proto::time::Instant;
use tokio::sync::Notify;

use super::machine::MachineClock;
use super::queue::{AlarmId, AlarmQueue};

/// The alarms of a machine's clock. Cheap to clone; all clones are the same alarms.
#[derive(Clone, Debug)]
pub(crate) struct Alarms(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    machine: MachineClock,
    state: Mutex<State>,
    /// Told when an alarm is due earlier than the task waits for, and when nobody needs it any more.
    rearm: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    queue: AlarmQueue,
    /// When the task will look next, if it will.
    wakes_at: Option<Instant>,
    /// Whether there is a task.
    is_served: bool,
}

impl Alarms {
    pub(super) fn new(machine: MachineClock) -> Self {
        Self(Arc::new(Shared {
            machine,
            state: Mutex::default(),
            rearm: Arc::default(),
        }))
    }

    pub(super) fn machine(&self) -> &MachineClock {
        &self.0.machine
    }

    /// A new alarm that is not set and will wake `waker`, with the alarms locked: it is to note that, and
    /// no more.
    pub(super) fn add(&self, waker: Waker) -> AlarmId {
        self.0.state().queue.add(waker)
    }

    /// Forgets an alarm.
    pub(super) fn remove(&self, id: AlarmId) {
        let waker = self.0.state().queue.remove(id);
        // Its owner may go with it.
        drop(waker);
    }

    /// Sets an alarm, which goes off once, or sets it to never. Within a runtime, which serves all of
    /// them from then on.
    pub(super) fn set(&self, id: AlarmId, at: Option<Instant>) {
        let mut state = self.0.state();
        state.queue.set(id, at);
        let Some(at) = at else { return };
        if !std::mem::replace(&mut state.is_served, true) {
            let (alarms, rearm) = (Arc::downgrade(&self.0), Arc::clone(&self.0.rearm));
            tokio::spawn(serve(alarms, rearm, self.0.machine));
        } else if state.wakes_at.is_none_or(|wakes_at| at < wakes_at) {
            state.wakes_at = Some(at);
            drop(state);
            self.0.rearm.notify_one();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings what is due, and says when to come again.
    fn ring(&self) -> Option<Instant> {
        let now = self.machine.now().mono;
        let mut state = self.state();
        while state.queue.ring_one(now) {}
        state.wakes_at = state.queue.first();
        state.wakes_at
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The task wakes, finds the alarms gone and ends.
        self.rearm.notify_one();
    }
}

/// The task of the alarms. Should its runtime end before they do, the next one set has another.
async fn serve(alarms: Weak<Shared>, rearm: Arc<Notify>, machine: MachineClock) {
    struct Served(Weak<Shared>);
    impl Drop for Served {
        fn drop(&mut self) {
            if let Some(alarms) = self.0.upgrade() {
                alarms.state().is_served = false;
            }
        }
    }
    let served = Served(alarms);
    loop {
        let Some(alarms) = served.0.upgrade() else {
            return;
        };
        let next = alarms.ring();
        drop(alarms);
        let due = async {
            match next {
                Some(at) => tokio::time::sleep_until(machine.timer_instant(at)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = rearm.notified() => {}
            () = due => {}
        }
    }
}
