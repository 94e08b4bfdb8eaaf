//! What an import or export is told, and what is told of it. Knows nothing of when it runs.

use std::fmt;

use hub_proto::time::Timestamp;

/// The direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferKind {
    /// From a container into the registry.
    Import,
    /// From the registry into a container.
    Export,
}

impl TransferKind {
    /// As the service API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Export => "export",
        }
    }
}

/// One import or export. The addresses of containers carry their passwords, so `Debug` leaves them out.
#[derive(Clone, PartialEq, Eq)]
pub struct TransferSpec {
    /// The direction.
    pub kind: TransferKind,
    /// The address of the container that is imported from; `None` for an export.
    pub input_container: Option<Box<str>>,
    /// The address of the container that is exported into, or in which the failures of an import stand.
    pub output_container: Box<str>,
    /// The blob of identities.
    pub identities_blob: Box<str>,
    /// The blob of configurations, if they are to go along.
    pub configurations_blob: Option<Box<str>>,
    /// Whether an export leaves out the keys.
    pub exclude_keys: bool,
}

impl fmt::Debug for TransferSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferSpec")
            .field("kind", &self.kind)
            .field("identities_blob", &self.identities_blob)
            .field("configurations_blob", &self.configurations_blob)
            .field("exclude_keys", &self.exclude_keys)
            .finish_non_exhaustive()
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferStatus {
    /// Not begun.
    Enqueued,
    /// Begun.
    Running,
    /// Done; lines of an import may have failed all the same.
    Completed,
    /// Given up; the job says why.
    Failed,
    /// Stopped by the service.
    Cancelled,
}

impl TransferStatus {
    /// As the service API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enqueued => "enqueued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing changes any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A job as the service sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferView {
    /// Chosen by the hub.
    pub id: Box<str>,
    /// The direction.
    pub kind: TransferKind,
    /// How far it is.
    pub status: TransferStatus,
    /// The same in percent, 0 to 100.
    pub progress: u8,
    /// When it was asked for.
    pub start: Timestamp,
    /// When it ended, if it has.
    pub end: Option<Timestamp>,
    /// Whether it leaves out keys.
    pub exclude_keys: bool,
    /// Whether configurations go along.
    pub with_configurations: bool,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}
