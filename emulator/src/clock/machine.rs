//! The machine's clock.
//!
//! The monotonic reading is tokio's, and the wall clock is the wall at the start plus what the
//! monotonic one has run since: paused time in a test moves both.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hub_proto::time::{Instant, Now, Timestamp};

/// The machine's clock. Cheap to copy; all copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MachineClock {
    started: tokio::time::Instant,
    wall_at_start: Timestamp,
}

impl MachineClock {
    /// A clock that starts now, at the machine's wall time. Needs no runtime.
    pub(crate) fn start() -> Self {
        Self::start_at(Timestamp::from_unix(unix_time()))
    }

    /// A clock that starts now and shows `wall_at_start`.
    pub(crate) fn start_at(wall_at_start: Timestamp) -> Self {
        Self {
            started: tokio::time::Instant::now(),
            wall_at_start,
        }
    }

    /// Both readings.
    pub(crate) fn now(&self) -> Now {
        let elapsed = self.started.elapsed();
        Now {
            mono: Instant::from_start(elapsed),
            wall: self.wall_at_start.saturating_add(elapsed),
        }
    }

    /// `instant` in tokio's terms, for its timers.
    pub(super) fn timer_instant(&self, instant: Instant) -> tokio::time::Instant {
        self.started
            .checked_add(instant.since_start())
            // Beyond what the platform can name is "never"; a year is far enough to ask again.
            .unwrap_or_else(|| self.started + Duration::from_hours(365 * 24))
    }
}

/// The machine's wall time since 1970, whatever the hub's clock shows.
pub(crate) fn unix_time() -> Duration {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is the one reader of clocks"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn paused_time_moves_both_readings() {
        let clock = MachineClock::start_at(Timestamp::from_unix_seconds(1000));
        assert_eq!(clock.now().mono, Instant::ZERO);
        tokio::time::sleep_until(clock.timer_instant(Instant::ZERO + Duration::from_secs(5))).await;
        let now = clock.now();
        assert!(
            now.mono >= Instant::ZERO + Duration::from_secs(5),
            "{now:?}"
        );
        assert_eq!(now.wall.unix_seconds(), 1005);
    }

    #[tokio::test(start_paused = true)]
    async fn an_instant_beyond_the_platform_is_never_and_does_not_panic() {
        let clock = MachineClock::start();
        assert!(clock.timer_instant(Instant::from_start(Duration::MAX)) > clock.started);
    }
}
