//! File upload: what devices ask for and tell, and what the service is notified of. Not built: each
//! operation is refused by name.

use hyper::Method;

use super::operation::Operation;

const UPLOAD: &str = "file upload";
const NOTIFICATIONS: &str = "file-upload notifications";

/// File upload.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::absent(
        "Device_CreateFileUploadSasUri",
        Method::POST,
        "devices/{id}/files",
        UPLOAD,
    ),
    Operation::absent(
        "Device_UpdateFileUploadStatus",
        Method::POST,
        "devices/{id}/files/notifications",
        UPLOAD,
    ),
    // Node and old C# name the upload in the path.
    Operation::absent(
        "Device_UpdateFileUploadStatusByCorrelationId",
        Method::POST,
        "devices/{id}/files/notifications/{correlationId}",
        UPLOAD,
    ),
    // AMQP in every SDK; the paths are those of the feedback's sibling.
    Operation::absent(
        "FileNotifications_Receive",
        Method::GET,
        "messages/serviceBound/filenotifications",
        NOTIFICATIONS,
    ),
    Operation::absent(
        "FileNotifications_Complete",
        Method::DELETE,
        "messages/serviceBound/filenotifications/{lock}",
        NOTIFICATIONS,
    ),
    Operation::absent(
        "FileNotifications_Abandon",
        Method::POST,
        "messages/serviceBound/filenotifications/{lock}/abandon",
        NOTIFICATIONS,
    ),
];
