//! What a shard asks the outside to do.

use hub_proto::ids::MethodName;
use hub_proto::mqtt::packet::{PacketId, QoS};

use crate::error::HubError;
use crate::event::Event;
use crate::feedback::FeedbackRecord;
use crate::link::{LinkClose, LinkId};
use crate::method::{CallId, MethodResult, Rid};

/// One thing to do. Outputs are carried out in the order they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a message to a connected device.
    ToLink {
        /// Where to.
        link: LinkId,
        /// What.
        message: ToDevice,
    },
    /// Close a connection. The shard has forgotten the link already; no `link_down` is due for it.
    CloseLink {
        /// Which.
        link: LinkId,
        /// Why.
        reason: LinkClose,
    },
    /// Answer the caller of a direct method. Comes exactly once for each call.
    MethodAnswered {
        /// The call that `invoke_method` returned.
        call: CallId,
        /// The device's answer, or why there is none.
        result: Result<MethodResult, HubError>,
    },
    /// Tell the senders of messages what became of one.
    Feedback(FeedbackRecord),
    /// Append a fact to the event log.
    Event(Event),
}

/// A message for a device. All but cloud-to-device go at QoS 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToDevice {
    /// The answer to a twin GET or a reported patch.
    TwinResponse {
        /// Three digits.
        status: u16,
        /// As the device sent it.
        rid: Box<str>,
        /// The new reported version, on 204.
        version: Option<u64>,
        /// JSON, or empty.
        body: Vec<u8>,
    },
    /// The service changed desired properties.
    DesiredChange {
        /// The new desired version.
        version: u64,
        /// The patch with `$version`, as JSON.
        body: Vec<u8>,
    },
    /// A direct method.
    MethodRequest {
        /// Which.
        name: MethodName,
        /// To be echoed by the answer.
        rid: Rid,
        /// JSON, byte for byte as the service sent it.
        payload: Vec<u8>,
    },
    /// A cloud-to-device message.
    CloudToDevice {
        /// Names the delivery on this link; serves as the packet id of a QoS 1 PUBLISH.
        delivery: PacketId,
        /// As the subscription was granted.
        qos: QoS,
        /// Whether the message was delivered before.
        dup: bool,
        /// The encoded property bag.
        bag: String,
        /// The body.
        payload: Vec<u8>,
    },
}
