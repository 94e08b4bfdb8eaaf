//! The fleet as its owner holds it: start, stop, trouble, measure.

use std::sync::Arc;
use std::time::Duration;

use super::member::{Control, Kind, Member, Shared, Wanted};
use super::run::Run;
use super::{Arrival, FleetPlan};
use crate::driver::Clock;
use crate::metrics::Metrics;
use crate::netem::{Network, Trouble};
use crate::transport::Endpoints;

/// Whom an order is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every device.
    All,
    /// The devices of the cohorts that start by themselves.
    Autostart,
    /// The devices of a cohort, by its place in the plan.
    Cohort(usize),
    /// These devices; an id that is not in the plan means nobody.
    Devices(Vec<Arc<str>>),
}

/// A fleet. Dropping it cuts every connection; [`Fleet::shutdown`] says goodbye first.
#[derive(Debug)]
pub struct Fleet {
    shared: Arc<Shared>,
    cohorts: Vec<Cohort>,
    /// In the order of the plan.
    members: Vec<Arc<Member>>,
    /// Places in `members`, sorted by id.
    by_id: Vec<u32>,
}

#[derive(Debug)]
struct Cohort {
    kind: Arc<Kind>,
    arrival: Arrival,
    autostart: bool,
    /// Places in `members`.
    range: std::ops::Range<usize>,
}

impl Fleet {
    /// A fleet that has not started. Needs a runtime from [`Fleet::start`] on.
    pub fn new(plan: FleetPlan, endpoints: Endpoints, clock: Clock) -> Self {
        let count = plan.cohorts.iter().map(|cohort| cohort.devices.len()).sum();
        let shared = Arc::new(Shared::new(endpoints, clock, count, plan.seed));
        let mut members: Vec<Arc<Member>> = Vec::with_capacity(count);
        let mut cohorts = Vec::new();
        for cohort in plan.cohorts {
            let first = members.len();
            for (place, device) in (1..).zip(cohort.devices) {
                let number = u32::try_from(members.len()).unwrap_or(u32::MAX);
                members.push(Member::new(device.into(), number, place));
            }
            cohorts.push(Cohort {
                kind: Arc::new(Kind {
                    shared: Arc::clone(&shared),
                    settings: Arc::new(cohort.settings),
                    network: cohort.network,
                    transport: cohort.transport,
                }),
                arrival: cohort.arrival,
                autostart: cohort.autostart,
                range: first..members.len(),
            });
        }
        let id = |place: u32| &members[place as usize].identity.device_id;
        let mut by_id: Vec<u32> = (0..).take(members.len()).collect();
        by_id.sort_by(|left, right| id(*left).cmp(id(*right)));
        Self {
            shared,
            cohorts,
            members,
            by_id,
        }
    }

    /// Starts devices as their cohort arrives, counted from now; those that run go on. One that was
    /// stopped starts as new.
    pub fn start(&mut self, which: &Selection) {
        let now = self.shared.clock.now().mono;
        let selected = self.select(which);
        for cohort in &self.cohorts {
            let is_new = |place: &usize| {
                cohort.range.contains(place)
                    && !matches!(self.members[*place].control().wanted, Wanted::On { .. })
            };
            let new: Vec<usize> = selected.iter().copied().filter(is_new).collect();
            for (index, place) in new.iter().enumerate() {
                let due = now + cohort.arrival.offset(index, new.len());
                let member = &self.members[*place];
                let mut was_running = true;
                member.order(|control| {
                    control.wanted = Wanted::On { due };
                    was_running = std::mem::replace(&mut control.is_running, true);
                });
                if !was_running {
                    let kind = Arc::clone(&cohort.kind);
                    tokio::spawn(Run::new(kind, Arc::clone(member), due));
                }
            }
        }
    }

    /// Comes back when each of them has been online since the call.
    pub async fn online(&self, which: &Selection) {
        self.each(which, Member::is_online).await;
    }

    /// Tells devices to say goodbye; [`Fleet::stopped`] waits for it.
    pub fn stop(&mut self, which: &Selection) {
        for place in self.select(which) {
            self.members[place].order(|control| {
                control.wanted = Wanted::Off;
                control.is_stop_ordered = control.is_running;
            });
        }
    }

    /// Comes back when each of them has had no task since the call.
    pub async fn stopped(&self, which: &Selection) {
        self.each(which, |member| !member.control().is_running)
            .await;
    }

    /// Troubles the network of devices from now on, for `lasts`.
    pub fn fault(&mut self, which: &Selection, trouble: Trouble, lasts: Duration) {
        let now = self.shared.clock.now().mono;
        for cohort in &self.cohorts {
            for place in self.select(which) {
                if !cohort.range.contains(&place) {
                    continue;
                }
                let member = &self.members[place];
                member.order(|control| {
                    if control.is_running {
                        control.troubles.room().push((trouble, lasts));
                        return;
                    }
                    let Control { network, .. } = control;
                    let network = network.get_or_insert_with(|| {
                        let seed = member.network_seed(&self.shared);
                        Box::new(Network::new(cohort.kind.network, seed))
                    });
                    // There is no connection that could be cut.
                    let _ = network.trouble(now, trouble, lasts);
                });
            }
        }
    }

    /// What was counted and measured so far.
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics().clone()
    }

    /// Says goodbye for all devices, and waits for that a bounded time.
    pub async fn shutdown(mut self) {
        self.stop(&Selection::All);
        let goodbye = self.stopped(&Selection::All);
        // Whoever is late is cut off by the drop.
        let _ = tokio::time::timeout(GOODBYE_WITHIN, goodbye).await;
    }

    /// Comes back when `holds` was true of each of them at some time since the call.
    async fn each(&self, which: &Selection, holds: impl Fn(&Member) -> bool) {
        for place in self.select(which) {
            loop {
                let mut changed = std::pin::pin!(self.shared.changed.notified());
                // Before the look, lest a change between the two be missed.
                changed.as_mut().enable();
                if holds(&self.members[place]) {
                    break;
                }
                changed.await;
            }
        }
    }

    /// Places in `members`.
    fn select(&self, which: &Selection) -> Vec<usize> {
        match which {
            Selection::All => (0..self.members.len()).collect(),
            Selection::Autostart => {
                let cohorts = self.cohorts.iter().filter(|cohort| cohort.autostart);
                cohorts.flat_map(|cohort| cohort.range.clone()).collect()
            }
            Selection::Cohort(index) => {
                let cohort = self.cohorts.get(*index);
                cohort.map_or_else(Vec::new, |cohort| cohort.range.clone().collect())
            }
            Selection::Devices(ids) => ids.iter().filter_map(|id| self.find(id)).collect(),
        }
    }

    fn find(&self, id: &str) -> Option<usize> {
        let id_of = |place: &u32| &*self.members[*place as usize].identity.device_id;
        let found = self.by_id.binary_search_by(|place| id_of(place).cmp(id));
        found.ok().map(|index| self.by_id[index] as usize)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for member in &self.members {
            member.order(|control| control.wanted = Wanted::Gone);
        }
    }
}

/// Longer than the goodbye of one device.
const GOODBYE_WITHIN: Duration = Duration::from_secs(5);
