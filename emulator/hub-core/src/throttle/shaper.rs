//! One row at work: a burst at once, then a queue released at exactly the rate, then refusal.
//!
//! The page tells of "traffic shaping" and of its first minute or two, and gives no figures; the model
//! is a token bucket before a queue, both as long as [`Shaping`](super::Shaping) says. It is kept as one
//! instant, the one at which the bucket will be full again: whoever takes from the bucket puts that off.

use std::time::Duration;

use hub_proto::time::Instant;

use super::machine::Shaping;
use super::rate::Rate;

/// A row's bucket and queue.
#[derive(Clone, Debug)]
pub(super) struct Shaper {
    rate: u128,
    burst: u128,
    queue: Duration,
    /// When the bucket is full again, if nobody comes, in nanoseconds times the rate a minute: with
    /// that, every figure is a whole number.
    full_at: u128,
    /// The latest release promised; nobody overtakes it.
    last: Instant,
}

impl Shaper {
    pub(super) fn new(rate: Rate, shaping: Shaping) -> Self {
        let rate = u128::from(rate.per_minute().max(1));
        Self {
            rate,
            burst: shaping.burst.as_nanos() * rate,
            queue: shaping.queue,
            full_at: 0,
            last: Instant::ZERO,
        }
    }

    /// When so many may go, `now` or later; `None`: the queue is full. Zero go with whoever is first.
    pub(super) fn ask(&mut self, now: Instant, count: u64) -> Option<Instant> {
        let now_scaled = now.since_start().as_nanos() * self.rate;
        let cost = u128::from(count) * MINUTE_NANOS;
        let full_at = self.full_at.max(now_scaled) + cost;
        // What is more than the bucket holds goes when the bucket is full, and leaves a debt.
        let enough_at = full_at.saturating_sub(self.burst.max(cost));
        let nanos = u64::try_from(enough_at.div_ceil(self.rate)).unwrap_or(u64::MAX);
        let release = Instant::from_start(Duration::from_nanos(nanos));
        let release = release.max(now).max(self.last);
        if release.saturating_since(now) > self.queue {
            return None;
        }
        self.full_at = full_at;
        self.last = release;
        Some(release)
    }

    /// So many that were promised a release do not go after all: others may.
    pub(super) fn give_back(&mut self, count: u64) {
        self.full_at = self
            .full_at
            .saturating_sub(u128::from(count) * MINUTE_NANOS);
    }
}

const MINUTE_NANOS: u128 = 60_000_000_000;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const NONE: Shaping = Shaping {
        burst: Duration::ZERO,
        queue: Duration::ZERO,
    };

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    /// How many of the requests of each minute are released in it, at once or later.
    fn released_by_minute(shaper: &mut Shaper, per_second: u64, minutes: u64) -> (Vec<u64>, u64) {
        let (mut released, mut refused) = (vec![0; 1 + usize::try_from(minutes).unwrap()], 0);
        for second in 0..60 * minutes {
            for _ in 0..per_second {
                match shaper.ask(at(second), 1) {
                    Some(at) => {
                        let minute = usize::try_from(at.since_start().as_secs() / 60).unwrap();
                        released[minute] += 1;
                    }
                    None => refused += 1,
                }
            }
        }
        (released, refused)
    }

    #[test]
    fn twice_the_rate_goes_at_once_for_a_minute_then_waits_then_is_refused() {
        // LIM-3: 200 messages a second on S1, which allows 100.
        let mut shaper = Shaper::new(Rate::of(6_000), Shaping::default());
        let (released, refused) = released_by_minute(&mut shaper, 200, 4);
        // The first minute's is all that came; then exactly the rate; the queue takes a minute to fill.
        assert_eq!(released[1..4], [6_000, 6_000, 6_000]);
        assert!((11_900..=12_000).contains(&released[0]), "{released:?}");
        assert_eq!(refused, 48_000 - released.iter().sum::<u64>());
        assert!((11_800..=12_200).contains(&refused), "{refused}");
    }

    #[test]
    fn the_worked_numbers_of_methods_hold() {
        // LIM-2: 40, 20 and 1 calls a second of 4, 8 and 160 KB on one unit of S1, after the burst.
        for (blocks, per_second) in [(1, 40), (2, 20), (40, 1)] {
            let mut shaper = Shaper::new(Rate::of(2_400), Shaping::default());
            while shaper.ask(at(0), blocks) == Some(at(0)) {}
            let later: Vec<_> = (1..=3 * per_second)
                .map(|_| shaper.ask(at(0), blocks).unwrap())
                .collect();
            let second = usize::try_from(per_second).unwrap();
            for (index, release) in later.iter().enumerate().skip(second) {
                let before = later[index - second];
                assert_eq!(release.saturating_since(before), Duration::from_secs(1));
            }
        }
    }

    #[test]
    fn a_hundred_thousand_connections_take_a_thousand_seconds_but_for_the_first_burst() {
        // LIM-2: one unit of S1, with devices that try again until they are let in.
        let patient = Shaping {
            queue: Duration::from_hours(1),
            ..Shaping::default()
        };
        let mut shaper = Shaper::new(Rate::of(6_000), patient);
        let last = (0..100_000).filter_map(|_| shaper.ask(at(0), 1)).max();
        assert_eq!(last, Some(at(940)));
        let unburst = Shaping {
            burst: Duration::ZERO,
            ..patient
        };
        let mut shaper = Shaper::new(Rate::of(6_000), unburst);
        let last = (0..100_001).filter_map(|_| shaper.ask(at(0), 1)).max();
        assert_eq!(last, Some(at(1_000)));
    }

    #[test]
    fn without_burst_and_queue_one_goes_at_a_time_and_the_rest_is_refused() {
        let mut shaper = Shaper::new(Rate::of(60), NONE);
        assert_eq!(shaper.ask(at(7), 1), Some(at(7)));
        assert_eq!(shaper.ask(at(7), 1), None);
        assert_eq!(shaper.ask(at(8), 5), Some(at(8)));
        assert_eq!(shaper.ask(at(12), 1), None);
        assert_eq!(shaper.ask(at(13), 1), Some(at(13)));
    }

    #[test]
    fn a_place_given_up_is_the_next_ones() {
        // LIM-3
        let shaping = Shaping {
            burst: Duration::ZERO,
            queue: Duration::from_secs(2),
        };
        let mut shaper = Shaper::new(Rate::of(60), shaping);
        let asked: Vec<_> = (0..4).map(|_| shaper.ask(at(0), 1)).collect();
        assert_eq!(asked, [Some(at(0)), Some(at(1)), Some(at(2)), None]);
        shaper.give_back(1);
        assert_eq!(shaper.ask(at(0), 1), Some(at(2)));
        assert_eq!(shaper.ask(at(0), 1), None);
    }

    /// The bucket and the queue as one would draw them: tokens that trickle in, and those who wait.
    /// Amounts are in parts of a token: sixty thousand million.
    #[derive(Clone, Debug)]
    struct Naive {
        rate: i128,
        burst: i128,
        tokens: i128,
        now: u64,
        waiting: VecDeque<(usize, i128)>,
        released: Vec<(usize, u64)>,
    }

    impl Naive {
        fn run_until(&mut self, until: u64) {
            while let Some(&(id, cost)) = self.waiting.front() {
                let missing = cost.min(self.burst) - self.tokens;
                let nanos = u64::try_from((missing.max(0) + self.rate - 1) / self.rate).unwrap();
                if self.now + nanos > until {
                    break;
                }
                self.pass(nanos);
                self.tokens -= cost;
                self.waiting.pop_front();
                self.released.push((id, self.now));
            }
            self.pass(until - self.now);
        }

        fn pass(&mut self, nanos: u64) {
            self.now += nanos;
            self.tokens = (self.tokens + i128::from(nanos) * self.rate).min(self.burst);
        }
    }

    /// Rates that divide a minute's nanoseconds, so that no instant is rounded.
    fn rates() -> impl Strategy<Value = u64> {
        prop::sample::select(vec![20, 60, 100, 600, 1_000, 2_400, 3_000, 6_000])
    }

    fn requests() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let gap = prop_oneof![3 => Just(0), 2 => 0..50_u64, 1 => 0..5_000_u64, 1 => 0..90_000_u64];
        prop::collection::vec((gap, 1..60_u64), 1..200)
    }

    proptest! {
        #[test]
        fn releases_are_those_of_tokens_that_trickle_into_a_bucket(
            rate in rates(), burst_s in 0..90_u64, queue_s in 0..90_u64, requests in requests(),
        ) {
            let shaping = Shaping {
                burst: Duration::from_secs(burst_s),
                queue: Duration::from_secs(queue_s),
            };
            let mut shaper = Shaper::new(Rate::of(rate), shaping);
            let burst = i128::from(burst_s) * 1_000_000_000 * i128::from(rate);
            let mut naive = Naive {
                rate: rate.into(),
                burst,
                tokens: burst,
                now: 0,
                waiting: VecDeque::new(),
                released: Vec::new(),
            };
            let mut promised = Vec::new();
            for (id, (gap_ms, count)) in requests.into_iter().enumerate() {
                naive.run_until(naive.now + gap_ms * 1_000_000);
                let now = Instant::from_start(Duration::from_nanos(naive.now));
                let cost = i128::from(count) * 60_000_000_000;
                let mut tried = naive.clone();
                tried.waiting.push_back((id, cost));
                let patience = naive.now + queue_s * 1_000_000_000;
                tried.run_until(patience);
                let expected = tried.released.iter().find(|(other, _)| *other == id);
                let expected = expected.map(|(_, at)| Instant::from_start(Duration::from_nanos(*at)));
                prop_assert_eq!(shaper.ask(now, count), expected);
                if let Some(at) = expected {
                    promised.push((id, at));
                    naive.waiting.push_back((id, cost));
                    let now = naive.now;
                    naive.run_until(now);
                }
            }
        }

        #[test]
        fn no_window_has_more_than_a_burst_and_its_rate_and_nobody_overtakes(
            rate in rates(), burst_s in 0..90_u64, requests in requests(), leavers in any::<u64>(),
        ) {
            let shaping = Shaping {
                burst: Duration::from_secs(burst_s),
                queue: Duration::from_mins(1),
            };
            let mut shaper = Shaper::new(Rate::of(rate), shaping);
            let (mut now, mut last, mut gone) = (Instant::ZERO, Instant::ZERO, Vec::new());
            for (index, (gap_ms, count)) in requests.into_iter().enumerate() {
                now = now + Duration::from_millis(gap_ms);
                let Some(at) = shaper.ask(now, count) else { continue };
                prop_assert!(at >= last && at.saturating_since(now) <= shaping.queue);
                last = at;
                if at > now && leavers >> (index % 64) & 1 == 1 {
                    shaper.give_back(count);
                } else {
                    gone.push((at, count));
                }
            }
            for (first, (from, _)) in gone.iter().enumerate() {
                let mut sum = 0;
                for (at, count) in &gone[first..] {
                    // The last one may be larger than the bucket.
                    let window = at.saturating_since(*from).as_nanos() + u128::from(burst_s) * 1_000_000_000;
                    prop_assert!(sum * MINUTE_NANOS <= window * u128::from(rate) + MINUTE_NANOS * 60);
                    sum += u128::from(*count);
                }
            }
        }
    }
}
