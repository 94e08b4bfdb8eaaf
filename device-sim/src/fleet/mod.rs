//! Many devices at once: a plan of cohorts, and the tasks that bring it to life.
//!
//! Responsible for who exists, when each is meant to start, and how to reach them all. Knows neither
//! scenarios nor the hub's REST side: identities are registered by somebody else.

mod handle;
mod line;
mod member;
mod plan;
mod run;
mod watch;

pub use handle::{Fleet, Selection};
pub use plan::{Arrival, CohortPlan, DevicePlan, FleetPlan};

pub use crate::transport::Transport;
