//! What the owner of a fleet and the task of a device share: orders one way, the state the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use hub_proto::time::Instant;
use tokio::sync::Notify;

use crate::device::{Identity, Place, Settings};
use crate::driver::Clock;
use crate::metrics::Metrics;
use crate::netem::{Network, NetworkProfile, Trouble};
use crate::random::Random;
use crate::rare::Rare;
use crate::transport::{Endpoints, Names, Transport};

/// What all devices of a fleet share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) endpoints: Endpoints,
    pub(super) names: Names,
    pub(super) clock: Clock,
    /// A device came online or ended.
    pub(super) changed: Notify,
    /// Whatever is random about the fleet comes from here.
    seed: u64,
    metrics: Mutex<Metrics>,
}

/// What the devices of a cohort share.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Arc<Settings>,
    pub(super) network: NetworkProfile,
    pub(super) transport: Transport,
}

/// One device, whether it runs or not.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) identity: Arc<Identity>,
    /// Its place in the fleet.
    pub(super) number: u32,
    /// Its place in its cohort, from 1.
    place_in_cohort: u32,
    is_online: AtomicBool,
    control: Mutex<Control>,
}

/// Orders for a device.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) wanted: Wanted,
    /// A goodbye that its task has yet to say, even if it is to start again after it.
    pub(super) is_stop_ordered: bool,
    /// Whether it has a task.
    pub(super) is_running: bool,
    /// Trouble that its task has yet to take.
    pub(super) troubles: Rare<Vec<(Trouble, Duration)>>,
    /// Wakes its task.
    pub(super) waker: Option<Waker>,
    /// Its network, while it has no task.
    pub(super) network: Option<Box<Network>>,
}

/// What is to become of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Off, with a goodbye.
    #[default]
    Off,
    /// On, from that time.
    On { due: Instant },
    /// Off, without a goodbye.
    Gone,
}

impl Shared {
    pub(super) fn new(endpoints: Endpoints, clock: Clock, devices: usize, seed: u64) -> Self {
        let mut metrics = Metrics::default();
        metrics.counts.devices = u64::try_from(devices).unwrap_or(u64::MAX);
        Self {
            endpoints,
            names: Names::default(),
            clock,
            changed: Notify::new(),
            seed,
            metrics: Mutex::new(metrics),
        }
    }

    /// For a short while, and never across an `.await`.
    pub(super) fn metrics(&self) -> MutexGuard<'_, Metrics> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    pub(super) fn new(identity: Identity, number: u32, place_in_cohort: u32) -> Arc<Self> {
        Arc::new(Self {
            identity: Arc::new(identity),
            number,
            place_in_cohort,
            is_online: AtomicBool::new(false),
            control: Mutex::default(),
        })
    }

    /// What sets it apart in its cohort.
    pub(super) fn place(&self, shared: &Shared) -> Place {
        Place {
            number: u64::from(self.place_in_cohort),
            seed: self.seed(shared),
        }
    }

    /// Its network's seed: of another sequence than the device's own.
    pub(super) fn network_seed(&self, shared: &Shared) -> u64 {
        Random::seeded(!self.seed(shared)).next_u64()
    }

    /// Whatever is random about it comes from here.
    fn seed(&self, shared: &Shared) -> u64 {
        Random::nth(shared.seed, u64::from(self.number))
    }

    /// For a short while, and never across an `.await`.
    pub(super) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_online(&self) -> bool {
        self.is_online.load(Ordering::Acquire)
    }

    /// What it was before.
    pub(super) fn set_online(&self, online: bool) -> bool {
        self.is_online.swap(online, Ordering::AcqRel)
    }

    /// Changes its orders and wakes its task.
    pub(super) fn order(&self, change: impl FnOnce(&mut Control)) {
        let mut control = self.control();
        change(&mut control);
        let waker = control.waker.take();
        drop(control);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
