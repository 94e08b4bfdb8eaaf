//! What devices do over MQTT, as the ledger has it.

use std::sync::LazyLock;

use hub_proto::ids::ClientIdentity;
use hub_proto::topic::{PublishTopic, Subscription};

use crate::ledger::{Fidelity, Key, Row, key};

/// An operation of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Connect,
    ConnectWithCertificate,
    ConnectModule,
    SendTelemetry,
    LeaveWill,
    ReceiveMessages,
    GetTwin,
    UpdateReported,
    ReceiveDesired,
    AnswerMethod,
}

impl Operation {
    const ALL: [Self; 10] = [
        Self::Connect,
        Self::ConnectWithCertificate,
        Self::ConnectModule,
        Self::SendTelemetry,
        Self::LeaveWill,
        Self::ReceiveMessages,
        Self::GetTwin,
        Self::UpdateReported,
        Self::ReceiveDesired,
        Self::AnswerMethod,
    ];

    /// The operation that a CONNECT with a token is.
    pub(super) fn of_connect(client: &ClientIdentity) -> Self {
        match client {
            ClientIdentity::Device(_) => Self::Connect,
            ClientIdentity::Module(..) => Self::ConnectModule,
        }
    }

    /// The operation that a publish of a device is.
    pub(super) fn of_publish(topic: &PublishTopic<'_>) -> Self {
        match topic {
            PublishTopic::Telemetry { .. } => Self::SendTelemetry,
            PublishTopic::TwinGet { .. } => Self::GetTwin,
            PublishTopic::TwinPatchReported { .. } => Self::UpdateReported,
            PublishTopic::MethodResponse { .. } => Self::AnswerMethod,
        }
    }

    /// The operation that a subscription is, where it is one by itself.
    pub(super) fn of_subscription(subscription: &Subscription) -> Option<Self> {
        match subscription {
            Subscription::CloudToDevice => Some(Self::ReceiveMessages),
            Subscription::DesiredChanges => Some(Self::ReceiveDesired),
            Subscription::TwinResponses
            | Subscription::Methods
            | Subscription::Method(_)
            | Subscription::ModuleInputs => None,
        }
    }

    /// Where its uses are counted.
    pub(super) fn key(self) -> Key {
        static KEYS: LazyLock<[Key; Operation::ALL.len()]> =
            LazyLock::new(|| Operation::ALL.map(|operation| key(operation.row().id)));
        KEYS[self as usize]
    }

    fn row(self) -> Row {
        let (id, feature, what, fidelity) = match self {
            Self::Connect => (
                "Mqtt_Connect",
                "Connections",
                "CONNECT with a SAS token",
                Fidelity::Exact,
            ),
            Self::ConnectWithCertificate => (
                "Mqtt_ConnectWithCertificate",
                "Connections",
                "CONNECT with an X.509 certificate",
                Fidelity::Absent("X.509"),
            ),
            Self::ConnectModule => (
                "Mqtt_ConnectModule",
                "Modules",
                "CONNECT of a module with a SAS token",
                Fidelity::Exact,
            ),
            Self::SendTelemetry => (
                "Mqtt_SendTelemetry",
                "Telemetry",
                "PUBLISH devices/{id}/messages/events/",
                Fidelity::Exact,
            ),
            Self::LeaveWill => (
                "Mqtt_LeaveWill",
                "Telemetry",
                "CONNECT with a will",
                Fidelity::Exact,
            ),
            Self::ReceiveMessages => (
                "Mqtt_ReceiveMessages",
                "Cloud-to-device messages",
                "SUBSCRIBE devices/{id}/messages/devicebound/#",
                Fidelity::Exact,
            ),
            Self::GetTwin => (
                "Mqtt_GetTwin",
                "Twins",
                "PUBLISH $iothub/twin/GET/",
                Fidelity::Exact,
            ),
            Self::UpdateReported => (
                "Mqtt_UpdateReportedProperties",
                "Twins",
                "PUBLISH $iothub/twin/PATCH/properties/reported/",
                Fidelity::Exact,
            ),
            Self::ReceiveDesired => (
                "Mqtt_ReceiveDesiredProperties",
                "Twins",
                "SUBSCRIBE $iothub/twin/PATCH/properties/desired/#",
                Fidelity::Exact,
            ),
            Self::AnswerMethod => (
                "Mqtt_AnswerMethod",
                "Direct methods",
                "PUBLISH $iothub/methods/res/{status}/",
                Fidelity::Exact,
            ),
        };
        Row {
            id,
            feature,
            what: what.to_owned(),
            fidelity,
        }
    }
}

/// What devices can do, for the ledger.
pub(crate) fn ledger_rows() -> impl Iterator<Item = Row> {
    Operation::ALL.into_iter().map(Operation::row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_own_place_in_the_ledger() {
        for (index, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation as usize, index);
            let entry = &crate::ledger::entries()
                .iter()
                .find(|entry| entry.id == operation.row().id);
            assert!(entry.is_some(), "{operation:?}");
        }
    }
}
