//! What the logs of a process may keep together: each its fair share, and what others leave.
//!
//! An idle log gives way only to one that needs the room, and never below its share. Nobody holds a
//! log and the list of logs at once but who trims, and the list comes first.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{EventLog, Inner, Ring};
use crate::config::EventLogLimits;

/// The bound of several logs. Cheap to clone; all clones are the same bound.
#[derive(Clone, Debug)]
pub(crate) struct EventLogBudget(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    limits: EventLogLimits,
    /// What all logs keep; a log changes it with its ring locked.
    events: AtomicUsize,
    bytes: AtomicUsize,
    /// Events that fell out of their logs, since the start of the process.
    dropped: AtomicU64,
    /// How many logs there are.
    count: AtomicUsize,
    /// Those, and some that are gone.
    logs: Mutex<Vec<Weak<Inner>>>,
}

/// The bound in numbers, at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BudgetFigures {
    /// What all logs may keep together.
    pub(crate) limits: EventLogLimits,
    /// What they keep.
    pub(crate) used: EventLogLimits,
    /// Events that fell out for want of room, ever.
    pub(crate) dropped: u64,
}

impl EventLogBudget {
    /// The bound in numbers.
    pub(crate) fn figures(&self) -> BudgetFigures {
        BudgetFigures {
            limits: self.0.limits,
            used: EventLogLimits {
                events: self.0.events.load(Ordering::SeqCst),
                bytes: self.0.bytes.load(Ordering::SeqCst),
            },
            dropped: self.0.dropped.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn new(limits: EventLogLimits) -> Self {
        Self(Arc::new(Kept {
            limits,
            events: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            logs: Mutex::default(),
        }))
    }

    /// One more log within this bound.
    pub(crate) fn log(&self) -> EventLog {
        let inner = Arc::new(Inner::new(self.clone()));
        let count = self.0.count.fetch_add(1, Ordering::SeqCst) + 1;
        let mut logs = self.logs();
        if logs.len() >= GONE_PER_LOG * count + GONE_MIN {
            logs.retain(|log| log.strong_count() > 0);
        }
        logs.push(Arc::downgrade(&inner));
        EventLog(inner)
    }

    /// What one log may keep whatever the others do.
    pub(super) fn share(&self) -> EventLogLimits {
        let EventLogLimits { events, bytes } = self.0.limits;
        let count = self.0.count.load(Ordering::SeqCst).max(1);
        EventLogLimits {
            events: events / count,
            bytes: bytes / count,
        }
    }

    pub(super) fn add(&self, events: usize, bytes: usize) {
        self.0.events.fetch_add(events, Ordering::SeqCst);
        self.0.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    pub(super) fn subtract(&self, events: usize, bytes: usize) {
        self.0.events.fetch_sub(events, Ordering::SeqCst);
        self.0.bytes.fetch_sub(bytes, Ordering::SeqCst);
    }

    /// A log is gone, with what it kept.
    pub(super) fn remove(&self, ring: &Ring) {
        self.subtract(ring.events.len(), ring.bytes);
        self.0.count.fetch_sub(1, Ordering::SeqCst);
    }

    /// By how many events and bytes the bound, less some `room`, is exceeded.
    fn excess(&self, room: EventLogLimits) -> EventLogLimits {
        let over = |kept: &AtomicUsize, limit: usize, room: usize| {
            kept.load(Ordering::SeqCst).saturating_sub(limit - room)
        };
        let limits = self.0.limits;
        EventLogLimits {
            events: over(&self.0.events, limits.events, room.events),
            bytes: over(&self.0.bytes, limits.bytes, room.bytes),
        }
    }

    /// Has the largest logs forget their oldest events until the bound holds.
    pub(super) fn enforce(&self) {
        if self.excess(NOTHING) == NOTHING {
            return;
        }
        let logs = self.logs();
        // Another thread may have been here first, or a log may be on its way out: then nobody is over
        // his share, and there is nothing to do.
        while self.excess(NOTHING) != NOTHING && self.trim_largest(&logs) {}
    }

    /// Says whether a log was over its share.
    fn trim_largest(&self, logs: &[Weak<Inner>]) -> bool {
        let (excess, share) = (self.excess(NOTHING), self.share());
        let over = |log: &Inner| over_share(&log.ring(), excess, share);
        let alive = logs.iter().filter_map(Weak::upgrade);
        let largest = alive
            .map(|log| (over(&log), log))
            .max_by_key(|(over, _)| *over);
        let Some((1.., log)) = largest else {
            return false;
        };
        // Some more than needed, so that not every event has all logs looked at.
        let room = match logs {
            [_] => NOTHING,
            _ => EventLogLimits {
                events: self.0.limits.events / SPARE,
                bytes: self.0.limits.bytes / SPARE,
            },
        };
        let mut ring = log.ring();
        loop {
            let excess = self.excess(room);
            if over_share(&ring, excess, share) == 0 {
                return true;
            }
            let bytes = ring.forget_oldest();
            self.subtract(1, bytes);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The list is whole at every instant.
    fn logs(&self) -> MutexGuard<'_, Vec<Weak<Inner>>> {
        self.0.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By how much the log exceeds its share of what there is too much of.
fn over_share(ring: &Ring, excess: EventLogLimits, share: EventLogLimits) -> usize {
    match excess {
        NOTHING => 0,
        EventLogLimits { events: 0, .. } => ring.bytes.saturating_sub(share.bytes),
        _ => ring.events.len().saturating_sub(share.events),
    }
}

const NOTHING: EventLogLimits = EventLogLimits {
    events: 0,
    bytes: 0,
};
/// This part of the bound is made room for at once.
const SPARE: usize = 256;
/// When logs that are gone are struck off the list.
const GONE_PER_LOG: usize = 2;
const GONE_MIN: usize = 8;

#[cfg(test)]
mod tests {
    use hub_core::event::{Event, EventKind};
    use hub_proto::ids::DeviceId;
    use hub_proto::raw_bag::RawBag;
    use hub_proto::time::Timestamp;
    use proptest::prelude::*;

    use super::super::size_bytes;
    use super::*;

    fn event(payload: usize) -> Event {
        Event {
            at: Timestamp::from_unix_seconds(0),
            client: DeviceId::parse("d1").unwrap().into(),
            kind: EventKind::Telemetry {
                properties: RawBag::default(),
                payload: vec![0; payload],
            },
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Create,
        Remove(usize),
        Append(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            1 => Just(Step::Create),
            1 => (0_usize..8).prop_map(Step::Remove),
            // Some logs are busier than others.
            12 => ((0_usize..8, 0_usize..8), 0_usize..3000)
                .prop_map(|((one, other), payload)| Step::Append(one.min(other), payload)),
        ]
    }

    /// The log, and the sizes of all events it ever had.
    type Known = (EventLog, Vec<usize>);

    fn kept(logs: &[Known]) -> (usize, usize) {
        let figures = logs.iter().map(|(log, _)| log.figures());
        figures.fold((0, 0), |(events, bytes), figures| {
            (events + figures.events, bytes + figures.bytes)
        })
    }

    /// What is over a share before its oldest event goes may lose it, and nothing else may.
    fn check_losses(
        (log, sizes): &Known,
        before: u64,
        share: EventLogLimits,
    ) -> Result<(), TestCaseError> {
        let figures = log.figures();
        let oldest = figures.newest + 1 - figures.events as u64;
        if oldest > before {
            let last = sizes[usize::try_from(oldest).unwrap() - 2];
            let was_over = figures.events + 1 > share.events || figures.bytes + last > share.bytes;
            prop_assert!(was_over, "{figures:?} {share:?} {last}");
        }
        Ok(())
    }

    proptest! {
        // LOG-3
        #[test]
        fn logs_keep_no_more_than_the_bound_together_and_lose_only_what_is_over_a_share(
            events in 1_usize..40,
            bytes in 1_usize..30_000,
            steps in prop::collection::vec(step(), 1..150),
        ) {
            let budget = EventLogBudget::new(EventLogLimits { events, bytes });
            let mut logs: Vec<Known> = vec![(budget.log(), Vec::new())];
            for step in steps {
                let oldest = |(log, _): &Known| {
                    let figures = log.figures();
                    figures.newest + 1 - figures.events as u64
                };
                match step {
                    Step::Create => logs.push((budget.log(), Vec::new())),
                    Step::Remove(index) if logs.len() > 1 => {
                        logs.remove(index % logs.len());
                    }
                    Step::Remove(_) => {}
                    Step::Append(index, payload) => {
                        let before: Vec<u64> = logs.iter().map(oldest).collect();
                        let (events_before, bytes_before) = kept(&logs);
                        let event = event(payload);
                        let size = size_bytes(&event);
                        let index = index % logs.len();
                        logs[index].1.push(size);
                        logs[index].0.append(event);
                        let share = budget.share();
                        for (known, before) in logs.iter().zip(&before) {
                            check_losses(known, *before, share)?;
                        }
                        let fits = events_before < events && bytes_before + size <= bytes;
                        let after: Vec<u64> = logs.iter().map(oldest).collect();
                        prop_assert!(!fits || after == before, "what others leave may be used");
                    }
                }
                let (events_kept, bytes_kept) = kept(&logs);
                prop_assert!(events_kept <= events && bytes_kept <= bytes);
                let counted = (
                    budget.0.events.load(Ordering::SeqCst),
                    budget.0.bytes.load(Ordering::SeqCst),
                );
                prop_assert_eq!(counted, (events_kept, bytes_kept));
            }
        }
    }

    #[test]
    fn a_busy_log_makes_an_idle_one_give_back_what_is_over_its_share() {
        // LOG-3
        let budget = EventLogBudget::new(EventLogLimits {
            events: 10,
            bytes: usize::MAX,
        });
        let (idle, busy) = (budget.log(), budget.log());
        for _ in 0..10 {
            idle.append(event(0));
        }
        assert_eq!(idle.figures().events, 10);
        for _ in 0..20 {
            busy.append(event(0));
        }
        assert_eq!((idle.figures().events, busy.figures().events), (5, 5));
        let figures = budget.figures();
        assert_eq!((figures.used.events, figures.dropped), (10, 20));
        drop(idle);
        for _ in 0..20 {
            busy.append(event(0));
        }
        assert_eq!(busy.figures().events, 10);
    }
}
