//! Who is in a fleet, and when each is meant to start.

use std::sync::Arc;
use std::time::Duration;

use hub_proto::sas::SasKey;

use crate::device::{Identity, Settings};
use crate::netem::NetworkProfile;
use crate::transport::Transport;

/// A whole fleet.
#[derive(Clone, Debug)]
pub struct FleetPlan {
    /// Whatever is random about the fleet comes from here.
    pub seed: u64,
    /// Its cohorts, in order.
    pub cohorts: Vec<CohortPlan>,
}

/// Devices that are alike.
#[derive(Clone, Debug)]
pub struct CohortPlan {
    /// What it is called.
    pub name: Arc<str>,
    /// Its devices, in the order of their arrival.
    pub devices: Vec<DevicePlan>,
    /// How its devices behave.
    pub settings: Settings,
    /// How they come.
    pub arrival: Arrival,
    /// What lies between them and the hub.
    pub network: NetworkProfile,
    /// What they speak.
    pub transport: Transport,
    /// Whether [`super::Selection::Autostart`] means them.
    pub autostart: bool,
}

/// One device.
#[derive(Clone, Debug)]
pub struct DevicePlan {
    /// Its id.
    pub id: Arc<str>,
    /// One of its keys.
    pub key: SasKey,
    /// The hub's host name, as in the connection string.
    pub host: Arc<str>,
}

impl From<DevicePlan> for Identity {
    fn from(plan: DevicePlan) -> Self {
        Self {
            host: plan.host,
            device_id: plan.id,
            key: plan.key,
        }
    }
}

/// How the devices of a cohort come. Each start is fixed in advance: a device that starts late does
/// not hold up the next (an open model).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Arrival {
    /// All at once.
    #[default]
    Burst,
    /// So many a second.
    Rate(f64),
    /// Evenly spread over so long.
    Over(Duration),
}

impl Arrival {
    /// When device `index` of `count` is meant to start, counted from the start of the first.
    pub fn offset(self, index: usize, count: usize) -> Duration {
        let (index, count) = (
            u32::try_from(index).unwrap_or(u32::MAX),
            u32::try_from(count).unwrap_or(u32::MAX),
        );
        match self {
            Self::Burst => Duration::ZERO,
            Self::Rate(rate) => {
                Duration::try_from_secs_f64(f64::from(index) / rate).unwrap_or(Duration::ZERO)
            }
            Self::Over(whole) => whole.mul_f64(f64::from(index) / f64::from(count.max(1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_fixed_in_advance_by_place_alone() {
        let seconds = Duration::from_secs_f64;
        for (arrival, index, expected) in [
            (Arrival::Burst, 99, Duration::ZERO),
            (Arrival::Rate(50.0), 0, Duration::ZERO),
            (Arrival::Rate(50.0), 99, seconds(1.98)),
            // Evenly: the last of a hundred comes a hundredth before the end.
            (Arrival::Over(seconds(10.0)), 99, seconds(9.9)),
            (Arrival::Over(seconds(10.0)), 1, seconds(0.1)),
            // A rate that is none is no reason to panic.
            (Arrival::Rate(0.0), 1, Duration::ZERO),
            (Arrival::Rate(f64::NAN), 1, Duration::ZERO),
        ] {
            assert_eq!(arrival.offset(index, 100), expected, "{arrival:?} {index}");
        }
    }
}
