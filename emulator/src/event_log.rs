//! The hub's log of facts: bounded, in one total order, readable and followable by anyone.
//!
//! Numbers are given in the order of appending, from 1, without gaps. What falls out of the log's
//! bounds is the oldest; a reader who comes too late is told how much it missed. How events are
//! printed is for the reader to say. What several logs may keep together is `budget`'s.

mod budget;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hub_core::event::{Event, EventKind};
use hub_core::link::LinkClose;
use tokio::sync::Notify;

pub(crate) use self::budget::{BudgetFigures, EventLogBudget};
use crate::config::EventLogLimits;

/// The log. Cheap to clone; all clones are the same log.
#[derive(Clone, Debug)]
pub struct EventLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    budget: EventLogBudget,
    ring: Mutex<Ring>,
    /// Also told when the log is closed.
    appended: Notify,
    /// How many wait for that: mostly nobody, and telling nobody takes a lock.
    followers: AtomicUsize,
    is_closed: AtomicBool,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Fact>,
    /// The number of the front of `events`, or of the next event if there is none.
    first: u64,
    bytes: usize,
    totals: Totals,
}

/// An event as the log keeps it.
#[derive(Debug)]
pub(crate) struct Fact {
    /// Shared, so that a reader copies pointers and not events while appenders wait.
    event: Arc<Event>,
    /// What it occupies.
    bytes: usize,
}

impl Fact {
    /// Made before the log is locked.
    pub(crate) fn new(event: Event) -> Self {
        let bytes = size_bytes(&event);
        Self {
            event: Arc::new(event),
            bytes,
        }
    }
}

/// How many facts of each sort there ever were; what fell out of the log counts still. A sort is one of
/// the few words of the code, never a text of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Devices and modules let in.
    pub(crate) connects: u64,
    /// By [`LinkClose::name`].
    pub(crate) disconnects: BTreeMap<&'static str, u64>,
    /// Telemetry.
    pub(crate) messages_in: u64,
    /// Deliveries of cloud-to-device messages.
    pub(crate) messages_out: u64,
    /// Direct methods by outcome: `answered`, or the code of the failure.
    pub(crate) methods: BTreeMap<&'static str, u64>,
    /// Writes of twins by what was written: `desired`, `reported`, `tags`.
    pub(crate) twin_writes: BTreeMap<&'static str, u64>,
}

/// The log in numbers, at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFigures {
    /// Facts in the log.
    pub(crate) events: usize,
    /// What they occupy.
    pub(crate) bytes: usize,
    /// The number of the newest.
    pub(crate) newest: u64,
    pub(crate) totals: Totals,
}

/// A stretch of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// Events with their numbers, which are consecutive.
    pub events: Vec<(u64, Arc<Event>)>,
    /// How many events after the asked-for number have fallen out of the log.
    pub missed: u64,
}

impl EventLog {
    /// An empty log that shares its bound with no other.
    pub fn new(limits: EventLogLimits) -> Self {
        EventLogBudget::new(limits).log()
    }

    /// Appends a fact; says its number.
    pub fn append(&self, event: Event) -> u64 {
        self.append_some([Fact::new(event)])
    }

    /// Appends facts in their order, and leaves none.
    pub(crate) fn append_all(&self, facts: &mut Vec<Fact>) {
        if !facts.is_empty() {
            self.append_some(facts.drain(..));
        }
    }

    /// Says the number of the last.
    fn append_some(&self, facts: impl IntoIterator<Item = Fact>) -> u64 {
        let last = {
            let mut ring = self.ring();
            let (events, bytes) = (ring.events.len(), ring.bytes);
            for fact in facts {
                ring.totals.count(&fact.event.kind);
                ring.bytes += fact.bytes;
                ring.events.push_back(fact);
            }
            let budget = &self.0.budget;
            budget.add(ring.events.len() - events, ring.bytes - bytes);
            ring.next() - 1
        };
        self.0.budget.enforce();
        // Whoever enlisted before the ring was unlocked is seen here, and whoever enlists later sees what is
        // in it: both sides hold its lock between the one and the other.
        if self.0.followers.load(Ordering::SeqCst) > 0 {
            self.0.appended.notify_waiters();
        }
        last
    }

    /// Up to `limit` events numbered above `after`, oldest first.
    pub fn read(&self, after: u64, limit: usize) -> EventPage {
        let ring = self.ring();
        let wanted = after.saturating_add(1);
        let from = wanted.clamp(ring.first, ring.next());
        let skip = usize::try_from(from - ring.first).unwrap_or(usize::MAX);
        let events = (from..)
            .zip(ring.events.iter().skip(skip).take(limit))
            .map(|(number, fact)| (number, Arc::clone(&fact.event)))
            .collect();
        EventPage {
            events,
            missed: ring.first.saturating_sub(wanted),
        }
    }

    /// The number of the oldest event still there.
    pub fn oldest(&self) -> Option<u64> {
        let ring = self.ring();
        (!ring.events.is_empty()).then_some(ring.first)
    }

    /// The number of the newest event; 0 if nothing ever happened.
    pub fn newest(&self) -> u64 {
        self.ring().next() - 1
    }

    /// The log in numbers.
    pub(crate) fn figures(&self) -> LogFigures {
        let ring = self.ring();
        LogFigures {
            events: ring.events.len(),
            bytes: ring.bytes,
            newest: ring.next() - 1,
            totals: ring.totals.clone(),
        }
    }

    /// Lets followers go once they have read what is there: the hub was removed.
    pub(crate) fn close(&self) {
        self.0.is_closed.store(true, Ordering::SeqCst);
        self.0.appended.notify_waiters();
    }

    /// Whether followers need not wait for more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed.load(Ordering::SeqCst)
    }

    /// Comes back when there is an event numbered above `after`, or none will come.
    pub async fn appended_after(&self, after: u64) {
        let _following = Following::of(&self.0.followers);
        loop {
            let appended = self.0.appended.notified();
            tokio::pin!(appended);
            // Enlisted before the look, so that an event in between is not slept through.
            appended.as_mut().enable();
            if self.newest() > after || self.is_closed() {
                return;
            }
            appended.await;
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring()
    }
}

impl Inner {
    fn new(budget: EventLogBudget) -> Self {
        Self {
            budget,
            ring: Mutex::new(Ring {
                events: VecDeque::new(),
                first: 1,
                bytes: 0,
                totals: Totals::default(),
            }),
            appended: Notify::new(),
            followers: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring
            .lock()
            .expect("nothing panics with the ring locked")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.budget.remove(&self.ring());
    }
}

/// One who waits for facts.
struct Following<'a>(&'a AtomicUsize);

impl<'a> Following<'a> {
    fn of(followers: &'a AtomicUsize) -> Self {
        followers.fetch_add(1, Ordering::SeqCst);
        Self(followers)
    }
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ring {
    fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// Says how many bytes that was.
    fn forget_oldest(&mut self) -> usize {
        let Some(fact) = self.events.pop_front() else {
            return 0;
        };
        self.bytes -= fact.bytes;
        self.first += 1;
        fact.bytes
    }
}

impl Totals {
    fn count(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Connected { .. } => self.connects += 1,
            EventKind::Disconnected { reason } => bump(&mut self.disconnects, reason.name()),
            EventKind::Telemetry { .. } => self.messages_in += 1,
            EventKind::C2dDelivered { .. } => self.messages_out += 1,
            EventKind::MethodAnswered { .. } => bump(&mut self.methods, "answered"),
            EventKind::MethodFailed { code, .. } => bump(&mut self.methods, code),
            EventKind::Desired { .. } => bump(&mut self.twin_writes, "desired"),
            EventKind::Reported { .. } => bump(&mut self.twin_writes, "reported"),
            EventKind::Tags { .. } => bump(&mut self.twin_writes, "tags"),
            _ => {}
        }
    }
}

fn bump(counts: &mut BTreeMap<&'static str, u64>, sort: &'static str) {
    *counts.entry(sort).or_default() += 1;
}

/// Roughly what an event occupies: its own size and the texts and bodies it owns.
fn size_bytes(event: &Event) -> usize {
    let owned = match &event.kind {
        EventKind::Connected { client_type, .. } => {
            client_type.as_ref().map_or(0, |text| heap(text.capacity()))
        }
        EventKind::Disconnected { reason } => match reason {
            LinkClose::Violation(text) => heap(text.capacity()),
            _ => 0,
        },
        // A method's name is shared with the link.
        EventKind::Subscribed { subscriptions } => heap(size_of_val(&**subscriptions)),
        EventKind::Reported { patch, .. }
        | EventKind::Desired { patch, .. }
        | EventKind::Tags { patch, .. } => heap(patch.len()),
        EventKind::ReportedRefused { message, .. } | EventKind::ConnectRefused { message, .. } => {
            heap(message.capacity())
        }
        EventKind::MethodInvoked { name, payload, .. } => {
            heap(name.as_str().len() + COUNTS) + heap(payload.len())
        }
        // The id is shared with the configuration.
        EventKind::ConfigurationRefused { message, .. } => heap(message.capacity()),
        EventKind::MethodAnswered { payload, .. } => heap(payload.capacity()),
        EventKind::DeviceJobEnded(end) => heap(end.job.as_str().len() + COUNTS),
        EventKind::MethodAnswerIgnored { rid } => heap(rid.capacity()),
        EventKind::Telemetry {
            properties,
            payload,
        } => heap(payload.capacity()) + heap(properties.as_str().len()),
        EventKind::DeviceCreated
        | EventKind::DeviceUpdated { .. }
        | EventKind::DeviceDeleted
        | EventKind::ModuleCreated
        | EventKind::ModuleUpdated
        | EventKind::ModuleDeleted
        | EventKind::Unsubscribed { .. }
        | EventKind::MethodDelivered { .. }
        | EventKind::ConfigurationChanged { .. }
        | EventKind::MethodFailed { .. }
        | EventKind::C2dEnqueued { .. }
        | EventKind::C2dDelivered { .. }
        | EventKind::C2dSettled { .. } => 0,
    };
    let of_ring = 2 * size_of::<Fact>();
    heap(size_of::<Event>() + COUNTS) + of_ring + owned
}

/// What `bytes` on the heap take, as glibc counts: a header of 8, in steps of 16, at least 32.
fn heap(bytes: usize) -> usize {
    if bytes == 0 {
        0
    } else {
        (bytes + 8).next_multiple_of(16).max(32)
    }
}

/// The two counts before what an `Arc` holds.
const COUNTS: usize = 2 * size_of::<usize>();

#[cfg(test)]
mod tests {
    use super::*;
    use hub_proto::ids::DeviceId;
    use hub_proto::raw_bag::RawBag;
    use hub_proto::time::Timestamp;

    fn event(kind: EventKind) -> Event {
        let client = DeviceId::parse("d1").unwrap().into();
        Event {
            at: Timestamp::from_unix_seconds(0),
            client,
            kind,
        }
    }

    fn log_of(events: usize, bytes: usize) -> EventLog {
        EventLog::new(EventLogLimits { events, bytes })
    }

    fn numbers(page: &EventPage) -> Vec<u64> {
        page.events.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn events_are_numbered_from_one_and_read_in_order() {
        // LOG-1
        let log = log_of(10, usize::MAX);
        assert_eq!((log.oldest(), log.newest()), (None, 0));
        assert_eq!(log.append(event(EventKind::DeviceCreated)), 1);
        assert_eq!(log.append(event(EventKind::DeviceDeleted)), 2);
        let page = log.read(0, 10);
        assert_eq!((numbers(&page), page.missed), (vec![1, 2], 0));
        assert_eq!(page.events[1].1.kind, EventKind::DeviceDeleted);
        assert_eq!(numbers(&log.read(1, 10)), [2]);
        assert_eq!(numbers(&log.read(0, 1)), [1]);
        assert_eq!(numbers(&log.read(2, 10)), [0; 0]);
        assert_eq!(numbers(&log.read(u64::MAX, 10)), [0; 0]);
    }

    #[test]
    fn the_oldest_go_first_and_a_late_reader_learns_how_many_it_missed() {
        // LOG-2
        let log = log_of(3, usize::MAX);
        for _ in 0..5 {
            log.append(event(EventKind::DeviceCreated));
        }
        assert_eq!((log.oldest(), log.newest()), (Some(3), 5));
        let page = log.read(1, 10);
        assert_eq!((numbers(&page), page.missed), (vec![3, 4, 5], 1));
        assert_eq!(log.read(2, 10).missed, 0);
    }

    #[test]
    fn bodies_count_against_the_bytes_and_an_event_too_large_leaves_nothing() {
        // LOG-2
        let small = || event(EventKind::DeviceCreated);
        let log = log_of(100, size_bytes(&small()) * 4);
        for _ in 0..3 {
            log.append(small());
        }
        let payload = vec![0; size_bytes(&small()) / 2];
        log.append(event(EventKind::Telemetry {
            properties: RawBag::default(),
            payload,
        }));
        assert_eq!((log.oldest(), log.newest()), (Some(2), 4));
        let payload = vec![0; size_bytes(&small()) * 5];
        log.append(event(EventKind::Telemetry {
            properties: RawBag::default(),
            payload,
        }));
        assert_eq!((log.oldest(), log.newest()), (None, 5));
        assert_eq!(log.read(3, 10).missed, 2);
    }

    #[test]
    fn what_an_event_keeps_on_the_heap_counts_with_its_allocations() {
        let telemetry = |bag: &str| {
            size_bytes(&event(EventKind::Telemetry {
                properties: RawBag::new(bag),
                payload: Vec::new(),
            }))
        };
        let (none, thousand) = (telemetry(""), telemetry(&"a=b&".repeat(1000)));
        assert!(thousand - none >= 4000, "{thousand}");
        let ended = |reason| size_bytes(&event(EventKind::Disconnected { reason }));
        let violation = LinkClose::Violation("x".repeat(500));
        assert!(ended(violation) >= ended(LinkClose::Lost) + 500);
    }

    #[tokio::test]
    async fn a_follower_wakes_when_something_happens_and_not_before() {
        let log = log_of(10, usize::MAX);
        let follower = tokio::spawn({
            let log = log.clone();
            async move { log.appended_after(0).await }
        });
        tokio::task::yield_now().await;
        assert!(!follower.is_finished());
        log.append(event(EventKind::DeviceCreated));
        follower.await.unwrap();
        log.appended_after(0).await;
        assert_eq!(log.0.followers.load(Ordering::SeqCst), 0);
    }
}
