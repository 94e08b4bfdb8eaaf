//! Which alarm is due next, among many that seldom come to it: a heap in which each knows its place.
//!
//! Forty bytes for each alarm, set or not. Knows no clock.

use std::task::Waker;

use hub_proto::time::Instant;

/// Alarms by when they are due.
#[derive(Debug, Default)]
pub(super) struct AlarmQueue {
    /// No parent comes after its children. Of those due at the same instant the lower name comes first,
    /// so that a run repeats itself.
    heap: Vec<(Instant, AlarmId)>,
    alarms: Vec<Alarm>,
    /// Names that are nobody's.
    free: Vec<AlarmId>,
}

/// Names an alarm until it is removed; then it may be another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AlarmId(u32);

#[derive(Debug)]
struct Alarm {
    waker: Option<Waker>,
    /// Where it stands in the heap, or [`NOWHERE`].
    place: u32,
}

const NOWHERE: u32 = u32::MAX;

impl AlarmQueue {
    /// A new alarm, which is not set.
    pub(super) fn add(&mut self, waker: Waker) -> AlarmId {
        let alarm = Alarm {
            waker: Some(waker),
            place: NOWHERE,
        };
        if let Some(id) = self.free.pop() {
            self.alarms[id.index()] = alarm;
            return id;
        }
        let id = AlarmId(place(self.alarms.len()));
        self.alarms.push(alarm);
        id
    }

    /// Forgets an alarm; gives back whom it would have woken.
    pub(super) fn remove(&mut self, id: AlarmId) -> Option<Waker> {
        self.set(id, None);
        self.free.push(id);
        self.alarms[id.index()].waker.take()
    }

    /// Sets an alarm, or sets it to never.
    pub(super) fn set(&mut self, id: AlarmId, at: Option<Instant>) {
        let place = self.alarms[id.index()].place;
        match (at, place) {
            (None, NOWHERE) => {}
            (Some(at), NOWHERE) => {
                self.heap.push((at, id));
                self.rise(self.heap.len() - 1);
            }
            (Some(at), place) => {
                let place = place as usize;
                self.heap[place].0 = at;
                self.settle(place);
            }
            (None, place) => self.take_out(place as usize),
        }
    }

    /// When the first is due.
    pub(super) fn first(&self) -> Option<Instant> {
        self.heap.first().map(|(at, _)| *at)
    }

    /// Wakes whom it concerns that an alarm is due by `now`, if one is, which then is set to never; says
    /// whether one was.
    pub(super) fn ring_one(&mut self, now: Instant) -> bool {
        let Some((at, id)) = self.heap.first().copied() else {
            return false;
        };
        if at > now {
            return false;
        }
        self.take_out(0);
        if let Some(waker) = &self.alarms[id.index()].waker {
            waker.wake_by_ref();
        }
        true
    }

    fn take_out(&mut self, place: usize) {
        let (_, id) = self.heap.swap_remove(place);
        self.alarms[id.index()].place = NOWHERE;
        if place < self.heap.len() {
            self.settle(place);
        }
    }

    /// Puts what stands at `place`, and may not belong there, where it belongs.
    fn settle(&mut self, place: usize) {
        let place = self.rise(place);
        self.sink(place);
    }

    fn rise(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent] <= self.heap[place] {
                break;
            }
            self.swap(parent, place);
            place = parent;
        }
        self.note(place);
        place
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let children = [2 * place + 1, 2 * place + 2];
            let children = children
                .into_iter()
                .filter(|child| *child < self.heap.len());
            let Some(first) = children.min_by_key(|child| self.heap[*child]) else {
                break;
            };
            if self.heap[place] <= self.heap[first] {
                break;
            }
            self.swap(place, first);
            place = first;
        }
        self.note(place);
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.note(one);
        self.note(other);
    }

    fn note(&mut self, at: usize) {
        let (_, id) = self.heap[at];
        self.alarms[id.index()].place = place(at);
    }
}

impl AlarmId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// One for each connection at most, and a few: never as many as that.
fn place(index: usize) -> u32 {
    u32::try_from(index).expect("fewer alarms than four thousand million")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::task::Wake;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Notes its name when it is woken.
    struct Bell(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[derive(Clone, Debug)]
    enum Op {
        Set(usize, Option<u64>),
        Renew(usize),
        Ring(u64),
    }

    const ALARMS: usize = 12;

    fn op() -> impl Strategy<Value = Op> {
        let at = proptest::option::weighted(0.8, 0..50_u64);
        prop_oneof![
            4 => (0..ALARMS, at).prop_map(|(alarm, at)| Op::Set(alarm, at)),
            1 => (0..ALARMS).prop_map(Op::Renew),
            1 => (0..50_u64).prop_map(Op::Ring),
        ]
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    proptest! {
        #[test]
        fn every_alarm_rings_once_when_it_is_due_and_none_else(
            ops in proptest::collection::vec(op(), 1..80)
        ) {
            let (rung, mut queue) = (Arc::new(Mutex::new(Vec::new())), AlarmQueue::default());
            let bell = |name| Waker::from(Arc::new(Bell(name, Arc::clone(&rung))));
            let mut ids: Vec<_> = (0..ALARMS).map(|name| queue.add(bell(name))).collect();
            let mut model = [None; ALARMS];
            for op in ops {
                match op {
                    Op::Set(alarm, seconds) => {
                        queue.set(ids[alarm], seconds.map(at));
                        model[alarm] = seconds;
                    }
                    Op::Renew(alarm) => {
                        prop_assert!(queue.remove(ids[alarm]).is_some());
                        ids[alarm] = queue.add(bell(alarm));
                        model[alarm] = None;
                    }
                    Op::Ring(seconds) => {
                        while queue.ring_one(at(seconds)) {}
                        let mut rung = std::mem::take(&mut *rung.lock().unwrap());
                        let ring_at = |alarm: &usize| model[*alarm];
                        prop_assert!(rung.is_sorted_by_key(ring_at));
                        rung.sort_unstable();
                        let is_due = |alarm: &usize| model[*alarm].is_some_and(|at| at <= seconds);
                        let due: Vec<_> = (0..ALARMS).filter(is_due).collect();
                        prop_assert_eq!(&rung, &due);
                        for alarm in due {
                            model[alarm] = None;
                        }
                    }
                }
                let first = model.iter().flatten().min().copied();
                prop_assert_eq!(queue.first(), first.map(at));
            }
        }
    }
}
