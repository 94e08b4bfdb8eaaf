//! The precondition of a write.

use crate::error::HubError;

/// The precondition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// No header at all.
    Absent,
    /// `*` or `"*"`.
    Any,
    /// This etag, quotes stripped.
    Etag(String),
}

impl IfMatch {
    /// Whether a write may go ahead on what has `etag` now.
    pub(crate) fn check(&self, etag: &str) -> Result<(), HubError> {
        match self {
            Self::Absent | Self::Any => Ok(()),
            Self::Etag(expected) if expected == etag => Ok(()),
            Self::Etag(_) => Err(HubError::EtagMismatch),
        }
    }
}
