//! Deadlines: what is due when, and what then happens.

use std::collections::BTreeSet;

use hub_proto::ids::ClientIdentity;
use hub_proto::time::{Instant, Now};

use super::state::Shard;
use crate::method::CallId;

/// Something that falls due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The present stage of a call is given up.
    Call(CallId, ClientIdentity),
    /// A message of the device expires, or the lock of the one in flight ends.
    Messages(ClientIdentity),
}

/// The timers that are set. Each belongs to an open call or to a queue that is not empty, and goes
/// with it; work at a deadline does not grow with the number of devices.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Instant, Timer)>);

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(super) fn cancel(&mut self, at: Instant, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    fn first(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if self.first()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }
}

impl Shard {
    /// When [`Shard::handle_deadline`] is due, if at all.
    pub fn poll_deadline(&self) -> Option<Instant> {
        self.common.timers.first()
    }

    /// Ends what has run out by `now`.
    pub fn handle_deadline(&mut self, now: Now) {
        while let Some(timer) = self.common.timers.take_due(now.mono) {
            let id = match &timer {
                Timer::Call(_, id) | Timer::Messages(id) => id,
            };
            let Ok((client, common)) = self.reach(id) else {
                unreachable!("the timers of a client go with it");
            };
            match timer {
                Timer::Call(call, _) => client.give_up_call(now, common, call),
                Timer::Messages(_) => client.messages_due(now, common),
            }
        }
    }
}
