//! The query language, as far as it goes: `SELECT * FROM devices [WHERE …]`.
//!
//! Responsible for reading a query and for deciding whether one twin matches. What the language has
//! and this engine does not is refused by name. Knows nothing of paging or of where twins are kept.

use crate::error::HubError;
use crate::twin::{DocumentIdentity, Twin};

/// A query that parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    _private: (),
}

impl Query {
    /// Reads a query. What the language has and this engine does not is refused by name.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        todo!("{text}")
    }

    /// Whether a device is among the rows.
    pub fn matches(&self, twin: &Twin, identity: &DocumentIdentity<'_>) -> bool {
        todo!("{twin:?} {identity:?}")
    }
}
