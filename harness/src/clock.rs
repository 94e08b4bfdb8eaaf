//! Reads the wall clock, once per need; the only place of the harness that does.

use std::time::{Duration, UNIX_EPOCH};

use hub_proto::time::Timestamp;

/// The machine's wall time.
pub(crate) fn wall_now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is the one reader of clocks here"
    )]
    let now = std::time::SystemTime::now();
    Timestamp::from_unix(now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))
}
