//! The clock that moves by hand, with owners of timers beside it.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use hub_proto::time::{Instant, Timestamp};

use super::{Bell, Clock, Due, VirtualClock};

const SECOND: Duration = Duration::from_secs(1);

fn after(seconds: u32) -> Instant {
    Instant::ZERO + seconds * SECOND
}

/// A list of what happened, with the second by the clock.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<Vec<(u64, String)>>>);

impl Notes {
    fn note(&self, clock: &VirtualClock, what: &str) {
        let second = clock.now().mono.since_start().as_secs();
        self.0.lock().unwrap().push((second, what.to_owned()));
    }

    fn taken(&self) -> Vec<(u64, String)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Notes every `period`, three times, from a task of its own.
fn spawn_ticker(clock: &VirtualClock, notes: &Notes, name: &'static str, period: Duration) {
    let (clock, notes) = (clock.clone(), notes.clone());
    tokio::spawn(async move {
        let mut timer = Clock::Virtual(clock.clone()).timer();
        for tick in 1..=3 {
            timer.set(Some(Instant::ZERO + tick * period));
            timer.due().await;
            // As long as an owner may take: others run in between.
            tokio::task::yield_now().await;
            notes.note(&clock, name);
        }
    });
}

/// Deadlines that are ended in place.
#[derive(Debug)]
struct Deadlines {
    clock: VirtualClock,
    notes: Notes,
    at: Mutex<Vec<Instant>>,
}

impl Due for Deadlines {
    fn next_due(&self) -> Option<Instant> {
        self.at.lock().unwrap().iter().copied().min()
    }

    fn run_due(&self) {
        let now = self.clock.now().mono;
        self.at.lock().unwrap().retain(|at| *at > now);
        self.notes.note(&self.clock, "deadline");
    }
}

fn told(notes: &[(u64, String)]) -> String {
    let notes = notes
        .iter()
        .map(|(second, what)| format!("{second} {what}"));
    notes.collect::<Vec<_>>().join(", ")
}

/// Not on a paused runtime: it must stand although the machine's clock goes on.
#[tokio::test]
async fn it_stands_until_it_is_moved_and_then_everything_due_has_happened_in_order() {
    // CLK-1 CLK-2
    let (clock, notes) = (VirtualClock::start(), Notes::default());
    let start = clock.now();
    spawn_ticker(&clock, &notes, "fast", 2 * SECOND);
    spawn_ticker(&clock, &notes, "slow", 7 * SECOND);
    let source = Arc::new(Deadlines {
        clock: clock.clone(),
        notes: notes.clone(),
        at: Mutex::new(vec![after(5), after(4), after(100)]),
    });
    Clock::Virtual(clock.clone()).attach(Arc::downgrade(&source) as Weak<dyn Due>);
    tokio::task::yield_now().await;
    assert_eq!(clock.now(), start);
    let now = clock.advance(Duration::from_hours(1)).await.unwrap();
    assert_eq!(now.mono, Instant::ZERO + Duration::from_hours(1));
    assert_eq!(
        now.wall.saturating_since(start.wall),
        Duration::from_hours(1)
    );
    assert_eq!(
        told(&notes.taken()),
        "2 fast, 4 deadline, 4 fast, 5 deadline, 6 fast, 7 slow, 14 slow, 21 slow, 100 deadline"
    );
}

#[tokio::test]
async fn a_timer_that_is_dropped_holds_nobody_up() {
    let clock = VirtualClock::start();
    let mut timer = Clock::Virtual(clock.clone()).timer();
    timer.set(Some(after(1)));
    let mut unpolled = Clock::Virtual(clock.clone()).timer();
    unpolled.set(Some(after(1)));
    let owner = tokio::spawn(async move { timer.due().await });
    tokio::task::yield_now().await;
    clock.advance(5 * SECOND).await.unwrap();
    owner.await.unwrap();
    // Nobody waited for this one: it is due the moment somebody does.
    unpolled.due().await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_never_acts_is_told_of_and_the_clock_stays_there() {
    let clock = VirtualClock::start();
    let mut timer = Clock::Virtual(clock.clone()).timer();
    timer.set(Some(after(1)));
    tokio::spawn(async move {
        timer.due().await;
        std::future::pending::<()>().await;
    });
    tokio::task::yield_now().await;
    let stuck = clock.advance(5 * SECOND).await.unwrap_err();
    assert_eq!(stuck.now.mono, after(1));
}

#[tokio::test]
async fn set_backwards_moves_the_wall_alone() {
    let clock = VirtualClock::start();
    let past = Timestamp::from_unix_seconds(1_000_000_000);
    let now = clock.set(past).await.unwrap();
    assert_eq!((now.mono, now.wall), (Instant::ZERO, past));
    let future = Timestamp::from_unix_seconds(1_000_000_060);
    let now = clock.set(future).await.unwrap();
    assert_eq!((now.mono, now.wall), (after(60), future));
}

#[tokio::test(start_paused = true)]
async fn thawed_it_runs_as_the_machine_does_and_frozen_it_stands_again() {
    let clock = VirtualClock::start();
    let mut timer = Clock::Virtual(clock.clone()).timer();
    timer.set(Some(after(10)));
    let waiting = tokio::spawn(async move { timer.due().await });
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(clock.now().mono, Instant::ZERO);
    clock.thaw().await;
    let thawed_at = tokio::time::Instant::now();
    waiting.await.unwrap();
    assert_eq!(thawed_at.elapsed().as_secs(), 10);
    let frozen = clock.freeze().await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(clock.now(), frozen);
    assert!(!clock.is_running());
}

#[tokio::test]
async fn what_was_handed_to_a_task_has_set_its_timer_before_the_clock_moves() {
    // CLK-2
    let (clock, notes) = (VirtualClock::start(), Notes::default());
    let bell = Arc::new(Bell::new(Clock::Virtual(clock.clone())));
    let task = tokio::spawn({
        let (bell, clock, notes) = (Arc::clone(&bell), clock.clone(), notes.clone());
        async move {
            let mut timer = Clock::Virtual(clock.clone()).timer();
            loop {
                timer.take_over(bell.heard().await);
                // As long as a task may take before it knows when to come back.
                tokio::task::yield_now().await;
                timer.set(Some(clock.now().mono + SECOND));
                tokio::task::yield_now().await;
                timer.due().await;
                notes.note(&clock, "done");
                timer.set(None);
            }
        }
    });
    for _ in 0..3 {
        bell.ring();
        clock.advance(10 * SECOND).await.unwrap();
    }
    assert_eq!(told(&notes.taken()), "1 done, 11 done, 21 done");
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_never_comes_is_told_of_and_one_that_waits_holds_nobody_up() {
    let clock = VirtualClock::start();
    let hold = Clock::Virtual(clock.clone()).hold();
    assert!(clock.advance(SECOND).await.is_err());
    let waiting = tokio::spawn(hold.until_it_waits(std::future::pending::<()>()));
    clock.advance(SECOND).await.unwrap();
    waiting.abort();
}
