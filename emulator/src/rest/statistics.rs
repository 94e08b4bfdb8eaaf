//! Counts of devices. Not built: each operation is refused by name.

use hyper::Method;

use super::operation::Operation;

const GAP: &str = "statistics";

/// Statistics.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::absent(
        "Statistics_GetDeviceStatistics",
        Method::GET,
        "statistics/devices",
        GAP,
    ),
    Operation::absent(
        "Statistics_GetServiceStatistics",
        Method::GET,
        "statistics/service",
        GAP,
    ),
];
