//! The one place of the suite that reads a clock.

use std::time::Instant;

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is about the real clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
