//! What an operation is for the throttles, how many of it a request is, and what its answer costs.
//!
//! One table for all resources, since the rows of [`hub_core::throttle`] are the hub's and not a
//! resource's; a test holds it complete. Who waits, and why, is decided elsewhere.

use hub_core::throttle::{METHOD_BLOCK_BYTES, Operation, blocks};
use serde_json::value::RawValue;

use super::error::Refusal;
use super::json::JsonObject;
use super::operation;
use super::reply::Reply;
use crate::hub::{Admitted, HubHandle};

/// How one operation of the endpoint is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charge {
    /// One of it a request, and nothing for the answer.
    Once(Operation),
    /// One of it a request, and its answer is messages of the day.
    WithAnswer(Operation),
    /// As many as the array of the body has items.
    EachItem(Operation),
    /// As many as the payload of the method has blocks.
    MethodBlocks,
    /// As many as the body, which is the payload, has blocks.
    BodyBlocks,
    /// Counted nowhere.
    Free,
}

/// Waits until the request may go; refuses what the tier lacks and what is too much.
pub(super) async fn admit(
    hub: &HubHandle,
    operation: &operation::Operation,
    body: &[u8],
) -> Result<Admitted, Refusal> {
    if !hub.admission().is_on() {
        return Ok(Admitted::default());
    }
    let (operation, count) = match charge(operation.name) {
        Some(Charge::Once(operation) | Charge::WithAnswer(operation)) => (operation, 1),
        Some(Charge::EachItem(operation)) => (operation, items(body)),
        Some(Charge::MethodBlocks) => (Operation::DirectMethod, method_blocks(body)),
        Some(Charge::BodyBlocks) => (
            Operation::DirectMethod,
            blocks(body.len(), METHOD_BLOCK_BYTES),
        ),
        Some(Charge::Free) | None => return Ok(Admitted::default()),
    };
    Ok(hub.admit(operation, count).await?)
}

/// Charges the day's account for an answer.
pub(super) fn spend(hub: &HubHandle, operation: &operation::Operation, reply: &Reply) {
    if hub.admission().is_on()
        && reply.status().is_success()
        && matches!(charge(operation.name), Some(Charge::WithAnswer(_)))
    {
        hub.spend(reply.body().len());
    }
}

/// By name, which is unique and stable; `None`: not in the table, which a test rules out.
fn charge(name: &str) -> Option<Charge> {
    Some(match name {
        "Devices_GetDevices"
        | "Devices_GetIdentity"
        | "Modules_GetIdentity"
        | "Modules_GetModulesOnDevice" => Charge::Once(Operation::IdentityRead),
        "Devices_CreateOrUpdateIdentity"
        | "Devices_DeleteIdentity"
        | "Modules_CreateOrUpdateIdentity"
        | "Modules_DeleteIdentity" => Charge::Once(Operation::IdentityWrite),
        "BulkRegistry_UpdateRegistry" | "BulkRegistry_RegenerateDeviceKey" => {
            Charge::EachItem(Operation::IdentityWrite)
        }
        "Devices_GetTwin" | "Modules_GetTwin" | "DigitalTwin_GetDigitalTwin" => {
            Charge::WithAnswer(Operation::TwinRead)
        }
        "Devices_UpdateTwin"
        | "Devices_ReplaceTwin"
        | "Modules_UpdateTwin"
        | "Modules_ReplaceTwin"
        | "DigitalTwin_UpdateDigitalTwin" => Charge::Once(Operation::TwinUpdate),
        "Devices_InvokeMethod" | "Modules_InvokeMethod" => Charge::MethodBlocks,
        "DigitalTwin_InvokeRootLevelCommand" | "DigitalTwin_InvokeComponentCommand" => {
            Charge::BodyBlocks
        }
        "Query_GetTwins" => Charge::WithAnswer(Operation::Query),
        "CloudToDeviceMessages_Send" => Charge::Once(Operation::CloudToDeviceSend),
        "CloudToDeviceMessages_PurgeCloudToDeviceMessageQueue" => {
            Charge::Once(Operation::CloudToDevicePurge)
        }
        "Device_SendDeviceEvent" => Charge::Once(Operation::DeviceToCloudSend),
        "Device_ReceiveDeviceBoundNotification" => Charge::Once(Operation::CloudToDeviceReceive),
        "Device_AbandonDeviceBoundNotification" | "Device_CompleteDeviceBoundNotification" => {
            Charge::Once(Operation::CloudToDeviceSettle)
        }
        "Device_CreateFileUploadSasUri" => Charge::WithAnswer(Operation::FileUploadStart),
        "Jobs_GetScheduledJob" | "Jobs_QueryScheduledJobs" => Charge::Once(Operation::JobRead),
        "Jobs_CreateScheduledJob" | "Jobs_CancelScheduledJob" => Charge::Once(Operation::JobWrite),
        "Configuration_Get" | "Configuration_GetConfigurations" | "Configuration_TestQueries" => {
            Charge::Once(Operation::ConfigurationRead)
        }
        "Configuration_CreateOrUpdate"
        | "Configuration_Delete"
        | "Configuration_ApplyOnEdgeDevice" => Charge::Once(Operation::ConfigurationWrite),
        "Statistics_GetDeviceStatistics" | "Statistics_GetServiceStatistics" => {
            Charge::Once(Operation::Statistics)
        }
        // The page's table has no row for these, or what happens behind them is counted elsewhere.
        "CloudToDeviceMessages_AbandonFeedbackNotification"
        | "CloudToDeviceMessages_CompleteFeedbackNotification"
        | "CloudToDeviceMessages_ReceiveFeedbackNotification"
        | "FileNotifications_Abandon"
        | "FileNotifications_Complete"
        | "FileNotifications_Receive"
        | "Device_OpenWebSocket"
        | "Device_UpdateFileUploadStatus"
        | "Device_UpdateFileUploadStatusByCorrelationId"
        | "Devices_CreateStream"
        | "Modules_CreateStream"
        | "Jobs_CancelImportExportJob"
        | "Jobs_CreateImportExportJob"
        | "Jobs_GetImportExportJob"
        | "Jobs_GetImportExportJobs" => Charge::Free,
        _ => return None,
    })
}

/// What is no array is refused by its handler, and counts as one until then.
fn items(body: &[u8]) -> u64 {
    serde_json::from_slice::<Vec<&RawValue>>(body).map_or(1, |items| items.len().max(1) as u64)
}

fn method_blocks(body: &[u8]) -> u64 {
    let body = JsonObject::parse(body).ok();
    let payload = body.and_then(|body| body.get("payload"));
    blocks(payload.map_or(0, str::len), METHOD_BLOCK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::route::operations;

    #[test]
    fn every_operation_of_the_endpoint_is_in_the_table() {
        for operation in operations() {
            assert!(charge(operation.name).is_some(), "{}", operation.name);
        }
    }

    #[test]
    fn a_method_counts_by_its_payload_and_a_bulk_by_its_items() {
        // LIM-2
        let method = |bytes: usize| {
            let payload = "x".repeat(bytes);
            method_blocks(format!(r#"{{"methodName":"m","payload":"{payload}"}}"#).as_bytes())
        };
        // With its quotes.
        assert_eq!(
            [method(0), method(4094), method(4095), method(163_838)],
            [1, 1, 2, 40]
        );
        assert_eq!(method_blocks(br#"{"methodName":"m"}"#), 1);
        assert_eq!(items(br#"[{"id":"a"},{"id":"b"}]"#), 2);
        assert_eq!([items(b"[]"), items(b"{}"), items(b"[")], [1, 1, 1]);
    }
}
