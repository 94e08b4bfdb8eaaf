//! What became of messages to devices. Not built: each operation is refused by name.

use hyper::Method;

use super::operation::Operation;

const GAP: &str = "cloud-to-device feedback";

/// Feedback.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::absent(
        "CloudToDeviceMessages_ReceiveFeedbackNotification",
        Method::GET,
        "messages/serviceBound/feedback",
        GAP,
    ),
    Operation::absent(
        "CloudToDeviceMessages_CompleteFeedbackNotification",
        Method::DELETE,
        "messages/serviceBound/feedback/{lock}",
        GAP,
    ),
    Operation::absent(
        "CloudToDeviceMessages_AbandonFeedbackNotification",
        Method::POST,
        "messages/serviceBound/feedback/{lock}/abandon",
        GAP,
    ),
];
