//! The refusals of the hub: one variant each. What a client sees of them (status, body, header, topic)
//! is decided at the edge, from [`HubError::code`] and the text.

use std::time::Duration;

use hub_proto::error_code::ErrorCode;
use hub_proto::ids::{ClientIdentity, DeviceId, IdError, ModuleId};
use thiserror::Error;

use crate::configuration::ConfigurationId;
use crate::jobs::JobId;
use crate::throttle::Refusal;

/// Why the hub does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HubError {
    /// An argument breaks a rule; the text says which and how.
    #[error("{0}")]
    Argument(String),
    /// A required argument is missing; the text names it.
    #[error("{0} is required")]
    Missing(&'static str),
    /// A name is not in the grammar.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A body is not JSON, or not of the form it must have.
    #[error("{0}")]
    Format(String),
    /// A body is JSON, but not of the type it must have.
    #[error("{0}")]
    WrongType(String),
    /// No such device.
    #[error("{0}")]
    DeviceNotFound(DeviceId),
    /// No such module, or no such device.
    #[error("{0}/{1}")]
    ModuleNotFound(DeviceId, ModuleId),
    /// The module exists already.
    #[error("Device {0} already contains Module {1}.")]
    ModuleAlreadyExists(DeviceId, ModuleId),
    /// The device has as many modules as it may.
    #[error("device {0} has {1} modules, the most it may have")]
    TooManyModules(DeviceId, usize),
    /// The device exists already.
    #[error("A device with ID '{0}' is already registered.")]
    DeviceAlreadyExists(DeviceId),
    /// A scope of an Edge device is not what it must be; the text says how.
    #[error("{0}")]
    DeviceScope(String),
    /// A module that the hub itself made is not the service's to change.
    #[error("module {0} is the hub's own and cannot be changed")]
    SystemModule(ModuleId),
    /// The etag given is not the current one.
    #[error("PreconditionFailed, ETag may be invalid.")]
    EtagMismatch,
    /// An etag is required and none was given.
    #[error("PreconditionFailed, Etag missing")]
    EtagMissing,
    /// The reported version given is not the current one.
    #[error("the reported version is {actual}, not {expected}")]
    VersionMismatch {
        /// What the patch was based on.
        expected: u64,
        /// What the twin has.
        actual: u64,
    },
    /// Nobody listens for methods on that device now.
    #[error(
        "The operation failed because the requested device isn't online. To learn more, see https://aka.ms/iothub404103"
    )]
    DeviceNotOnline,
    /// The device did not answer in time.
    #[error("Timed out waiting for the response from device.")]
    MethodTimedOut,
    /// The device went away with the call open.
    #[error("Device unavailable")]
    DeviceUnavailable,
    /// The device connected anew with the call open.
    #[error("the connection was closed because the same device connected again")]
    ConnectionReplaced,
    /// The device's answer has a status that is no integer.
    #[error("the device answered with status {0:?}, which is not an integer")]
    MethodStatus(String),
    /// Too many calls are open on one device.
    #[error("the device has {0} open method calls, the most it may have")]
    TooManyMethodCalls(usize),
    /// A message or payload over its limit.
    #[error("{what} has {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        max: usize,
    },
    /// The hub holds as many identities as it may.
    #[error("the hub holds {0} identities, the most it may hold")]
    TooManyDevices(usize),
    /// The cloud-to-device queue of the device is full.
    #[error("the device's cloud-to-device queue holds {0} messages, the most it may hold")]
    QueueFull(usize),
    /// The expiry time of a cloud-to-device message is past, or too far ahead.
    #[error("the expiry time of a message must lie between now and {0:?} from now")]
    MessageExpiry(Duration),
    /// The lock of a message, or of a feedback message, is over, or never was.
    #[error("The lock of the message is over, or there is no such lock.")]
    MessageLockLost,
    /// The hub's tier does not have it, or not so much of it.
    #[error(transparent)]
    NotAdmitted(#[from] Refusal),
    /// There is a job of that name, or there was one not long ago.
    #[error("A job with ID '{0}' already exists.")]
    JobAlreadyExists(JobId),
    /// No such job.
    #[error("{0}")]
    JobNotFound(Box<str>),
    /// What is asked of a thing cannot be done in the state it is in; the text says which.
    #[error("{0}")]
    WrongState(String),
    /// As many jobs wait or run as may.
    #[error("{0} jobs are scheduled or running, the most that may be")]
    TooManyActiveJobs(usize),
    /// An import or an export is not at its end yet.
    #[error("an import or export job is active, and only one may be at a time")]
    TransferActive,
    /// A container of blobs cannot be used; the text says for what.
    #[error("{0}")]
    BlobContainer(String),
    /// No such configuration.
    #[error("The configuration '{0}' was not found.")]
    ConfigurationNotFound(ConfigurationId),
    /// The configuration exists already.
    #[error("A configuration with ID '{0}' already exists.")]
    ConfigurationAlreadyExists(ConfigurationId),
    /// The target condition of a configuration cannot be used; the text says why.
    #[error("{0}")]
    ConfigurationCondition(String),
    /// The content of a configuration breaks a rule; the text says which and how.
    #[error("{0}")]
    ConfigurationContent(String),
    /// A metric query of a configuration cannot be used; the text says which and why.
    #[error("{0}")]
    ConfigurationMetric(String),
    /// The hub holds as many configurations as it may.
    #[error("the hub holds {0} configurations, the most it may hold")]
    TooManyConfigurations(usize),
    /// An operation of a digital twin's patch is none; the text says why.
    #[error("{0}")]
    DigitalTwinJsonPatch(String),
    /// A digital twin's patch cannot be applied; the text says where and why.
    #[error("{0}")]
    DigitalTwinPatch(String),
    /// A path in a digital twin's patch names nothing that can be there.
    #[error("{0}")]
    DigitalTwinPatchPath(String),
    /// Legal on the real hub, not built here yet; names the gap.
    #[error("Hubnerite does not implement {0} yet")]
    NotImplemented(String),
}

impl HubError {
    /// There is no such client.
    pub fn not_found(client: &ClientIdentity) -> Self {
        match client {
            ClientIdentity::Device(device) => Self::DeviceNotFound(device.clone()),
            ClientIdentity::Module(module) => {
                Self::ModuleNotFound(module.device().clone(), module.id().clone())
            }
        }
    }

    /// The hub's code for the refusal.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Argument(_) | Self::Id(_) => ErrorCode::ArgumentInvalid,
            Self::Missing(_) => ErrorCode::ArgumentNull,
            Self::Format(_) => ErrorCode::IotHubFormatError,
            Self::WrongType(_) => ErrorCode::DeserializationError,
            Self::DeviceNotFound(_) => ErrorCode::DeviceNotFound,
            Self::DeviceScope(_) => ErrorCode::InvalidDeviceScope,
            Self::SystemModule(_) => ErrorCode::SystemModuleModifyUnauthorizedAccess,
            Self::ModuleNotFound(..) => ErrorCode::ModuleNotFound,
            Self::ModuleAlreadyExists(..) => ErrorCode::ModuleAlreadyExistsOnDevice,
            Self::TooManyModules(..) => ErrorCode::TooManyModulesOnDevice,
            Self::DeviceAlreadyExists(_) => ErrorCode::DeviceAlreadyExists,
            Self::EtagMismatch | Self::EtagMissing | Self::VersionMismatch { .. } => {
                ErrorCode::PreconditionFailed
            }
            Self::DeviceNotOnline => ErrorCode::DeviceNotOnline,
            Self::MethodTimedOut => ErrorCode::GatewayTimeout,
            Self::DeviceUnavailable => ErrorCode::DeviceUnavailable,
            Self::ConnectionReplaced => ErrorCode::ConnectionForcefullyClosedOnNewConnection,
            Self::MethodStatus(_) => ErrorCode::GenericBadRequest,
            Self::TooManyMethodCalls(_) => ErrorCode::DeviceMaximumInflightMethodExceeded,
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::TooManyDevices(_) => ErrorCode::TooManyDevices,
            Self::QueueFull(_) => ErrorCode::DeviceMaximumQueueDepthExceeded,
            Self::MessageExpiry(_) => ErrorCode::InvalidMessageExpiryTime,
            Self::MessageLockLost => ErrorCode::DeviceMessageLockLost,
            Self::NotAdmitted(refusal) => refusal.code(),
            Self::JobAlreadyExists(_) => ErrorCode::JobAlreadyExists,
            Self::JobNotFound(_) => ErrorCode::JobNotFound,
            Self::WrongState(_) => ErrorCode::OperationNotAllowedInCurrentState,
            Self::TooManyActiveJobs(_) => ErrorCode::ThrottlingMaxActiveJobCountExceeded,
            Self::TransferActive => ErrorCode::JobQuotaExceeded,
            Self::BlobContainer(_) => ErrorCode::BlobContainerValidationError,
            Self::ConfigurationNotFound(_) => ErrorCode::ConfigurationNotFound,
            Self::ConfigurationAlreadyExists(_) => ErrorCode::ConfigurationAlreadyExists,
            Self::ConfigurationCondition(_) => ErrorCode::InvalidConfigurationTargetCondition,
            Self::ConfigurationContent(_) => ErrorCode::InvalidConfigurationContent,
            Self::ConfigurationMetric(_) => ErrorCode::InvalidConfigurationCustomMetricsQuery,
            Self::TooManyConfigurations(_) => ErrorCode::ConfigurationCountLimitExceeded,
            Self::DigitalTwinJsonPatch(_) => ErrorCode::InvalidDigitalTwinJsonPatch,
            Self::DigitalTwinPatch(_) => ErrorCode::InvalidDigitalTwinPatch,
            Self::DigitalTwinPatchPath(_) => ErrorCode::InvalidDigitalTwinPatchPath,
            Self::NotImplemented(_) => ErrorCode::NotImplemented,
        }
    }
}
