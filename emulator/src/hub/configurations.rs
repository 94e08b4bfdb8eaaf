//! Automatic configurations over all shards: the store behind its own mutex, and the task that has
//! twins evaluated and metrics counted.
//!
//! A shard notes which of its twins changed, under its own lock and in the command that changed them,
//! so no change is missed; what it notes is bounded by its identities, and beyond [`NOTED_MAX`] by one
//! word: all of them. One task works it off, a bounded chunk of twins at a time, and lets go of
//! everything in between.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hub_core::configuration::{
    ConfigurationId, ConfigurationSpec, ConfigurationState, Configurations, Content, Metric,
    Targets, Work,
};
use hub_core::image::ConfigurationImage;
use hub_core::registry::IfMatch;
use hub_core::{ConfigurationCounts, Event, HubError, Limits, NewModules, Shard};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::time::{Instant, Now};

use super::handle::{HubHandle, WeakHub};
use super::slot::ShardSlot;
use crate::clock::{Bell, Clock};
use crate::random::fresh_keys;

/// The configurations of a hub, and what wakes their task.
#[derive(Debug)]
pub(super) struct ConfigurationDesk {
    configurations: Mutex<Configurations>,
    /// Whether changes of twins matter: whether there is any configuration.
    is_watching: AtomicBool,
    /// Whether a twin changed since the last evaluation began.
    has_news: AtomicBool,
    bell: Bell,
}

/// The twins of one shard that changed since they were last evaluated.
#[derive(Debug, Default)]
pub(super) struct ChangedTwins {
    ids: BTreeSet<ClientIdentity>,
    is_all: bool,
}

/// A configuration as the service shows it.
#[derive(Clone, Debug)]
pub(crate) struct CountedConfiguration {
    pub(crate) state: ConfigurationState,
    pub(crate) counts: ConfigurationCounts,
}

/// The service's side.
impl HubHandle {
    /// See [`Configurations::put`].
    pub(crate) fn put_configuration(
        &self,
        spec: ConfigurationSpec,
        if_match: &IfMatch,
    ) -> Result<CountedConfiguration, HubError> {
        let now = self.now();
        let state = self
            .desk()
            .write(|configurations| configurations.put(now, spec, if_match))?;
        Ok(self.counted(state))
    }

    /// See [`Configurations::delete`].
    pub(crate) fn delete_configuration(
        &self,
        id: &ConfigurationId,
        if_match: &IfMatch,
    ) -> Result<(), HubError> {
        let now = self.now();
        self.desk()
            .write(|configurations| configurations.delete(now, id, if_match))
    }

    /// See [`Configurations::get`].
    pub(crate) fn configuration(
        &self,
        id: &ConfigurationId,
    ) -> Result<CountedConfiguration, HubError> {
        let state = self.desk().configurations().get(id)?;
        Ok(self.counted(state))
    }

    /// All configurations, in the order of their ids.
    pub(crate) fn configurations(&self) -> Vec<CountedConfiguration> {
        let states = self.desk().configurations().list();
        states
            .into_iter()
            .map(|state| self.counted(state))
            .collect()
    }

    /// See [`hub_core::Shard::apply_content`].
    pub(crate) fn apply_configuration_content(
        &self,
        id: &DeviceId,
        content: &Content,
    ) -> Result<(), HubError> {
        self.configuring(self.slot_of(id), |shard, now, new| {
            shard.apply_content(now, id, content, new)
        })
    }

    /// Gives a shard a command that may make modules.
    fn configuring<R>(
        &self,
        slot: &ShardSlot,
        command: impl FnOnce(&mut Shard, Now, &mut NewModules<'_>) -> R,
    ) -> R {
        let max = self.limits().identities;
        let room = max.saturating_sub(self.identity_count());
        slot.command(|cell, now| {
            self.counting(&mut cell.shard, |shard| {
                let mut new = NewModules {
                    room,
                    keys: &mut fresh_keys,
                };
                command(shard, now, &mut new)
            })
        })
    }

    /// See [`Configurations::clear`].
    pub(super) fn clear_configurations(&self) -> usize {
        let now = self.now();
        self.desk()
            .write(|configurations| configurations.clear(now))
    }

    /// See [`Configurations::export`].
    pub(super) fn export_configurations(&self) -> Vec<ConfigurationImage> {
        self.desk().configurations().export()
    }

    /// See [`Configurations::replace_with`].
    pub(super) fn replace_configurations(&self, new: Configurations) {
        let now = self.now();
        self.desk()
            .write(|configurations| configurations.replace_with(now, new));
    }

    fn counted(&self, state: ConfigurationState) -> CountedConfiguration {
        let mut counts = ConfigurationCounts::default();
        for slot in self.slots() {
            let of_shard = slot.read(|shard| shard.configuration_counts(&state.configuration.id));
            counts.targeted += of_shard.targeted;
            counts.applied += of_shard.applied;
        }
        CountedConfiguration { state, counts }
    }
}

/// Works off what configurations and twins give to do, as long as the hub exists.
pub(super) async fn run(hub: WeakHub, desk: Arc<ConfigurationDesk>) {
    let Some(mut timer) = hub.upgrade().map(|alive| alive.clock().timer()) else {
        return;
    };
    loop {
        let Some(alive) = hub.upgrade() else { return };
        timer.set(alive.work_off().await);
        drop(alive);
        tokio::select! {
            hold = desk.bell.heard() => timer.take_over(hold),
            () = timer.due() => {}
        }
    }
}

/// The task's side.
impl HubHandle {
    /// Does what is due; says when to look again.
    async fn work_off(&self) -> Option<Instant> {
        loop {
            let work = {
                let now = self.now();
                let mut configurations = self.desk().configurations();
                if self.desk().has_news.load(Ordering::Relaxed) {
                    configurations.twins_changed(now);
                }
                match configurations.next_work(now) {
                    Some(work) => work,
                    None => return configurations.poll_deadline(),
                }
            };
            match work {
                Work::Evaluate { written } => {
                    // What changes from here on is news again.
                    self.desk().has_news.store(false, Ordering::SeqCst);
                    for slot in self.slots() {
                        self.evaluate_changed(slot).await;
                        if !written.is_empty() {
                            self.walk(slot, Some(&written)).await;
                        }
                    }
                    let now = self.now();
                    self.desk().configurations().evaluated(now, &written);
                }
                Work::Count { metrics } => self.count(metrics).await,
            }
        }
    }

    /// Evaluates the twins of a shard that changed.
    async fn evaluate_changed(&self, slot: &ShardSlot) {
        let changed = slot.command(|cell, _| std::mem::take(&mut cell.changed));
        if changed.is_all {
            self.walk(slot, None).await;
            return;
        }
        let ids: Vec<ClientIdentity> = changed.ids.into_iter().collect();
        for ids in ids.chunks(CHUNK) {
            self.evaluate(slot, ids);
            tokio::task::yield_now().await;
        }
    }

    /// Evaluates the twins of a shard that concern `written`, or all of them.
    async fn walk(&self, slot: &ShardSlot, written: Option<&BTreeSet<ConfigurationId>>) {
        let mut after = None;
        loop {
            after = self.walk_on(slot, after, written);
            if after.is_none() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    fn evaluate(&self, slot: &ShardSlot, ids: &[ClientIdentity]) {
        let _step = self.step();
        let targets = self.targets();
        self.configuring(slot, |shard, now, new| {
            for id in ids {
                shard.configure(now, id, &targets, new);
            }
        });
    }

    fn walk_on(
        &self,
        slot: &ShardSlot,
        after: Option<ClientIdentity>,
        written: Option<&BTreeSet<ConfigurationId>>,
    ) -> Option<ClientIdentity> {
        let _step = self.step();
        // Always the newest: what was written meanwhile gets a walk of its own, and this one must
        // not undo what an evaluation has done for it.
        let targets = self.targets();
        self.configuring(slot, |shard, now, new| {
            shard.configure_after(now, after, CHUNK, &targets, written, new)
        })
    }

    async fn count(&self, metrics: Vec<Metric>) {
        let (mut counts, mut twins) = (vec![0; metrics.len()], 0);
        for slot in self.slots() {
            let mut after = None;
            loop {
                let (seen, last) =
                    slot.read(|shard| shard.count_rows(after, CHUNK, &metrics, &mut counts));
                twins += seen;
                tokio::task::yield_now().await;
                match last {
                    Some(last) => after = Some(last),
                    None => break,
                }
            }
        }
        let results = metrics.into_iter().zip(counts).collect();
        let now = self.now();
        self.desk().configurations().counted(now, results, twins);
    }

    fn targets(&self) -> Arc<Targets> {
        self.desk().configurations().targets()
    }
}

impl ConfigurationDesk {
    pub(super) fn new(clock: Clock, limits: &Limits) -> Self {
        Self {
            configurations: Mutex::new(Configurations::new(limits)),
            is_watching: AtomicBool::new(false),
            has_news: AtomicBool::new(false),
            bell: Bell::new(clock),
        }
    }

    /// Wakes the task: for work, or to find that the hub is gone.
    pub(super) fn wake(&self) {
        self.bell.ring();
    }

    fn configurations(&self) -> MutexGuard<'_, Configurations> {
        self.configurations
            .lock()
            .expect("nothing panics with the configurations locked")
    }

    fn write<R>(&self, command: impl FnOnce(&mut Configurations) -> R) -> R {
        let mut configurations = self.configurations();
        let result = command(&mut configurations);
        // Before the walk that the write causes: a twin that changes unnoted is one that the walk is
        // still to reach.
        let is_watching = configurations.is_watching();
        self.is_watching.store(is_watching, Ordering::SeqCst);
        drop(configurations);
        self.wake();
        result
    }
}

impl ChangedTwins {
    /// Notes a change that matters. Called with the shard locked, in the command that made it.
    pub(super) fn note(&mut self, event: &Event, desk: &ConfigurationDesk) {
        if !event.kind.concerns_configurations() || !desk.is_watching.load(Ordering::SeqCst) {
            return;
        }
        if !self.is_all {
            self.ids.insert(event.client.clone());
            if self.ids.len() > NOTED_MAX {
                (self.ids, self.is_all) = (BTreeSet::new(), true);
            }
        }
        if !desk.has_news.swap(true, Ordering::Relaxed) {
            desk.wake();
        }
    }
}

/// Twins evaluated or counted while a shard is locked.
const CHUNK: usize = 128;
/// Beyond this, a walk over the shard is cheaper than remembering.
const NOTED_MAX: usize = 16 * 1024;
