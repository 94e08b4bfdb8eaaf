//! Whether connections are let in, and the end of those that were: how a hub is away for a while.
//!
//! Knows nothing of sockets; accept loops and doors in memory ask it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::stop::{StopSwitch, StopToken};

/// Shared by everything that accepts connections.
#[derive(Debug)]
pub(crate) struct Entrance {
    is_open: watch::Sender<bool>,
    /// How many accept loops listen.
    listening: watch::Sender<usize>,
    /// Of the connections since the last cut; none once the emulator stops.
    switch: Mutex<Option<StopSwitch>>,
    /// For whoever connects when there is no switch any more.
    ended: StopToken,
}

impl Entrance {
    /// An open one.
    pub(crate) fn new() -> Self {
        let ended = StopSwitch::new().token();
        Self {
            is_open: watch::Sender::new(true),
            listening: watch::Sender::new(0),
            switch: Mutex::new(Some(StopSwitch::new())),
            ended,
        }
    }

    fn switch(&self) -> MutexGuard<'_, Option<StopSwitch>> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token for one more connection.
    pub(crate) fn token(&self) -> StopToken {
        let switch = self.switch();
        switch
            .as_ref()
            .map_or(self.ended.clone(), StopSwitch::token)
    }

    /// Whether connections are let in.
    pub(crate) fn is_open(&self) -> bool {
        *self.is_open.borrow()
    }

    /// Comes back when that is so.
    pub(crate) async fn until(&self, open: bool) {
        let mut changes = self.is_open.subscribe();
        // The sender is `self`.
        let _ = changes.wait_for(|is_open| *is_open == open).await;
    }

    /// Lets nobody in any more, or everybody again.
    pub(crate) fn set_open(&self, open: bool) {
        self.is_open.send_replace(open);
    }

    /// An accept loop begins to listen, or ends.
    pub(crate) fn note_listening(&self, listens: bool) {
        let change = if listens { 1 } else { usize::MAX };
        self.listening
            .send_modify(|count| *count = count.wrapping_add(change));
    }

    /// Waits until so many accept loops listen, no longer than `patience`; says whether they do.
    pub(crate) async fn listening(&self, count: usize, patience: Duration) -> bool {
        let mut changes = self.listening.subscribe();
        let reached = changes.wait_for(|listening| *listening == count);
        tokio::time::timeout(patience, reached).await.is_ok()
    }

    /// Ends the connections there are. Links that are up end by the hub's word.
    pub(crate) fn cut(&self) {
        let mut switch = self.switch();
        if switch.is_some() {
            // Dropping the old one ends its connections.
            *switch = Some(StopSwitch::new());
        }
    }

    /// The end of all connections, for good: the switch, signalled.
    pub(crate) fn end(&self) -> Option<StopSwitch> {
        let switch = self.switch().take();
        if let Some(switch) = &switch {
            switch.signal();
        }
        switch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_cut_ends_the_connections_there_are_and_no_later_one() {
        let entrance = Entrance::new();
        let mut old = entrance.token();
        entrance.cut();
        old.stopped().await;
        let new = entrance.token();
        assert!(old.is_stopping() && !new.is_stopping());
        assert!(entrance.end().is_some());
        assert!(new.is_stopping() && entrance.token().is_stopping());
        assert!(entrance.end().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_listeners_waits_for_as_many_and_a_bounded_time() {
        let entrance = Entrance::new();
        entrance.note_listening(true);
        entrance.note_listening(true);
        assert!(entrance.listening(2, Duration::ZERO).await);
        entrance.note_listening(false);
        assert!(!entrance.listening(2, Duration::from_secs(1)).await);
        entrance.set_open(false);
        entrance.until(false).await;
        assert!(!entrance.is_open());
    }
}
