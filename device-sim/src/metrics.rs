//! What a fleet did, counted and measured.

/// A snapshot of what was counted and measured.
#[derive(Clone, Debug, Default)]
pub struct Metrics {}
