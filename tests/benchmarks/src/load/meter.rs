//! What is counted, and when. Knows nothing of what an operation is.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// How long a server is warmed up, and how long it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// Counts operations while it is switched on.
#[derive(Debug)]
pub(crate) struct Meter {
    is_counting: bool,
    operations: u64,
    /// In nanoseconds.
    latency: Histogram<u64>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            is_counting: false,
            operations: 0,
            latency: new_histogram(),
        }
    }

    /// Counts from here on, from nothing.
    pub(super) fn begin(&mut self) {
        *self = Self {
            is_counting: true,
            ..Self::new()
        };
    }

    /// What was counted; nothing is from here on.
    pub(super) fn end(&mut self) -> (u64, Histogram<u64>) {
        let counted = std::mem::replace(self, Self::new());
        (counted.operations, counted.latency)
    }

    /// An operation that was asked for at `asked` is answered.
    pub(super) fn record(&mut self, asked: Instant, answered: Instant) {
        if self.is_counting {
            self.operations += 1;
            let nanos = answered.saturating_duration_since(asked).as_nanos();
            self.latency
                .saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
    }
}

/// From a microsecond to a minute, to three digits.
pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("the bounds are sound")
}
