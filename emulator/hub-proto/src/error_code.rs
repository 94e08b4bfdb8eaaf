//! The hub's numbered errors: the number, the name the `iothub-errorcode` header carries, and the
//! HTTP status, which is the number's first three digits.
//!
//! Only codes that the hub here can produce are listed; the source of each is Microsoft's
//! "troubleshoot error codes" reference. One name is ours: [`ErrorCode::NotImplemented`] says that a
//! request is legal on the real hub and not built here yet.

/// One row per code.
macro_rules! error_codes {
    ($($name:ident = $number:literal,)+) => {
        /// A code of the hub.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are the documentation; see the module's source")]
        pub enum ErrorCode {
            $($name,)+
        }

        impl ErrorCode {
            /// Every code, in numeric order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The six-digit number that JSON bodies carry.
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$name => $number,)+
                }
            }

            /// The name that the `iothub-errorcode` header carries.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

error_codes! {
    GenericBadRequest = 400_000,
    InvalidProtocolVersion = 400_001,
    InvalidOperation = 400_003,
    ArgumentInvalid = 400_004,
    ArgumentNull = 400_005,
    IotHubFormatError = 400_006,
    BlobContainerValidationError = 400_008,
    InvalidSchemaVersion = 400_010,
    DeviceDefinedMultipleTimes = 400_011,
    DeserializationError = 400_012,
    BulkRegistryOperationFailure = 400_013,
    DefaultStorageEndpointNotConfigured = 400_014,
    InvalidFileUploadCorrelationId = 400_015,
    ExpiredFileUploadCorrelationId = 400_016,
    InvalidFileUploadCompletionStatus = 400_019,
    NullMessage = 400_026,
    ConnectionForcefullyClosedOnNewConnection = 400_027,
    InvalidDeviceScope = 400_028,
    BulkRegenerateDeviceKeyOperationFailure = 400_036,
    CannotRegisterModuleToModule = 400_301,
    InvalidConfigurationTargetCondition = 400_401,
    InvalidConfigurationContent = 400_402,
    CannotModifyImmutableConfigurationContent = 400_403,
    InvalidConfigurationCustomMetricsQuery = 400_404,
    InvalidDigitalTwinJsonPatch = 400_505,
    InvalidDigitalTwinPayload = 400_506,
    InvalidDigitalTwinPatch = 400_507,
    InvalidDigitalTwinPatchPath = 400_508,
    IotHubNotFound = 401_001,
    IotHubUnauthorizedAccess = 401_002,
    IotHubUnauthorized = 401_003,
    SystemModuleModifyUnauthorizedAccess = 401_100,
    IotHubQuotaExceeded = 403_002,
    JobQuotaExceeded = 403_003,
    DeviceMaximumQueueDepthExceeded = 403_004,
    DeviceMaximumActiveFileUploadLimitExceeded = 403_006,
    InvalidMessageExpiryTime = 403_009,
    OperationNotAvailableInCurrentTier = 403_010,
    DeviceDisabled = 403_012,
    DeviceMaximumInflightMethodExceeded = 403_800,
    GenericNotFound = 404_000,
    DeviceNotFound = 404_001,
    JobNotFound = 404_002,
    ModuleNotFound = 404_010,
    FeatureNotSupported = 404_013,
    DeviceNotOnline = 404_103,
    ConfigurationNotFound = 404_301,
    GenericMethodNotAllowed = 405_000,
    OperationNotAllowedInCurrentState = 405_102,
    DeviceAlreadyExists = 409_001,
    JobAlreadyExists = 409_104,
    ModuleAlreadyExistsOnDevice = 409_301,
    ConfigurationAlreadyExists = 409_401,
    PreconditionFailed = 412_001,
    DeviceMessageLockLost = 412_002,
    GenericRequestEntityTooLarge = 413_000,
    MessageTooLarge = 413_001,
    TooManyDevices = 413_002,
    TooManyModulesOnDevice = 413_003,
    ConfigurationCountLimitExceeded = 413_101,
    GenericUnsupportedMediaType = 415_000,
    ThrottlingException = 429_001,
    ThrottleBacklogLimitExceeded = 429_002,
    ThrottlingBacklogTimeout = 429_003,
    ThrottlingMaxActiveJobCountExceeded = 429_004,
    DeviceThrottlingLimitExceeded = 429_005,
    ServerError = 500_001,
    NotImplemented = 501_000,
    GenericBadGateway = 502_000,
    ServiceUnavailable = 503_001,
    ServerBusy = 503_005,
    DeviceUnavailable = 503_102,
    GatewayTimeout = 504_101,
}

impl ErrorCode {
    /// The HTTP status that goes with the code: its first three digits.
    pub const fn http_status(self) -> u16 {
        // Codes are six digits, so the quotient is a three-digit status.
        #[expect(clippy::cast_possible_truncation, reason = "at most 599")]
        {
            (self.number() / 1000) as u16
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_their_status_is_an_error_status() {
        for pair in ErrorCode::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number(), "{pair:?}");
        }
        for code in ErrorCode::ALL {
            assert!((400..600).contains(&code.http_status()), "{code:?}");
        }
        assert_eq!(ErrorCode::DeviceNotOnline.http_status(), 404);
        assert_eq!(ErrorCode::GatewayTimeout.name(), "GatewayTimeout");
    }
}
