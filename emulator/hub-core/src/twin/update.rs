//! What a service's write says, read from the many forms that SDKs send.

use crate::error::HubError;
use crate::limits::Limits;

/// What a service's PATCH or PUT says about tags and desired properties.
#[derive(Clone, Debug, PartialEq)]
pub struct TwinUpdate {
    _private: (),
}

/// Whether an update merges or replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// PATCH: by JSON merge patch.
    Merge,
    /// PUT: tags and desired become what the update says; what it leaves out is emptied.
    Replace,
}

impl TwinUpdate {
    /// Reads the body of a PATCH or PUT; everything but tags and desired is ignored.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, HubError> {
        todo!("{} {limits:?}", body.len())
    }
}
