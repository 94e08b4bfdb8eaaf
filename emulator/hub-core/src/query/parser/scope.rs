//! Which attributes may be named where.

use crate::query::path::Root;

/// What a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::query) enum Scope {
    /// Anything: a query over twins, or a job's condition.
    Twins,
    /// Device-job rows: "conditions that refer to the device twin in addition to job properties" are
    /// not supported, says Microsoft's page "Queries for IoT Hub jobs".
    Jobs,
    /// A configuration's target condition for devices.
    Devices,
    /// The same for modules.
    Modules,
}

impl Scope {
    pub(super) fn allows(self, root: Root) -> bool {
        match self {
            Self::Twins => true,
            Self::Jobs => !matches!(
                root,
                Root::Tags | Root::Properties | Root::Desired | Root::Reported
            ),
            Self::Devices => matches!(root, Root::DeviceId | Root::Tags | Root::Reported),
            Self::Modules => matches!(
                root,
                Root::DeviceId | Root::ModuleId | Root::Tags | Root::Reported
            ),
        }
    }

    /// What is wrong with an attribute that is not allowed.
    pub(super) fn complaint(self) -> &'static str {
        match self {
            Self::Twins => "no such attribute",
            Self::Jobs => "a condition on devices.jobs cannot be about the device twin,",
            Self::Devices => "a condition here is about deviceId, tags or properties.reported,",
            Self::Modules => {
                "a condition here is about deviceId, moduleId, tags or properties.reported,"
            }
        }
    }
}
