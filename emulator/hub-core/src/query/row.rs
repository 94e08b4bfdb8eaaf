//! What a query looks at: one row of a collection.

use crate::twin::{DocumentIdentity, Twin};

/// One row, borrowed from where it lives. Nothing is copied or printed to look at it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a>(pub(super) Source<'a>);

#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Twin {
        twin: &'a Twin,
        identity: &'a DocumentIdentity<'a>,
    },
}

impl<'a> Row<'a> {
    /// A row of `devices` or `devices.modules`: the twin with what its document shows of the identity.
    pub fn twin(twin: &'a Twin, identity: &'a DocumentIdentity<'a>) -> Self {
        Self(Source::Twin { twin, identity })
    }
}
