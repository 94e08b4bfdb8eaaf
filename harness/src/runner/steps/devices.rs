//! Steps that the fleet carries out: come, go, have trouble.

use std::sync::Arc;
use std::time::Duration;

use device_sim::fleet::Selection;
use device_sim::netem::Trouble;
use tokio::sync::{oneshot, watch};

use super::super::message::{Ending, Message};
use super::super::roster::Chosen;
use super::Stage;
use crate::scenario::ast::FaultKind;

impl Stage<'_> {
    pub(super) async fn connect_autostart(&self, place: usize) -> Ending {
        let cohorts = self.plan.scenario.fleet.iter();
        let coming = cohorts
            .zip(self.plan.roster.cohorts())
            .filter(|(cohort, _)| cohort.autostart);
        let mut devices: Vec<Arc<str>> = coming
            .flat_map(|(_, members)| members.devices.iter().cloned())
            .collect();
        devices.sort_unstable();
        devices.dedup();
        let chosen = Chosen {
            devices,
            selection: Selection::Autostart,
        };
        self.connect(place, &chosen).await
    }

    /// Starts devices and waits until the hub has them online.
    pub(super) async fn connect(&self, place: usize, chosen: &Chosen) -> Ending {
        let missing = self.watch_presence(chosen, true).await;
        self.fleet().start(&chosen.selection);
        let patience = self.arrival() + PRESENCE_PATIENCE;
        self.await_presence(place, chosen, missing, "online", patience)
            .await
    }

    pub(super) async fn disconnect(&self, place: usize, chosen: &Chosen) -> Ending {
        let missing = self.watch_presence(chosen, false).await;
        self.fleet().stop(&chosen.selection);
        self.await_presence(place, chosen, missing, "offline", PRESENCE_PATIENCE)
            .await
    }

    pub(super) fn fault(&self, chosen: &Chosen, kind: FaultKind, lasts: Duration) {
        let trouble = match kind {
            FaultKind::Drop => Trouble::Drop,
            FaultKind::Refuse => Trouble::Refuse,
            FaultKind::HalfOpen => Trouble::HalfOpen,
            FaultKind::Slow(time) => Trouble::Slow(time),
            FaultKind::Partition => Trouble::Partition,
            FaultKind::LostAck => Trouble::LostAck,
        };
        self.fleet().fault(&chosen.selection, trouble, lasts);
    }

    async fn watch_presence(&self, chosen: &Chosen, online: bool) -> watch::Receiver<usize> {
        let (missing, read) = watch::channel(chosen.devices.len());
        let (reply, watched) = oneshot::channel();
        self.tell(Message::AwaitPresence {
            devices: chosen.devices.clone(),
            online,
            missing,
            reply,
        })
        .await;
        watched.await.expect("the loop lives longer than its steps");
        read
    }

    async fn await_presence(
        &self,
        place: usize,
        chosen: &Chosen,
        missing: watch::Receiver<usize>,
        state: &str,
        patience: Duration,
    ) -> Ending {
        let of = chosen.devices.len();
        match self.none_missing(place, missing, of, patience).await {
            Ok(()) => Ending::Passed,
            Err(missing) => Ending::Failed(format!(
                "{missing} of {of} devices were not {state} within {} s",
                patience.as_secs()
            )),
        }
    }

    /// Waits until nobody is missing; else how many are.
    pub(super) async fn none_missing(
        &self,
        place: usize,
        mut missing: watch::Receiver<usize>,
        of: usize,
        patience: Duration,
    ) -> Result<(), usize> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let now_missing = *missing.borrow_and_update();
            self.progress(place, of - now_missing.min(of), of).await;
            if now_missing == 0 {
                return Ok(());
            }
            let changed = tokio::time::timeout_at(deadline, missing.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Err(now_missing);
            }
        }
    }

    /// How long the slowest cohort takes to come.
    fn arrival(&self) -> Duration {
        let cohorts = self.plan.fleet.cohorts.iter();
        let last = cohorts
            .zip(self.plan.roster.cohorts())
            .map(|(cohort, members)| {
                let count = members.devices.len();
                cohort.arrival.offset(count, count)
            });
        last.max().unwrap_or_default()
    }
}

/// How long devices may take beyond their arrival.
const PRESENCE_PATIENCE: Duration = Duration::from_mins(1);
