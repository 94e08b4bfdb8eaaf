//! The query language, as far as it goes: `SELECT * FROM devices [WHERE …]`.

use crate::error::HubError;

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
}
