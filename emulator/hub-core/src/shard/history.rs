//! What clients were: states that a change superseded, kept as long as a read that lags may ask for them.
//!
//! Reads lag by standing at an earlier instant than the present one, their position. What a client was
//! there is the oldest state that ended behind it, and if there is none, what the client is now. A state
//! holds of a client only what the change that ended it took away; the rest is in the states that
//! followed. Knows neither who reads nor what a query is.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use hub_proto::ids::ClientIdentity;
use hub_proto::time::{Instant, Timestamp};

use super::lag::Lags;
use super::state::Client;
use crate::configuration::Record;
use crate::registry::{Registered, Stamp};
use crate::twin::Twin;

/// The superseded states of a shard's clients.
#[derive(Debug)]
pub(super) struct History {
    pub(super) lags: Lags,
    /// Where reads stand that lag.
    pub(super) positions: Positions,
    /// No read stands before these: where they stood when the lags were set, or what was given up.
    query_floor: Moment,
    connection_floor: Moment,
    /// How often the lags were set.
    turn: u32,
    /// Oldest first, by client.
    clients: BTreeMap<ClientIdentity, VecDeque<Past>>,
    /// One entry for each state, oldest first: when it ended, and whose it was.
    order: VecDeque<(Moment, ClientIdentity)>,
    /// How many at the front of `order` hold nothing but the connection any more.
    stripped: usize,
    bytes: usize,
    /// Clients in the hands of the present command, as they were before it.
    touched: BTreeMap<ClientIdentity, Option<Was>>,
    /// Whether a state was given up before its time since the lags were set.
    pub(super) is_cut_short: bool,
}

/// Where reads stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions {
    /// Queries.
    pub(super) query: Moment,
    /// The connection state that identities and twins show.
    pub(super) connection: Moment,
    /// The connection state that queries show: what a twin showed at the position of queries.
    pub(super) query_connection: Moment,
}

/// An instant, or a part of it: what happens after the lags were set is later than what happened before,
/// though a virtual clock stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    at: Instant,
    turn: u32,
}

/// A state that ended.
#[derive(Debug)]
struct Past {
    until: Moment,
    /// `None`: the client was not there.
    was: Option<Was>,
}

/// What is kept of a client. A part that is `None` is as in the state that followed, which is there.
#[derive(Debug)]
struct Was {
    generation: Stamp,
    connected: bool,
    connection_state_updated: Timestamp,
    last_activity: Timestamp,
    c2d_messages: usize,
    twin: Option<Box<Twin>>,
    registered: Option<Box<Registered>>,
    configurations: Option<Targeting>,
}

/// The configurations that target a twin, if any did.
type Targeting = Option<Box<Record>>;

/// What a client was at a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) twin: &'a Twin,
    pub(super) registered: &'a Registered,
    pub(super) configurations: Option<&'a Record>,
    pub(super) last_activity: Timestamp,
    pub(super) c2d_messages: usize,
}

impl History {
    pub(super) fn new(lags: Lags, now: Instant) -> Self {
        let floor = Moment { at: now, turn: 0 };
        Self {
            lags,
            positions: Positions {
                query: floor,
                connection: floor,
                query_connection: floor,
            },
            query_floor: floor,
            connection_floor: floor,
            turn: 1,
            clients: BTreeMap::new(),
            order: VecDeque::new(),
            stripped: 0,
            bytes: 0,
            touched: BTreeMap::new(),
            is_cut_short: false,
        }
    }

    /// Reads lag by so much from here on. No position goes back: what lags more than before stands
    /// until its lag has caught up with it.
    pub(super) fn set_lags(&mut self, lags: Lags, now: Instant) {
        self.move_to(now);
        let turn = self.turn;
        let no_later = |moment: Moment| Moment {
            turn: moment.turn.min(turn),
            ..moment
        };
        self.query_floor = no_later(self.positions.query);
        self.connection_floor = no_later(self.positions.connection);
        self.turn = turn.saturating_add(1);
        self.lags = lags;
        self.is_cut_short = false;
        self.move_to(now);
    }

    /// Remembers a client before a command changes it.
    pub(super) fn touch(&mut self, client: &Client) {
        if !self.touched.contains_key(&client.id) {
            let was = Was::of(client, self.keeps_documents());
            self.touched.insert(client.id.clone(), Some(was));
        }
    }

    /// The same before a command makes the client.
    pub(super) fn touch_absent(&mut self, id: &ClientIdentity) {
        if !self.touched.contains_key(id) {
            self.touched.insert(id.clone(), None);
        }
    }

    fn keeps_documents(&self) -> bool {
        !self.lags.query.is_zero()
    }

    /// Keeps what the command that is over took away.
    pub(super) fn note_changes(
        &mut self,
        now: Instant,
        live: &BTreeMap<ClientIdentity, Box<Client>>,
    ) {
        let now = Moment {
            at: now,
            turn: self.turn,
        };
        for (id, was) in std::mem::take(&mut self.touched) {
            match (was, live.get(&id)) {
                (None, Some(_)) if self.keeps_documents() => self.push(now, id, None),
                (None, None | Some(_)) => {}
                (Some(was), None) => self.push(now, id, Some(was)),
                (Some(was), Some(client)) => {
                    if let Some(was) = was.less(client, self.keeps_documents()) {
                        self.push(now, id, Some(was));
                    }
                }
            }
        }
    }

    fn push(&mut self, until: Moment, id: ClientIdentity, was: Option<Was>) {
        let states = self.clients.entry(id.clone()).or_default();
        match states.back_mut() {
            // Of what followed at one and the same instant only the last was there for any time.
            Some(last) if last.until == until => {
                self.bytes -= last.bytes();
                last.complete(was);
                self.bytes += last.bytes();
            }
            _ => {
                let past = Past { until, was };
                self.bytes += past.bytes();
                states.push_back(past);
                self.order.push_back((until, id));
            }
        }
    }

    /// Has reads stand where they are due now, and forgets what is behind all of them.
    pub(super) fn move_to(&mut self, now: Instant) {
        // With all that happened at that instant; before the start nothing did.
        let back = |from: Instant, by: Duration, floor: Moment| {
            let at = from.since_start().checked_sub(by);
            at.map_or(floor, |at| Moment {
                at: Instant::from_start(at),
                turn: u32::MAX,
            })
            .max(floor)
        };
        let query = back(now, self.lags.query, self.query_floor);
        let connection_of = |at| back(at, self.lags.connection_state, self.connection_floor);
        self.positions = Positions {
            query,
            connection: connection_of(now),
            query_connection: connection_of(query.at).min(query),
        };
        while self
            .order
            .front()
            .is_some_and(|(until, _)| *until <= self.positions.query_connection)
        {
            self.forget_oldest();
        }
        while let Some((until, id)) = self.order.get(self.stripped) {
            if *until > query {
                break;
            }
            let past = self.clients.get_mut(id).and_then(|states| {
                let place = states.partition_point(|past| past.until < *until);
                states.get_mut(place)
            });
            if let Some(past) = past {
                self.bytes -= past.bytes();
                past.strip();
                self.bytes += past.bytes();
            }
            self.stripped += 1;
        }
    }

    /// Gives up the oldest states until no more than `bytes_max` are held, roughly: reads lag less
    /// from then on.
    pub(super) fn keep_within(&mut self, bytes_max: usize, now: Instant) {
        while self.bytes > bytes_max
            && let Some(until) = self.forget_oldest()
        {
            self.query_floor = self.query_floor.max(until);
            self.connection_floor = self.connection_floor.max(until);
            self.is_cut_short = true;
            self.move_to(now);
        }
    }

    fn forget_oldest(&mut self) -> Option<Moment> {
        let (until, id) = self.order.pop_front()?;
        self.stripped = self.stripped.saturating_sub(1);
        if let Some(states) = self.clients.get_mut(&id) {
            if let Some(past) = states.pop_front() {
                self.bytes -= past.bytes();
            }
            if states.is_empty() {
                self.clients.remove(&id);
            }
        }
        Some(until)
    }

    /// Clients that have a past, behind `start` and in their order.
    pub(super) fn ids(
        &self,
        start: Bound<ClientIdentity>,
    ) -> impl Iterator<Item = &ClientIdentity> {
        self.clients
            .range((start, Bound::Unbounded))
            .map(|(id, _)| id)
    }

    /// How many states are kept, and how many bytes they have, roughly.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.order.len(), self.bytes)
    }

    /// What a client was at the position of queries; `live` is what it is now. `None`: not there.
    pub(super) fn seen<'a>(
        &'a self,
        id: &ClientIdentity,
        live: Option<&'a Client>,
    ) -> Option<Seen<'a>> {
        let states = self.clients.get(id);
        let place = states.map(|states| place_at(states, self.positions.query));
        let followed = || {
            let states = states.into_iter().flatten().skip(place.unwrap_or(0));
            states.filter_map(|past| past.was.as_ref())
        };
        let Some(past) = states
            .zip(place)
            .and_then(|(states, place)| states.get(place))
        else {
            return live.map(Client::seen);
        };
        let was = past.was.as_ref()?;
        let live = live.map(Client::seen);
        let twin = followed().find_map(|was| was.twin.as_deref());
        let registered = followed().find_map(|was| was.registered.as_deref());
        let configurations = followed().find_map(|was| was.configurations.as_ref());
        Some(Seen {
            twin: twin.or(live.map(|live| live.twin))?,
            registered: registered.or(live.map(|live| live.registered))?,
            configurations: match configurations {
                Some(configurations) => configurations.as_deref(),
                None => live.and_then(|live| live.configurations),
            },
            last_activity: was.last_activity,
            c2d_messages: was.c2d_messages,
        })
    }

    /// Whether the client of that generation was connected at an instant, and since when it was or was
    /// not; `live` is what the client is now.
    pub(super) fn connection(
        &self,
        at: Moment,
        id: &ClientIdentity,
        generation: Stamp,
        live: Option<&Client>,
    ) -> (bool, Timestamp) {
        let states = self.clients.get(id);
        let past = states.and_then(|states| states.get(place_at(states, at)));
        let found = match (past, live) {
            (Some(past), _) => past.was.as_ref().map(|was| {
                let connection = (was.connected, was.connection_state_updated);
                (was.generation, connection)
            }),
            (None, Some(live)) => {
                let connection = (live.link.online().is_some(), live.connection_state_updated);
                Some((live.registered.generation, connection))
            }
            (None, None) => None,
        };
        // Who had the id before is somebody else.
        let found = found.filter(|(found, _)| *found == generation);
        found.map_or((false, Timestamp::NEVER), |(_, connection)| connection)
    }
}

/// Where the state is that held at `at`.
fn place_at(states: &VecDeque<Past>, at: Moment) -> usize {
    states.partition_point(|past| past.until <= at)
}

impl Past {
    /// Takes over from a state that ended at the same instant what this one does not have.
    fn complete(&mut self, later: Option<Was>) {
        let (Some(was), Some(later)) = (&mut self.was, later) else {
            return;
        };
        if was.generation == later.generation {
            was.twin = was.twin.take().or(later.twin);
            was.registered = was.registered.take().or(later.registered);
            was.configurations = was.configurations.take().or(later.configurations);
        }
    }

    /// Forgets all but the connection.
    fn strip(&mut self) {
        if let Some(was) = &mut self.was {
            (was.twin, was.registered, was.configurations) = (None, None, None);
        }
    }

    fn bytes(&self) -> usize {
        let of_twin = |twin: &Twin| TWIN_BYTES + NODE_FACTOR * twin_bytes(twin);
        let of_record = |record: &Record| RECORD_BYTES * (record.entries.len() + 1);
        let was = self.was.as_ref();
        let twin = was.and_then(|was| was.twin.as_deref()).map_or(0, of_twin);
        let registered = was.is_some_and(|was| was.registered.is_some());
        let record = was.and_then(|was| was.configurations.as_ref()?.as_deref());
        STATE_BYTES
            + twin
            + usize::from(registered) * REGISTERED_BYTES
            + record.map_or(0, of_record)
    }
}

fn twin_bytes(twin: &Twin) -> usize {
    twin.tags.size() + twin.desired.size() + twin.reported.size()
}

impl Was {
    fn of(client: &Client, with_document: bool) -> Self {
        Self {
            generation: client.registered.generation,
            connected: client.link.online().is_some(),
            connection_state_updated: client.connection_state_updated,
            last_activity: client.last_activity,
            c2d_messages: client.messages.len(),
            twin: with_document.then(|| Box::new(client.twin.clone())),
            registered: with_document.then(|| Box::new(client.registered.clone())),
            configurations: with_document.then(|| client.configurations.clone()),
        }
    }

    /// Without what the client still has; `None` if that is all that is shown.
    fn less(mut self, client: &Client, with_document: bool) -> Option<Self> {
        if self.generation != client.registered.generation {
            return Some(self);
        }
        let is_same = |was: &Twin, is: &Twin| {
            was.counters() == is.counters() && was.model_id() == is.model_id()
        };
        self.twin = self.twin.filter(|twin| !is_same(twin, &client.twin));
        self.registered = self
            .registered
            .filter(|registered| **registered != client.registered);
        self.configurations = self
            .configurations
            .filter(|configurations| *configurations != client.configurations);
        let connection = (
            client.link.online().is_some(),
            client.connection_state_updated,
        );
        let is_connection_same = (self.connected, self.connection_state_updated) == connection;
        let is_document_same = self.twin.is_none()
            && self.registered.is_none()
            && self.configurations.is_none()
            && self.last_activity == client.last_activity
            && self.c2d_messages == client.messages.len();
        let is_same = is_connection_same && (is_document_same || !with_document);
        (!is_same).then_some(self)
    }
}

impl Client {
    fn seen(&self) -> Seen<'_> {
        Seen {
            twin: &self.twin,
            registered: &self.registered,
            configurations: self.configurations.as_deref(),
            last_activity: self.last_activity,
            c2d_messages: self.messages.len(),
        }
    }
}

/// A state without its parts, with its two ids and their places.
const STATE_BYTES: usize = 384;
/// A twin without what is in its sections.
const TWIN_BYTES: usize = 256;
/// How much more the nodes of a section take than their keys and values.
const NODE_FACTOR: usize = 4;
const REGISTERED_BYTES: usize = 512;
const RECORD_BYTES: usize = 192;
