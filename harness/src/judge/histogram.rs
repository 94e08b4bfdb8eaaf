//! A latency distribution in bounded memory, the same for the same values in whatever order.

use std::time::Duration;

use super::verdict::Latency;

/// Longest latency told apart: a day.
const LONGEST_US: u64 = 24 * 3600 * 1_000_000;

/// Counts latencies to the microsecond with three significant digits; the extremes are exact.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: hdrhistogram::Histogram<u64>,
    least: Duration,
    most: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        let counts = hdrhistogram::Histogram::new_with_bounds(1, LONGEST_US, 3);
        Self {
            counts: counts.expect("the bounds are in order and three digits are allowed"),
            least: Duration::MAX,
            most: Duration::ZERO,
        }
    }
}

impl Histogram {
    /// Adds a value.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.counts.saturating_record(micros);
        self.least = self.least.min(latency);
        self.most = self.most.max(latency);
    }

    /// The figures of the verdict, by nearest rank; none without values.
    pub fn latency(&self) -> Option<Latency> {
        if self.counts.is_empty() {
            return None;
        }
        let (least, most) = (to_ms(self.least), to_ms(self.most));
        let rank = |quantile| {
            let micros = self.counts.value_at_quantile(quantile);
            // A bucket may reach beyond what was recorded in it.
            to_ms(Duration::from_micros(micros)).clamp(least, most)
        };
        Some(Latency {
            count: self.counts.len(),
            min_ms: least,
            p50_ms: rank(0.50),
            p90_ms: rank(0.90),
            p99_ms: rank(0.99),
            max_ms: most,
        })
    }
}

fn to_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank_and_the_extremes_exact() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.latency(), None);
        for ms in (1..=100).rev() {
            histogram.record(Duration::from_millis(ms));
        }
        let latency = histogram.latency().unwrap();
        assert_eq!(
            (latency.count, latency.min_ms, latency.max_ms),
            (100, 1.0, 100.0)
        );
        for (found, exact) in [
            (latency.p50_ms, 50.0),
            (latency.p90_ms, 90.0),
            (latency.p99_ms, 99.0),
        ] {
            assert!(
                (found - exact).abs() <= exact / 1000.0,
                "{found} is not {exact}"
            );
        }
    }
}
