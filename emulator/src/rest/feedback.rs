//! What became of messages to devices, for the services that sent them.

use hub_core::feedback::FeedbackBatch;
use hub_proto::error_code::ErrorCode;
use hyper::Method;

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::{Refusal, Shape};
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, json, no_content, set_etag};

/// Feedback.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CloudToDeviceMessages_ReceiveFeedbackNotification",
        verb: Method::GET,
        path: "messages/serviceBound/feedback",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(receive),
        document: Document {
            summary: "Locks the oldest feedback for its reader; 204 if there is none.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "Feedback"), (204, "")],
            errors: &[],
        },
    },
    Operation {
        name: "CloudToDeviceMessages_CompleteFeedbackNotification",
        verb: Method::DELETE,
        path: "messages/serviceBound/feedback/{lock}",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(complete),
        document: Document {
            summary: "Removes feedback that was read.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(204, "")],
            errors: &[ErrorCode::DeviceMessageLockLost],
        },
    },
    Operation {
        name: "CloudToDeviceMessages_AbandonFeedbackNotification",
        verb: Method::POST,
        path: "messages/serviceBound/feedback/{lock}/abandon",
        need: Need::ServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(abandon),
        document: Document {
            summary: "Gives feedback back, for another reader.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(204, "")],
            errors: &[ErrorCode::DeviceMessageLockLost],
        },
    },
];

/// `GET /messages/serviceBound/feedback`.
#[expect(clippy::unnecessary_wraps, reason = "the form of every handler")]
fn receive(call: &Call) -> Result<Reply, Refusal> {
    let Some((token, batch)) = call.hub.receive_feedback() else {
        return Ok(no_content());
    };
    let body = serde_json::to_string(&batch).expect("texts are always JSON");
    let mut reply = json(body);
    reply.set("content-type", FeedbackBatch::CONTENT_TYPE);
    set_etag(&mut reply, &token);
    Ok(reply)
}

/// `DELETE /messages/serviceBound/feedback/{lock}`.
fn complete(call: &Call) -> Result<Reply, Refusal> {
    call.hub.complete_feedback(lock(call))?;
    Ok(no_content())
}

/// `POST /messages/serviceBound/feedback/{lock}/abandon`.
fn abandon(call: &Call) -> Result<Reply, Refusal> {
    call.hub.abandon_feedback(lock(call))?;
    Ok(no_content())
}

/// The token of the path, which some clients leave in its quotes.
fn lock<'a>(call: &'a Call<'_>) -> &'a str {
    call.id("lock").trim_matches('"')
}
