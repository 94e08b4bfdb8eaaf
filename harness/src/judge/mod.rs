//! The judge: what the hub's event log says about the checks of a scenario.

pub mod observed;
pub mod verdict;
