//! The ordered stop: one switch that every connection watches, and a count of those still open.
//!
//! Knows nothing of what the connections do.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// The switch. Dropping it also ends every connection, unawaited.
#[derive(Debug)]
pub(crate) struct StopSwitch {
    stopping: watch::Sender<bool>,
    open: mpsc::Receiver<Infallible>,
    token: StopToken,
}

/// Held by every connection and accept loop for as long as it lives.
#[derive(Clone, Debug)]
pub(crate) struct StopToken {
    stopping: watch::Receiver<bool>,
    open: mpsc::Sender<Infallible>,
}

impl StopSwitch {
    pub(crate) fn new() -> Self {
        let (stopping, watcher) = watch::channel(false);
        // Nothing is ever sent: the channel closes when the last token is gone.
        let (guard, open) = mpsc::channel(1);
        Self {
            stopping,
            open,
            token: StopToken {
                stopping: watcher,
                open: guard,
            },
        }
    }

    /// A token for one more connection.
    pub(crate) fn token(&self) -> StopToken {
        self.token.clone()
    }

    /// Tells every holder of a token to end.
    pub(crate) fn signal(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until every token is gone, no longer than `patience`; says whether they are.
    pub(crate) async fn drained(self, patience: Duration) -> bool {
        // The sender stays: to drop it means stop as well, but out of order.
        let Self {
            stopping: _stopping,
            mut open,
            token,
        } = self;
        drop(token);
        tokio::time::timeout(patience, open.recv()).await.is_ok()
    }
}

/// What is left of a token for who needs no telling: the stop waits for it.
#[derive(Debug)]
pub(crate) struct StopGuard {
    _open: mpsc::Sender<Infallible>,
}

impl StopToken {
    /// Keeps the stop waiting as the token does.
    pub(crate) fn guard(&self) -> StopGuard {
        StopGuard {
            _open: self.open.clone(),
        }
    }

    /// Whether the emulator stops.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow() || self.stopping.has_changed().is_err()
    }

    /// Comes back when the emulator stops.
    pub(crate) async fn stopped(&mut self) {
        // An error says that the switch was dropped, which is a stop as well.
        let _ = self.stopping.wait_for(|stopping| *stopping).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stop_waits_for_the_last_token_and_no_longer_than_its_patience() {
        let switch = StopSwitch::new();
        let mut token = switch.token();
        let holder = tokio::spawn(async move { token.stopped().await });
        switch.signal();
        assert!(switch.drained(Duration::from_secs(1)).await);
        holder.await.unwrap();

        let switch = StopSwitch::new();
        let stubborn = switch.token();
        assert!(!stubborn.is_stopping());
        switch.signal();
        assert!(stubborn.is_stopping());
        assert!(!switch.drained(Duration::from_secs(1)).await);
        drop(stubborn);
    }

    #[tokio::test]
    async fn dropping_the_switch_stops_every_holder() {
        let switch = StopSwitch::new();
        let mut token = switch.token();
        drop(switch);
        token.stopped().await;
    }
}
