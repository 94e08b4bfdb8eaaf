//! A slice of the devices, and all that is known of them.

use hub_proto::ids::DeviceId;
use hub_proto::mqtt::packet::{PacketId, QoS};
use hub_proto::time::{Instant, Now};
use hub_proto::topic::Subscription;

use crate::c2d::C2dMessage;
use crate::error::HubError;
use crate::limits::Limits;
use crate::link::{LinkAccepted, LinkClose, LinkId, LinkRefusal, LinkUp};
use crate::method::{CallId, InvokeMethod};
use crate::output::Output;
use crate::query::Query;
use crate::registry::{DeviceIdentity, DeviceSpec, IfMatch};
use crate::twin::{TwinDocument, TwinUpdate, UpdateMode};

/// The state machine. See the crate's documentation for the law of its use.
#[derive(Debug)]
pub struct Shard {
    limits: Limits,
}

/// The registry, twins and messages: commands of the service.
impl Shard {
    /// An empty shard. `limits.devices` is this shard's share.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Registers a device with an empty twin.
    pub fn create_device(&mut self, now: Now, spec: DeviceSpec) -> Result<DeviceIdentity, HubError> {
        todo!("{now:?} {spec:?} {:?}", self.limits)
    }

    /// Replaces an identity. Disabling it closes its link.
    pub fn update_device(
        &mut self,
        now: Now,
        spec: DeviceSpec,
        if_match: &IfMatch,
    ) -> Result<DeviceIdentity, HubError> {
        todo!("{now:?} {spec:?} {if_match:?}")
    }

    /// Removes an identity with twin, queue and link. `IfMatch::Absent` is refused.
    pub fn delete_device(
        &mut self,
        now: Now,
        id: &DeviceId,
        if_match: &IfMatch,
    ) -> Result<(), HubError> {
        todo!("{now:?} {id} {if_match:?}")
    }

    /// An identity as the registry shows it.
    pub fn device(&self, id: &DeviceId) -> Result<DeviceIdentity, HubError> {
        todo!("{id}")
    }

    /// Up to `limit` identities in the order of their ids, after `after`.
    pub fn devices(&self, after: Option<&DeviceId>, limit: usize) -> Vec<DeviceIdentity> {
        todo!("{after:?} {limit}")
    }

    /// How many identities there are.
    pub fn device_count(&self) -> usize {
        todo!()
    }

    /// A twin.
    pub fn twin(&self, id: &DeviceId) -> Result<TwinDocument, HubError> {
        todo!("{id}")
    }

    /// Changes tags and desired properties; notifies the device if it listens.
    pub fn update_twin(
        &mut self,
        now: Now,
        id: &DeviceId,
        update: TwinUpdate,
        mode: UpdateMode,
        if_match: &IfMatch,
    ) -> Result<TwinDocument, HubError> {
        todo!("{now:?} {id} {update:?} {mode:?} {if_match:?}")
    }

    /// Up to `limit` twins that match, in the order of their ids, after `after`.
    pub fn select(
        &self,
        query: &Query,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<(DeviceId, String)>, HubError> {
        todo!("{query:?} {after:?} {limit}")
    }

    /// Calls a direct method. Exactly one [`Output::MethodAnswered`] follows, now or later.
    pub fn invoke_method(&mut self, now: Now, invoke: InvokeMethod) -> Result<CallId, HubError> {
        todo!("{now:?} {invoke:?}")
    }

    /// Queues a message for a device.
    pub fn send_to_device(
        &mut self,
        now: Now,
        id: &DeviceId,
        message: C2dMessage,
    ) -> Result<(), HubError> {
        todo!("{now:?} {id} {message:?}")
    }

    /// Empties a device's queue; says how many messages went.
    pub fn purge_messages(&mut self, now: Now, id: &DeviceId) -> Result<usize, HubError> {
        todo!("{now:?} {id}")
    }
}

/// What connected devices do. An event of a link that is not the device's current one is ignored.
impl Shard {
    /// A device wants in. If it may, an older link of it is closed and stored subscriptions hold.
    pub fn link_up(&mut self, now: Now, link_up: LinkUp<'_>) -> Result<LinkAccepted, LinkRefusal> {
        todo!("{now:?} {link_up:?}")
    }

    /// A link ended. Not due for a link that the shard itself closed.
    pub fn link_down(&mut self, now: Now, id: &DeviceId, link: LinkId, reason: LinkClose) {
        todo!("{now:?} {id} {link:?} {reason:?}")
    }

    /// A device was granted a subscription (the SUBACK goes first).
    pub fn subscribe(
        &mut self,
        now: Now,
        id: &DeviceId,
        link: LinkId,
        granted: &[(Subscription, QoS)],
    ) {
        todo!("{now:?} {id} {link:?} {granted:?}")
    }

    /// A device gave a subscription up.
    pub fn unsubscribe(
        &mut self,
        now: Now,
        id: &DeviceId,
        link: LinkId,
        subscription: &Subscription,
    ) {
        todo!("{now:?} {id} {link:?} {subscription:?}")
    }

    /// A device reads its twin.
    pub fn twin_get(&mut self, now: Now, id: &DeviceId, link: LinkId, rid: &str) {
        todo!("{now:?} {id} {link:?} {rid}")
    }

    /// A device patches its reported properties.
    pub fn patch_reported(
        &mut self,
        now: Now,
        id: &DeviceId,
        link: LinkId,
        patch: ReportedPatch<'_>,
    ) {
        todo!("{now:?} {id} {link:?} {patch:?}")
    }

    /// A device answers a method.
    pub fn method_response(
        &mut self,
        now: Now,
        id: &DeviceId,
        link: LinkId,
        response: MethodResponse<'_>,
    ) {
        todo!("{now:?} {id} {link:?} {response:?}")
    }

    /// A device sends a message. `bag` is the raw property bag. Size is checked here.
    pub fn telemetry(
        &mut self,
        now: Now,
        id: &DeviceId,
        link: LinkId,
        message: Telemetry<'_>,
    ) -> Result<(), HubError> {
        todo!("{now:?} {id} {link:?} {message:?}")
    }

    /// A device acknowledged the delivery of a cloud-to-device message.
    pub fn acknowledge(&mut self, now: Now, id: &DeviceId, link: LinkId, delivery: PacketId) {
        todo!("{now:?} {id} {link:?} {delivery}")
    }
}

/// Time and consequences.
impl Shard {
    /// When [`Shard::handle_deadline`] is due, if at all.
    pub fn poll_deadline(&self) -> Option<Instant> {
        todo!()
    }

    /// Ends what has run out by `now`.
    pub fn handle_deadline(&mut self, now: Now) {
        todo!("{now:?}")
    }

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        todo!()
    }
}

/// A reported patch as it came in.
#[derive(Clone, Copy, Debug)]
pub struct ReportedPatch<'a> {
    /// Without one there is no answer.
    pub rid: Option<&'a str>,
    /// The reported version it is based on, if the device said.
    pub if_version: Option<u64>,
    /// JSON, unchecked.
    pub body: &'a [u8],
}

/// A method answer as it came in.
#[derive(Clone, Copy, Debug)]
pub struct MethodResponse<'a> {
    /// Hex, compared without case.
    pub rid: &'a str,
    /// The status as text.
    pub status: &'a str,
    /// The body.
    pub payload: &'a [u8],
}

/// A message as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Telemetry<'a> {
    /// The raw property bag.
    pub bag: &'a str,
    /// The body.
    pub payload: &'a [u8],
    /// The PUBLISH's retain flag: becomes the property `mqtt-retain`.
    pub retain: bool,
    /// The PUBLISH's dup flag: becomes the property `mqtt-dup`.
    pub dup: bool,
}
