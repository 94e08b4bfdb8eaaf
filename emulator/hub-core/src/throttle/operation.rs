//! What can be asked of a hub, as its throttles see it.

use hub_proto::error_code::ErrorCode;

use super::rate::Row;
use super::scale::Tier;

/// Something that a service or device asks of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Read or list identities.
    IdentityRead,
    /// Create, change or delete identities; as many as they are.
    IdentityWrite,
    /// A device connects.
    Connect,
    /// A device sends a message.
    DeviceToCloudSend,
    /// The service sends a message to a device.
    CloudToDeviceSend,
    /// A device fetches a message over HTTPS.
    CloudToDeviceReceive,
    /// A device completes, abandons or rejects a message over HTTPS.
    CloudToDeviceSettle,
    /// The service empties a device's queue.
    CloudToDevicePurge,
    /// A device begins a file upload.
    FileUploadStart,
    /// The service calls a direct method; as many as its payload has blocks.
    DirectMethod,
    /// The service asks for a page of a query.
    Query,
    /// A twin is read.
    TwinRead,
    /// A twin is changed.
    TwinUpdate,
    /// A job is read, or jobs are listed.
    JobRead,
    /// A job is created or cancelled.
    JobWrite,
    /// A job reaches a device.
    JobDevice,
    /// A configuration is read, or configurations are listed.
    ConfigurationRead,
    /// A configuration is created, changed, deleted or applied to one device.
    ConfigurationWrite,
    /// The registry's statistics are read.
    Statistics,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 19] = [
        Self::IdentityRead,
        Self::IdentityWrite,
        Self::Connect,
        Self::DeviceToCloudSend,
        Self::CloudToDeviceSend,
        Self::CloudToDeviceReceive,
        Self::CloudToDeviceSettle,
        Self::CloudToDevicePurge,
        Self::FileUploadStart,
        Self::DirectMethod,
        Self::Query,
        Self::TwinRead,
        Self::TwinUpdate,
        Self::JobRead,
        Self::JobWrite,
        Self::JobDevice,
        Self::ConfigurationRead,
        Self::ConfigurationWrite,
        Self::Statistics,
    ];

    /// The name that a refusal carries as its operation type. `ConfigurationWrite` is on record from a
    /// live hub (mwalser/terraform-provider-iothub), the others are formed after it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdentityRead => "IdentityRead",
            Self::IdentityWrite => "IdentityWrite",
            Self::Connect => "Connect",
            Self::DeviceToCloudSend => "DeviceToCloudSend",
            Self::CloudToDeviceSend => "CloudToDeviceSend",
            Self::CloudToDeviceReceive => "CloudToDeviceReceive",
            Self::CloudToDeviceSettle => "CloudToDeviceSettle",
            Self::CloudToDevicePurge => "CloudToDevicePurge",
            Self::FileUploadStart => "FileUploadStart",
            Self::DirectMethod => "DirectMethod",
            Self::Query => "Query",
            Self::TwinRead => "TwinRead",
            Self::TwinUpdate => "TwinUpdate",
            Self::JobRead => "JobRead",
            Self::JobWrite => "JobWrite",
            Self::JobDevice => "JobDevice",
            Self::ConfigurationRead => "ConfigurationRead",
            Self::ConfigurationWrite => "ConfigurationWrite",
            Self::Statistics => "Statistics",
        }
    }

    /// The row that it is counted in, if any.
    pub fn row(self) -> Option<Row> {
        match self {
            Self::IdentityRead | Self::IdentityWrite => Some(Row::Registry),
            Self::Connect => Some(Row::Connections),
            Self::DeviceToCloudSend => Some(Row::DeviceToCloud),
            Self::CloudToDeviceSend => Some(Row::CloudToDevice),
            Self::CloudToDeviceReceive => Some(Row::CloudToDeviceReceives),
            Self::FileUploadStart => Some(Row::Uploads),
            Self::DirectMethod => Some(Row::Methods),
            Self::Query => Some(Row::Queries),
            Self::TwinRead => Some(Row::TwinReads),
            Self::TwinUpdate => Some(Row::TwinUpdates),
            Self::JobRead | Self::JobWrite => Some(Row::Jobs),
            Self::JobDevice => Some(Row::JobDevices),
            Self::ConfigurationRead | Self::ConfigurationWrite => Some(Row::Configurations),
            Self::CloudToDeviceSettle | Self::CloudToDevicePurge | Self::Statistics => None,
        }
    }

    /// Whether a hub of that tier has it at all.
    ///
    /// Source: "Choose the right IoT Hub tier and size for your solution", the list of APIs.
    pub fn is_in(self, tier: Tier) -> bool {
        !tier.is_basic()
            || match self {
                Self::IdentityRead
                | Self::IdentityWrite
                | Self::Connect
                | Self::DeviceToCloudSend
                | Self::CloudToDeviceReceive
                | Self::FileUploadStart
                | Self::Query
                | Self::Statistics => true,
                Self::CloudToDeviceSend
                | Self::CloudToDeviceSettle
                | Self::CloudToDevicePurge
                | Self::DirectMethod
                | Self::TwinRead
                | Self::TwinUpdate
                | Self::JobRead
                | Self::JobWrite
                | Self::JobDevice
                | Self::ConfigurationRead
                | Self::ConfigurationWrite => false,
            }
    }

    /// Whether it moves messages, and so ends with the day's quota. What is administration goes on.
    pub fn is_charged(self) -> bool {
        match self {
            Self::DeviceToCloudSend
            | Self::CloudToDeviceSend
            | Self::CloudToDeviceReceive
            | Self::FileUploadStart
            | Self::DirectMethod
            | Self::Query
            | Self::TwinRead
            | Self::TwinUpdate
            | Self::JobDevice => true,
            Self::IdentityRead
            | Self::IdentityWrite
            | Self::Connect
            | Self::CloudToDeviceSettle
            | Self::CloudToDevicePurge
            | Self::JobRead
            | Self::JobWrite
            | Self::ConfigurationRead
            | Self::ConfigurationWrite
            | Self::Statistics => false,
        }
    }

    /// The code of its refusal when its queue is full. Configurations' is on record from a live hub
    /// (mwalser/terraform-provider-iothub); for the rest the documentation names the plain one.
    pub(super) fn throttled_code(self) -> ErrorCode {
        match self {
            Self::ConfigurationRead | Self::ConfigurationWrite => {
                ErrorCode::ThrottlingBacklogTimeout
            }
            _ => ErrorCode::ThrottlingException,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::Scale;

    #[test]
    fn an_operation_is_in_a_tier_exactly_where_its_row_has_a_rate() {
        // LIM-4
        for operation in Operation::ALL {
            let Some(row) = operation.row() else { continue };
            for tier in Tier::ALL {
                let has_rate = row.rate(Scale::one(tier)).is_some();
                assert_eq!(operation.is_in(tier), has_rate, "{operation:?} {tier}");
            }
        }
        assert!(!Operation::CloudToDevicePurge.is_in(Tier::B1));
        assert!(Operation::Statistics.is_in(Tier::B1));
    }
}
