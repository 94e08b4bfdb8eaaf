//! Reads that lag behind writes, as those of the real hub do: how far, and what they find.
//!
//! Queries of the real hub read an index that follows the twins in seconds, and the connection state
//! that identities and twins show is up to minutes old ("Query language for device and module twins,
//! jobs, and message routing"; "Understand the identity registry"). Here nothing lags unless it is
//! told to, and what a lagging read finds was true once, of each client in the order in which it came.

use std::ops::Bound;
use std::time::Duration;

use hub_proto::ids::ClientIdentity;
use hub_proto::time::{Now, Timestamp};

use super::history::{History, Seen};
use super::state::{Client, Shard};
use crate::query::{Row, ShowIdentity, Spots};
use crate::registry::Kind;
use crate::twin::{DocumentIdentity, Twin};

/// How far reads lag behind. Zero, the default, is not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lags {
    /// Queries over `devices` and `devices.modules`, conditions of jobs and metrics of configurations.
    pub query: Duration,
    /// The connection state, and when it changed, as identities and twins show it; in a query both lags
    /// add up.
    pub connection_state: Duration,
}

/// What reads that lag cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LagState {
    /// Superseded states that are kept.
    pub states: usize,
    /// Their bytes, roughly.
    pub bytes: usize,
    /// Whether there was no room for all of them since the lags were set, and reads lag less.
    pub is_cut_short: bool,
}

impl Lags {
    /// The longest lag that anybody may set: a day.
    pub const MAX: Duration = Duration::from_hours(24);

    /// Whether nothing lags.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// The lags' side.
impl Shard {
    /// Has reads lag by so much from now on. What lags more than before stands still until its lag
    /// has caught up with it; nothing goes back to before this call, or to before the last one.
    pub fn set_lags(&mut self, now: Now, lags: Lags) {
        self.drop_indexes();
        match &mut self.common.history {
            _ if lags.is_zero() => self.common.history = None,
            Some(history) => history.set_lags(lags, now.mono),
            None => self.common.history = Some(Box::new(History::new(lags, now.mono))),
        }
    }

    /// Whether any read lags, and [`Shard::settle`] has to be called.
    pub fn is_lagging(&self) -> bool {
        self.common.history.is_some()
    }

    /// Keeps what the command before it changed, and has reads stand where they are due at `now`: to be
    /// called after each command, with its time, and before each read. Says whether states had to
    /// be given up before their time, the first time that this is so.
    pub fn settle(&mut self, now: Now) -> bool {
        let bytes_max = self.common.limits.history_bytes;
        let Some(history) = &mut self.common.history else {
            return false;
        };
        let was_cut_short = history.is_cut_short;
        history.note_changes(now.mono, &self.clients);
        history.move_to(now.mono);
        history.keep_within(bytes_max, now.mono);
        history.is_cut_short && !was_cut_short
    }

    /// What reads that lag cost just now.
    pub fn lag_state(&self) -> LagState {
        let history = self.common.history.as_ref();
        history.map_or(LagState::default(), |history| {
            let (states, bytes) = history.size();
            LagState {
                states,
                bytes,
                is_cut_short: history.is_cut_short,
            }
        })
    }

    /// The connection state that identity and twin show, and when it came to be.
    pub(super) fn shown_connection(&self, client: &Client) -> (bool, Timestamp) {
        match &self.common.history {
            None => (
                client.link.online().is_some(),
                client.connection_state_updated,
            ),
            Some(history) => {
                let at = history.positions.connection;
                let generation = client.registered.generation;
                history.connection(at, &client.id, generation, Some(client))
            }
        }
    }

    /// Clients as queries find them, from `start` on and in their order: as they are, or as they were
    /// where queries stand.
    pub(super) fn indexed(
        &self,
        start: Bound<ClientIdentity>,
    ) -> impl Iterator<Item = Indexed<'_>> {
        let live = self.clients.range((start.clone(), Bound::Unbounded));
        let mut live = live.map(|(id, client)| (id, &**client)).peekable();
        let history = self.common.history.as_deref();
        let mut past = history.map(|history| history.ids(start).peekable());
        std::iter::from_fn(move || {
            let (Some(history), Some(past)) = (history, &mut past) else {
                return live.next().map(|(id, client)| Indexed::Live(id, client));
            };
            loop {
                let id = match (live.peek(), past.peek()) {
                    (None, None) => return None,
                    (Some((id, _)), None) | (None, Some(id)) => id,
                    (Some((live, _)), Some(past)) => (*live).min(*past),
                };
                let now = live.next_if(|(live, _)| *live == id);
                let now = now.map(|(_, client)| client);
                past.next_if(|past| *past == id);
                if let Some(seen) = history.seen(id, now) {
                    return Some(Indexed::Past(history, id, seen));
                }
            }
        })
    }

    /// One of them.
    pub(super) fn indexed_one<'a>(&'a self, id: &'a ClientIdentity) -> Option<Indexed<'a>> {
        let live = self.clients.get(id).map(|client| &**client);
        match self.common.history.as_deref() {
            None => live.map(|client| Indexed::Live(id, client)),
            Some(history) => {
                let seen = history.seen(id, live)?;
                Some(Indexed::Past(history, id, seen))
            }
        }
    }

    /// What `look` makes of the row of a client that was found.
    pub(super) fn with_row<R>(
        &self,
        found: &Indexed<'_>,
        spots: &Spots,
        look: impl FnOnce(Row<'_>) -> R,
    ) -> R {
        let shown = Shown { shard: self, found };
        look(Row::one_of_many(found.twin(), &shown, spots))
    }

    /// Has `look` see the rows of clients, one after the other, for as long as it says true.
    pub(super) fn walk<'a>(
        &'a self,
        mut rows: impl Iterator<Item = Indexed<'a>>,
        mut look: impl FnMut(&Indexed<'a>, Row<'_>) -> bool,
    ) {
        let spots = Spots::default();
        let mut some = Vec::with_capacity(WARMED);
        loop {
            some.extend(rows.by_ref().take(WARMED));
            if some.is_empty() {
                return;
            }
            spots.warm(&some.iter().map(Indexed::twin));
            for found in some.drain(..) {
                if !self.with_row(&found, &spots, |row| look(&found, row)) {
                    return;
                }
            }
        }
    }

    /// The identity as a query shows it that stands where the client was seen.
    fn past_identity<'a>(
        &'a self,
        history: &'a History,
        id: &'a ClientIdentity,
        seen: &Seen<'a>,
    ) -> DocumentIdentity<'a> {
        let live = |id: &ClientIdentity| self.clients.get(id).map(|client| &**client);
        let part = match &seen.registered.kind {
            Kind::Device(part) => Some(part),
            Kind::Module { .. } => {
                let device = ClientIdentity::Device(id.device_id().clone());
                let device = history.seen(&device, live(&device));
                device.and_then(|device| match &device.registered.kind {
                    Kind::Device(part) => Some(part),
                    Kind::Module { .. } => None,
                })
            }
        };
        let Some(part) = part else {
            unreachable!("a module goes with its device, at any time");
        };
        let at = history.positions.query_connection;
        let (connected, _) = history.connection(at, id, seen.registered.generation, live(id));
        DocumentIdentity {
            connected,
            last_activity: seen.last_activity,
            c2d_messages: seen.c2d_messages,
            configurations: seen.configurations,
            ..part.document_identity(id, seen.registered)
        }
    }
}

/// A client as queries find it, and who can say what its identity shows.
#[derive(Clone, Copy)]
struct Shown<'a> {
    shard: &'a Shard,
    found: &'a Indexed<'a>,
}

impl ShowIdentity for Shown<'_> {
    fn identity(&self) -> DocumentIdentity<'_> {
        match self.found {
            Indexed::Live(_, client) => self.shard.document_identity(client),
            Indexed::Past(history, id, seen) => self.shard.past_identity(history, id, seen),
        }
    }
}

/// A client as queries find it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Indexed<'a> {
    /// As it is. The id is the one that the tree has, which is nearer.
    Live(&'a ClientIdentity, &'a Client),
    /// As it was.
    Past(&'a History, &'a ClientIdentity, Seen<'a>),
}

impl<'a> Indexed<'a> {
    pub(super) fn id(&self) -> &'a ClientIdentity {
        match self {
            Self::Live(id, _) | Self::Past(_, id, _) => id,
        }
    }

    fn twin(&self) -> &'a Twin {
        match self {
            Self::Live(_, client) => &client.twin,
            Self::Past(_, _, seen) => seen.twin,
        }
    }
}

/// How many rows are looked at together: as many as a processor fetches from memory at once, roughly.
const WARMED: usize = 16;
