//! The fleet as its owner holds it: start, stop, trouble, measure.

use std::sync::Arc;
use std::time::Duration;

use crate::driver::Clock;
use crate::fleet::FleetPlan;
use crate::metrics::Metrics;
use crate::netem::Trouble;
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
    _plan: FleetPlan,
}

impl Fleet {
    /// A fleet that has not started. Needs a runtime from [`Fleet::start`] on.
    pub fn new(_plan: FleetPlan, _endpoints: Endpoints, _clock: Clock) -> Self {
        todo!()
    }

    /// Starts devices as their cohort arrives, counted from now; those that run go on. One that was
    /// stopped starts as new.
    pub fn start(&mut self, _which: &Selection) {
        todo!()
    }

    /// Comes back when each of them has been online since the call.
    pub async fn online(&self, _which: &Selection) {
        todo!()
    }

    /// Tells devices to say goodbye; [`Fleet::stopped`] waits for it.
    pub fn stop(&mut self, _which: &Selection) {
        todo!()
    }

    /// Comes back when none of them runs any more.
    pub async fn stopped(&self, _which: &Selection) {
        todo!()
    }

    /// Troubles the network of devices from now on, for `lasts`.
    pub fn fault(&mut self, _which: &Selection, _trouble: Trouble, _lasts: Duration) {
        todo!()
    }

    /// What was counted and measured so far.
    pub fn metrics(&self) -> Metrics {
        todo!()
    }

    /// Says goodbye for all devices, and waits for that a bounded time.
    pub async fn shutdown(self) {
        todo!()
    }
}
