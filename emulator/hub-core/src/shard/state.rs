//! What a shard holds, and how it is reached: one map access for each call from outside.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::time::{Instant, Now, Timestamp};

use super::configurations::CountsById;
use super::history::History;
use super::indexes::{ChangeNotes, Indexes};
use super::time::{Timer, Timers};
use crate::c2d::ClientQueue;
use crate::configuration::Record;
use crate::error::HubError;
use crate::event::{Event, EventKind};
use crate::feedback::FeedbackRecord;
use crate::limits::Limits;
use crate::link::{Link, LinkId, OnlineLink};
use crate::method::{CallId, OpenCall, Rid};
use crate::output::{Output, ToDevice};
use crate::registry::{DevicePart, Kind, Registered, Stamps, Status};
use crate::twin::shape::Shapes;
use crate::twin::{DocumentIdentity, Twin, TwinDocument};

/// The state machine. See the crate's documentation for the law of its use.
#[derive(Debug)]
pub struct Shard {
    /// A tree, because listings and queries go in the order of ids and start anywhere. First all
    /// devices, then all modules, those of one device together. Its nodes hold ids and pointers only,
    /// so a look-up among the 62,500 devices that a sixteenth of a full hub has touches four or five
    /// small nodes; a hash map would need the order kept beside it.
    pub(super) clients: BTreeMap<ClientIdentity, Box<Client>>,
    /// How many of them are devices.
    pub(super) device_count: usize,
    pub(super) indexes: Indexes,
    pub(super) common: Common,
}

/// Everything known of one client: a device, or a module of one. A module is never without its device
/// in the same shard.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: ClientIdentity,
    pub(super) registered: Registered,
    pub(super) twin: Twin,
    pub(super) link: Link,
    pub(super) connection_state_updated: Timestamp,
    pub(super) last_activity: Timestamp,
    /// Calls without an answer, oldest first; [`Limits::method_calls_open`] at most.
    pub(super) calls: Vec<OpenCall>,
    pub(super) messages: ClientQueue,
    /// The configurations that target the twin, if any did.
    pub(super) configurations: Option<Box<Record>>,
}

/// What the clients of a shard share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) limits: Limits,
    pub(super) timers: Timers,
    pub(super) stamps: Stamps,
    pub(super) configuration_counts: CountsById,
    /// What clients were, if any read lags.
    pub(super) history: Option<Box<History>>,
    /// What indexes must be told.
    pub(super) changes: ChangeNotes,
    /// The keys of all twins, those of equal ones once.
    pub(super) shapes: Shapes,
    outputs: VecDeque<Output>,
    calls: CallNumbers,
    refusals: u64,
}

impl Shard {
    /// An empty shard. `limits.identities` is this shard's share.
    pub fn new(limits: Limits) -> Self {
        let common = Common {
            limits,
            timers: Timers::default(),
            stamps: Stamps::new(),
            configuration_counts: CountsById::default(),
            history: None,
            changes: ChangeNotes::default(),
            shapes: Shapes::default(),
            outputs: VecDeque::new(),
            calls: CallNumbers::default(),
            refusals: 0,
        };
        Self {
            clients: BTreeMap::new(),
            device_count: 0,
            indexes: Indexes::default(),
            common,
        }
    }

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.common.outputs.pop_front();
        if output.is_none() {
            self.settle_indexes_now_and_then();
        }
        output
    }

    pub(super) fn reach(
        &mut self,
        id: &ClientIdentity,
    ) -> Result<(&mut Client, &mut Common), HubError> {
        match self.clients.get_mut(id) {
            Some(client) => {
                self.common.touch(client);
                Ok((client, &mut self.common))
            }
            None => Err(HubError::not_found(id)),
        }
    }

    /// The client, if `link` is its link now.
    pub(super) fn reach_linked(
        &mut self,
        id: &ClientIdentity,
        link: LinkId,
    ) -> Option<(&mut Client, &mut Common)> {
        let client = self.clients.get_mut(id)?;
        let is_current = client.link.online().is_some_and(|online| online.id == link);
        if is_current {
            self.common.touch(client);
        }
        is_current.then_some((&mut **client, &mut self.common))
    }

    /// Puts a client in that is not there.
    pub(super) fn insert(&mut self, client: Box<Client>) {
        if let Some(history) = &mut self.common.history {
            history.touch_absent(&client.id);
        }
        self.clients.insert(client.id.clone(), client);
    }

    /// Takes a client out.
    pub(super) fn take_out(&mut self, id: &ClientIdentity) -> Option<Box<Client>> {
        let client = self.clients.remove(id)?;
        self.common.touch(&client);
        Some(client)
    }

    /// The identity as the shard has it: who keeps it for long shares the text of this one.
    pub fn shared_identity(&self, id: &ClientIdentity) -> Option<ClientIdentity> {
        let (id, _) = self.clients.get_key_value(id)?;
        Some(id.clone())
    }

    pub(super) fn look_up(&self, id: &ClientIdentity) -> Result<&Client, HubError> {
        self.clients
            .get(id)
            .map(|client| &**client)
            .ok_or_else(|| HubError::not_found(id))
    }

    /// Devices in the order of their ids.
    pub(super) fn devices_after(&self, after: Option<&DeviceId>) -> impl Iterator<Item = &Client> {
        let start = after.map(|id| ClientIdentity::Device(id.clone()));
        self.clients_after(start)
            .take_while(|client| client.is_device())
    }

    /// Clients after `start`: devices, then modules.
    pub(super) fn clients_after(
        &self,
        start: Option<ClientIdentity>,
    ) -> impl Iterator<Item = &Client> {
        let start = start.map_or(Bound::Unbounded, Bound::Excluded);
        self.clients
            .range((start, Bound::Unbounded))
            .map(|(_, client)| &**client)
    }

    /// Whether the device of a client may connect. A module obeys its device.
    pub(super) fn is_enabled(&self, id: &ClientIdentity) -> bool {
        self.device_part(id)
            .is_some_and(|part| part.status == Status::Enabled)
    }

    /// What the registry holds of a client's device alone.
    fn device_part(&self, id: &ClientIdentity) -> Option<&DevicePart> {
        let device = match id {
            ClientIdentity::Device(_) => self.clients.get(id)?,
            ClientIdentity::Module(module) => {
                let device = module.device().clone();
                self.clients.get(&ClientIdentity::Device(device))?
            }
        };
        device.own_part()
    }

    /// The identity as twin documents and queries show it.
    pub(super) fn document_identity<'a>(&'a self, client: &'a Client) -> DocumentIdentity<'a> {
        let Some(part) = client.own_part().or_else(|| self.device_part(&client.id)) else {
            unreachable!("a module goes with its device");
        };
        let mut identity = client.document_identity(part);
        (identity.connected, _) = self.shown_connection(client);
        identity
    }

    pub(super) fn document(&self, client: &Client) -> TwinDocument {
        client.twin.document(&self.document_identity(client))
    }
}

impl Client {
    pub(super) fn new(id: ClientIdentity, registered: Registered, at: Timestamp) -> Self {
        Self {
            id,
            registered,
            twin: Twin::new(at),
            link: Link::Offline { session: None },
            connection_state_updated: Timestamp::NEVER,
            last_activity: Timestamp::NEVER,
            calls: Vec::new(),
            messages: ClientQueue::default(),
            configurations: None,
        }
    }

    /// What the registry holds of the client if it is a device itself.
    pub(super) fn own_part(&self) -> Option<&DevicePart> {
        match &self.registered.kind {
            Kind::Device(part) => Some(part),
            Kind::Module { .. } => None,
        }
    }

    /// The identity as twin documents and queries show it; `part` is of the client's device.
    pub(super) fn document_identity<'a>(&'a self, part: &'a DevicePart) -> DocumentIdentity<'a> {
        DocumentIdentity {
            connected: self.link.online().is_some(),
            last_activity: self.last_activity,
            c2d_messages: self.messages.len(),
            configurations: self.configurations.as_deref(),
            ..part.document_identity(&self.id, &self.registered)
        }
    }

    pub(super) fn is_device(&self) -> bool {
        matches!(self.id, ClientIdentity::Device(_))
    }

    pub(super) fn online_mut(&mut self) -> Option<&mut OnlineLink> {
        match &mut self.link {
            Link::Online(online) => Some(online),
            Link::Offline { .. } => None,
        }
    }
}

impl Common {
    /// Has a client remembered as it is before it changes, if any read lags.
    pub(super) fn touch(&mut self, client: &Client) {
        if let Some(history) = &mut self.history {
            history.touch(client);
        }
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn send(&mut self, link: LinkId, message: ToDevice) {
        self.output(Output::ToLink { link, message });
    }

    pub(super) fn feedback(&mut self, record: FeedbackRecord) {
        self.outputs.push_back(Output::Feedback(record));
    }

    pub(super) fn event(&mut self, now: Now, client: &ClientIdentity, kind: EventKind) {
        self.changes.note(client, &kind);
        self.output(Output::Event(Event {
            at: now.wall,
            client: client.clone(),
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
