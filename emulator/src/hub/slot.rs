//! One shard with what surrounds it: its mutex, its links, its open calls and its timer.
//!
//! Keeps the shard's law: one command, then every output, then the next command.

use std::sync::{Arc, Mutex, MutexGuard, Weak};

use hub_core::link::{LinkClose, LinkId};
use hub_core::method::{CallId, MethodResult};
use hub_core::output::{Output, ToDevice};
use hub_core::{HubError, Lags, Limits, Shard};
use hub_proto::ids::ClientIdentity;
use hub_proto::time::{Instant, Now};
use tokio::sync::{Notify, oneshot};
use tracing::warn;

use super::admission::Admission;
use super::configurations::{ChangedTwins, ConfigurationDesk};
use super::feedback::FeedbackDesk;
use super::numbered::Numbered;
use super::outlet::LinkOutlet;
use crate::clock::{Clock, Due, Hold};
use crate::event_log::{EventLog, Fact};

/// What became of a direct method.
pub(super) type MethodOutcome = Result<MethodResult, HubError>;
/// What its caller waits for. The clock waits until the caller has acted on it.
pub(super) type MethodAnswer = (MethodOutcome, Hold);

/// A shard and its surroundings.
#[derive(Debug)]
pub(super) struct ShardSlot {
    clock: Clock,
    event_log: EventLog,
    admission: Arc<Admission>,
    desk: Arc<ConfigurationDesk>,
    feedback: Arc<FeedbackDesk>,
    cell: Mutex<ShardCell>,
    /// Tells the timer task that its deadline has become earlier.
    rearm: Arc<Notify>,
}

/// What the mutex guards.
#[derive(Debug)]
pub(super) struct ShardCell {
    pub(super) shard: Shard,
    /// The callers of direct methods. An entry leaves with `Output::MethodAnswered`.
    pub(super) calls: Numbered<CallId, oneshot::Sender<MethodAnswer>>,
    /// The links the shard knows of.
    pub(super) links: Numbered<LinkId, Link>,
    /// The twins that configurations have not seen since they changed.
    pub(super) changed: ChangedTwins,
    /// Facts on their way to the log; empty between commands.
    facts: Vec<Fact>,
    /// When the timer task will look at the shard next.
    timer: Option<Instant>,
}

/// A connection, as outputs find it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: ClientIdentity,
    /// By whose token it came in, if not by one of its own.
    pub(super) policy: Option<Box<str>>,
    pub(super) outlet: Arc<dyn LinkOutlet>,
}

impl ShardSlot {
    pub(super) fn new(
        clock: Clock,
        event_log: EventLog,
        admission: Arc<Admission>,
        desk: Arc<ConfigurationDesk>,
        feedback: Arc<FeedbackDesk>,
        limits: Limits,
        lags: Lags,
    ) -> Self {
        let mut shard = Shard::new(limits);
        shard.set_lags(clock.now(), lags);
        let cell = ShardCell {
            shard,
            calls: Numbered::default(),
            links: Numbered::default(),
            changed: ChangedTwins::default(),
            facts: Vec::new(),
            timer: None,
        };
        Self {
            clock,
            event_log,
            admission,
            desk,
            feedback,
            cell: Mutex::new(cell),
            rearm: Arc::new(Notify::new()),
        }
    }

    /// Reads the shard. The command must not change it.
    pub(super) fn read<R>(&self, command: impl FnOnce(&Shard) -> R) -> R {
        let mut cell = self.cell();
        if cell.shard.is_lagging() {
            cell.settle(self.clock.now());
        }
        command(&cell.shard)
    }

    /// Reads which links there are.
    pub(super) fn read_links<R>(&self, command: impl FnOnce(&Numbered<LinkId, Link>) -> R) -> R {
        command(&self.cell().links)
    }

    #[cfg(test)]
    pub(super) fn open_calls(&self) -> usize {
        self.cell().calls.len()
    }

    /// Gives the shard one command and carries out what follows from it.
    pub(super) fn command<R>(&self, command: impl FnOnce(&mut ShardCell, Now) -> R) -> R {
        let mut cell = self.cell();
        // Read with the lock held, so that time never runs backwards for a shard.
        let now = self.clock.now();
        let result = command(&mut cell, now);
        self.carry_out(&mut cell, now);
        self.arm(&mut cell);
        result
    }

    fn cell(&self) -> MutexGuard<'_, ShardCell> {
        self.cell
            .lock()
            .expect("a panic with a shard locked is a bug; see the module's law")
    }

    fn carry_out(&self, cell: &mut ShardCell, now: Now) {
        // A link that cannot take its messages is a link that ended; that is a command of its own,
        // so it waits until the outputs of this one are done.
        let mut overrun = Vec::new();
        loop {
            while let Some(output) = cell.shard.poll_output() {
                if !matches!(output, Output::Event(_)) {
                    // Whoever sees the effect finds the fact in the log.
                    self.event_log.append_all(&mut cell.facts);
                }
                match output {
                    Output::ToLink { link, message } => {
                        self.admission.note_delivery(&message);
                        if let Err(reason) = cell.deliver(link, message) {
                            overrun.push((link, reason));
                        }
                    }
                    Output::CloseLink { link, reason } => cell.close_link(link, reason),
                    Output::MethodAnswered { call, result } => {
                        let answered = result.as_ref().map_or(0, |one| one.payload.len());
                        self.admission.spend(answered);
                        if let Some(caller) = cell.calls.remove(&call) {
                            // A caller that has gone away does not want the answer.
                            let _ = caller.send((result, self.clock.hold()));
                        }
                    }
                    Output::Feedback(record) => self.feedback.push(record),
                    Output::Event(event) => {
                        self.admission.note(&event);
                        self.feedback.note(&event);
                        cell.changed.note(&event, &self.desk);
                        cell.facts.push(Fact::new(event));
                    }
                }
            }
            self.event_log.append_all(&mut cell.facts);
            if cell.shard.is_lagging() {
                cell.settle(now);
            }
            let Some((link, reason)) = overrun.pop() else {
                return;
            };
            cell.end_link(now, link, reason);
        }
    }

    /// Wakes the timer task if the shard is due earlier than the task knows. A later deadline is
    /// left for the task to find when it wakes, so that traffic does not disturb it.
    fn arm(&self, cell: &mut ShardCell) {
        let Some(deadline) = cell.shard.poll_deadline() else {
            return;
        };
        if cell.timer.is_none_or(|timer| deadline < timer) {
            cell.timer = Some(deadline);
            self.rearm.notify_one();
        }
    }

    /// Looks after the shard's deadlines as long as the shard exists.
    pub(super) async fn run_timer(slot: Weak<Self>) {
        let Some(alive) = slot.upgrade() else { return };
        let (mut timer, rearm) = (alive.clock.timer(), Arc::clone(&alive.rearm));
        drop(alive);
        loop {
            let Some(alive) = slot.upgrade() else { return };
            timer.set(alive.next_timer());
            drop(alive);
            tokio::select! {
                () = rearm.notified() => {}
                () = timer.due() => {}
            }
        }
    }

    /// Ends what is due and says when to look again.
    fn next_timer(&self) -> Option<Instant> {
        let mut cell = self.cell();
        let now = self.clock.now();
        if cell
            .shard
            .poll_deadline()
            .is_some_and(|deadline| deadline <= now.mono)
        {
            cell.shard.handle_deadline(now);
            self.carry_out(&mut cell, now);
        }
        cell.timer = cell.shard.poll_deadline();
        cell.timer
    }
}

impl Due for ShardSlot {
    fn next_due(&self) -> Option<Instant> {
        self.cell().shard.poll_deadline()
    }

    fn run_due(&self) {
        self.next_timer();
    }
}

impl Drop for ShardSlot {
    fn drop(&mut self) {
        // The timer task wakes, finds the shard gone and ends.
        self.rearm.notify_one();
    }
}

impl ShardCell {
    /// Keeps what the last command changed, for reads that lag.
    fn settle(&mut self, now: Now) {
        if self.shard.settle(now) {
            warn!(
                "reads lag less than they are set to: there is no more room for what they would find; \
                 a shorter lag, or fewer writes, would fit"
            );
        }
    }

    fn deliver(&self, link: LinkId, message: ToDevice) -> Result<(), LinkClose> {
        match self.links.get(&link) {
            Some(entry) => entry.outlet.deliver(&entry.client, message),
            // The link's own task has taken it down since.
            None => Ok(()),
        }
    }

    fn close_link(&mut self, link: LinkId, reason: LinkClose) {
        if let Some(entry) = self.links.remove(&link) {
            entry.outlet.close(reason);
        }
    }

    /// Ends a link from this side: the shard is told, and the connection is closed.
    pub(super) fn end_link(&mut self, now: Now, link: LinkId, reason: LinkClose) {
        let Some(entry) = self.links.remove(&link) else {
            return;
        };
        self.shard
            .link_down(now, &entry.client, link, reason.clone());
        entry.outlet.close(reason);
    }
}
