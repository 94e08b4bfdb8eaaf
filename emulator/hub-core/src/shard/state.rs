//! What a shard holds, and how it is reached: one map access for each call from outside.

use std::collections::{BTreeMap, VecDeque};

use hub_proto::ids::DeviceId;
use hub_proto::time::{Instant, Now, Timestamp};

use super::configurations::CountsById;
use super::time::{Timer, Timers};
use crate::c2d::C2dQueue;
use crate::configuration::Record;
use crate::error::HubError;
use crate::event::{Event, EventKind};
use crate::limits::Limits;
use crate::link::{Link, LinkId, OnlineLink};
use crate::method::{CallId, OpenCall, Rid};
use crate::output::{Output, ToDevice};
use crate::registry::{DeviceIdentity, Registered, Stamps, Status};
use crate::twin::{DocumentIdentity, Twin, TwinDocument};

/// The state machine. See the crate's documentation for the law of its use.
#[derive(Debug)]
pub struct Shard {
    /// A tree, because listings and queries go in the order of ids and start anywhere. Its nodes hold
    /// ids and pointers only, so a look-up among the 62,500 devices that a sixteenth of a full hub has
    /// touches four or five small nodes; a hash map would need the order kept beside it.
    pub(super) devices: BTreeMap<DeviceId, Box<Device>>,
    pub(super) common: Common,
}

/// Everything known of one device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) id: DeviceId,
    pub(super) registered: Registered,
    pub(super) twin: Twin,
    pub(super) link: Link,
    pub(super) connection_state_updated: Timestamp,
    pub(super) last_activity: Timestamp,
    /// Calls without an answer, oldest first; [`Limits::method_calls_open`] at most.
    pub(super) calls: Vec<OpenCall>,
    pub(super) messages: C2dQueue,
    /// The configurations that target the twin, if any did.
    pub(super) configurations: Option<Box<Record>>,
    /// When [`Timer::Messages`] of this device is set, if it is.
    pub(super) messages_timer: Option<Instant>,
}

/// What the devices of a shard share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) limits: Limits,
    pub(super) timers: Timers,
    pub(super) stamps: Stamps,
    pub(super) configuration_counts: CountsById,
    outputs: VecDeque<Output>,
    calls: CallNumbers,
    refusals: u64,
}

impl Shard {
    /// An empty shard. `limits.devices` is this shard's share.
    pub fn new(limits: Limits) -> Self {
        let common = Common {
            limits,
            timers: Timers::default(),
            stamps: Stamps::new(),
            configuration_counts: CountsById::default(),
            outputs: VecDeque::new(),
            calls: CallNumbers::default(),
            refusals: 0,
        };
        Self {
            devices: BTreeMap::new(),
            common,
        }
    }

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.common.outputs.pop_front()
    }

    pub(super) fn reach(&mut self, id: &DeviceId) -> Result<(&mut Device, &mut Common), HubError> {
        match self.devices.get_mut(id) {
            Some(device) => Ok((device, &mut self.common)),
            None => Err(HubError::DeviceNotFound(id.clone())),
        }
    }

    /// The device, if `link` is its link now.
    pub(super) fn reach_linked(
        &mut self,
        id: &DeviceId,
        link: LinkId,
    ) -> Option<(&mut Device, &mut Common)> {
        let device = self.devices.get_mut(id)?;
        let is_current = device.link.online().is_some_and(|online| online.id == link);
        is_current.then_some((&mut **device, &mut self.common))
    }
}

impl Device {
    pub(super) fn new(id: DeviceId, registered: Registered, at: Timestamp) -> Self {
        Self {
            id,
            registered,
            twin: Twin::new(at),
            link: Link::Offline { session: None },
            connection_state_updated: Timestamp::NEVER,
            last_activity: Timestamp::NEVER,
            calls: Vec::new(),
            messages: C2dQueue::default(),
            configurations: None,
            messages_timer: None,
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.registered.status == Status::Enabled
    }

    pub(super) fn online_mut(&mut self) -> Option<&mut OnlineLink> {
        match &mut self.link {
            Link::Online(online) => Some(online),
            Link::Offline { .. } => None,
        }
    }

    pub(super) fn identity(&self) -> DeviceIdentity {
        DeviceIdentity {
            id: self.id.clone(),
            generation_id: self.registered.generation.generation_id(),
            etag: self.registered.etag.to_string(),
            connected: self.link.online().is_some(),
            status: self.registered.status,
            status_reason: self.registered.status_reason.as_deref().map(str::to_owned),
            connection_state_updated: self.connection_state_updated,
            status_updated: self.registered.status_updated,
            last_activity: self.last_activity,
            c2d_messages: self.messages.len(),
            keys: self.registered.keys.clone(),
        }
    }

    /// The identity as twin documents and queries show it.
    pub(super) fn document_identity(&self) -> DocumentIdentity<'_> {
        DocumentIdentity {
            device_id: &self.id,
            device_etag: &self.registered.etag,
            status: self.registered.status,
            status_reason: self.registered.status_reason.as_deref(),
            status_updated: self.registered.status_updated,
            connected: self.link.online().is_some(),
            last_activity: self.last_activity,
            c2d_messages: self.messages.len(),
            configurations: self.configurations.as_deref(),
        }
    }

    pub(super) fn document(&self) -> TwinDocument {
        self.twin.document(&self.document_identity())
    }
}

impl Common {
    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn send(&mut self, link: LinkId, message: ToDevice) {
        self.output(Output::ToLink { link, message });
    }

    pub(super) fn event(&mut self, now: Now, device: &DeviceId, kind: EventKind) {
        self.output(Output::Event(Event {
            at: now.wall,
            device: device.clone(),
            kind,
        }));
    }

    pub(super) fn set_timer(&mut self, at: Instant, timer: Timer) {
        self.timers.set(at, timer);
    }

    pub(super) fn next_call(&mut self, now: Now) -> CallId {
        self.calls.next(now)
    }

    pub(super) fn rid(&self, call: CallId) -> Rid {
        self.calls.rid(call)
    }

    pub(super) fn call_of(&self, rid: Rid) -> Option<CallId> {
        self.calls.call_of(rid)
    }

    /// Numbers the refusals that a device is told of, for their tracking ids.
    pub(super) fn next_refusal(&mut self) -> u64 {
        self.refusals += 1;
        self.refusals
    }
}

/// Numbers calls from 1, and their request ids from a number that grows with the time of the first
/// call: a device that repeats an answer to a hub that is gone cannot answer a call of the next hub.
#[derive(Debug, Default)]
struct CallNumbers {
    last: u64,
    rid_base: u64,
}

impl CallNumbers {
    fn next(&mut self, now: Now) -> CallId {
        if self.last == 0 {
            // A million calls a second would have to be made for the ranges of two hubs to meet.
            self.rid_base = u64::try_from(now.wall.unix_seconds()).unwrap_or(0) << 20;
        }
        self.last += 1;
        CallId(self.last)
    }

    fn rid(&self, call: CallId) -> Rid {
        Rid(self.rid_base + call.0)
    }

    fn call_of(&self, rid: Rid) -> Option<CallId> {
        rid.0.checked_sub(self.rid_base).map(CallId)
    }
}
