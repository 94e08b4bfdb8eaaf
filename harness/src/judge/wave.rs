//! The wave: how many devices were in which state over time, in at most about 200 points whatever the
//! run's length.

use std::collections::BTreeMap;
use std::time::Duration;

use super::verdict::{WavePoint, whole_ms};

/// Points kept at most before neighbours are merged.
const POINTS: usize = 200;
/// Distinct statuses counted apart; the rest are `other`.
const STATUSES: usize = 24;
/// A status is cut at so many characters.
const STATUS_CHARS: usize = 40;

const ONLINE: usize = 0;
const OFFLINE: usize = 1;
const OTHER: usize = 2;
const STATUS_0: usize = 3;

/// Counts devices by state and keeps the counts over time.
#[derive(Debug)]
pub(super) struct Wave {
    /// Names by state.
    states: Vec<String>,
    counts: Vec<u64>,
    /// The counts at the end of past buckets: when they last changed, and to what.
    points: Vec<(u64, Vec<u64>)>,
    /// When the counts last changed.
    changed_ms: u64,
    bucket_ms: u64,
}

impl Wave {
    /// All devices are offline.
    pub(super) fn new(devices: usize) -> Self {
        Self {
            states: ["online", "offline", "other"].map(str::to_owned).to_vec(),
            counts: vec![0, devices as u64, 0],
            points: Vec::new(),
            changed_ms: 0,
            bucket_ms: 1,
        }
    }

    /// One device more or less is there, and online or not.
    pub(super) fn link(&mut self, at: Duration, before: Option<bool>, now: Option<bool>) {
        let state = |online| if online { ONLINE } else { OFFLINE };
        self.shift(at, before.map(state), now.map(state));
    }

    /// A device's status changed; says its new state.
    pub(super) fn status(
        &mut self,
        at: Duration,
        before: Option<u16>,
        now: Option<&str>,
    ) -> Option<u16> {
        let now = now.map(|status| self.state_of(status));
        self.shift(at, before.map(usize::from), now);
        now.map(|state| u16::try_from(state).expect("at most 24 statuses"))
    }

    /// Devices by state, as they are.
    pub(super) fn now(&self) -> BTreeMap<String, u64> {
        self.named(&self.counts)
    }

    /// The points, and one for the end.
    pub(super) fn finish(mut self, at: Duration) -> Vec<WavePoint> {
        self.points.push((self.changed_ms, self.counts.clone()));
        let end_ms = whole_ms(at);
        if end_ms > self.changed_ms {
            self.points.push((end_ms, self.counts.clone()));
        }
        let point = |(at_ms, counts): &(u64, Vec<u64>)| WavePoint {
            at_ms: *at_ms,
            devices: self.named(counts),
        };
        self.points.iter().map(point).collect()
    }

    fn shift(&mut self, at: Duration, before: Option<usize>, now: Option<usize>) {
        if before == now {
            return;
        }
        let at_ms = whole_ms(at);
        if at_ms / self.bucket_ms > self.changed_ms / self.bucket_ms {
            self.points.push((self.changed_ms, self.counts.clone()));
            self.thin_out();
        }
        self.changed_ms = at_ms.max(self.changed_ms);
        if let Some(before) = before {
            self.counts[before] -= 1;
        }
        if let Some(now) = now {
            self.counts[now] += 1;
        }
    }

    /// Doubles the bucket until the points fit; of the points in one bucket the last stays. The
    /// first, the state at the start, always does.
    fn thin_out(&mut self) {
        while self.points.len() >= POINTS {
            self.bucket_ms *= 2;
            let bucket_ms = self.bucket_ms;
            let points = std::mem::take(&mut self.points);
            for point in points {
                let replaces = |last: &(u64, Vec<u64>)| last.0 / bucket_ms == point.0 / bucket_ms;
                if self.points.len() > 1 && self.points.last().is_some_and(replaces) {
                    self.points.pop();
                }
                self.points.push(point);
            }
        }
    }

    fn state_of(&mut self, status: &str) -> usize {
        let mut name: String = status.chars().take(STATUS_CHARS).collect();
        if self.states[..STATUS_0].contains(&name) {
            name += " (reported)";
        }
        let known = self.states[STATUS_0..]
            .iter()
            .position(|state| *state == name);
        if let Some(known) = known {
            return STATUS_0 + known;
        }
        if self.states.len() >= STATUS_0 + STATUSES {
            return OTHER;
        }
        self.states.push(name);
        self.counts.push(0);
        self.states.len() - 1
    }

    /// By name; a point from before a status was first seen has none in it. `other` only if used.
    fn named(&self, counts: &[u64]) -> BTreeMap<String, u64> {
        let count = |state: usize| counts.get(state).copied().unwrap_or(0);
        let states = self.states.iter().enumerate();
        states
            .filter(|(state, _)| *state != OTHER || self.states.len() >= STATUS_0 + STATUSES)
            .map(|(state, name)| (name.clone(), count(state)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_wave_shows_the_start_each_change_and_the_end() {
        let mut wave = Wave::new(2);
        wave.link(ms(5), Some(false), Some(true));
        wave.link(ms(5), Some(false), Some(true));
        wave.status(ms(9), None, Some("booted"));
        let points = wave.finish(ms(20));
        let seen: Vec<(u64, u64, u64, u64)> = points
            .iter()
            .map(|p| {
                (
                    p.at_ms,
                    p.devices["online"],
                    p.devices["offline"],
                    p.devices["booted"],
                )
            })
            .collect();
        assert_eq!(
            seen,
            [(0, 0, 2, 0), (5, 2, 0, 0), (9, 2, 0, 1), (20, 2, 0, 1)]
        );
    }

    #[test]
    fn a_long_run_keeps_to_its_points_and_loses_neither_start_nor_end() {
        let mut wave = Wave::new(1);
        for at in 1..100_000_u64 {
            wave.link(ms(at), Some(at % 2 == 0), Some(at % 2 == 1));
        }
        let points = wave.finish(ms(100_000));
        assert!(
            (100..=POINTS + 2).contains(&points.len()),
            "{}",
            points.len()
        );
        assert_eq!(points[0].at_ms, 0);
        assert_eq!(points[0].devices["offline"], 1);
        assert_eq!(points.last().unwrap().at_ms, 100_000);
        assert!(points.is_sorted_by_key(|point| point.at_ms));
    }

    #[test]
    fn statuses_beyond_the_bound_are_other_and_names_of_ours_are_told_apart() {
        let mut wave = Wave::new(1);
        wave.status(ms(1), None, Some("online"));
        for status in 0..40 {
            wave.status(ms(1), None, Some(&status.to_string()));
        }
        let now = wave.now();
        assert_eq!(now["online (reported)"], 1);
        assert_eq!(now["online"], 0);
        assert_eq!(now["other"], 17);
    }
}
