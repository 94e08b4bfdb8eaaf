//! Automatic device configurations and deployments. Not built: each operation is refused by name.

use hyper::Method;

use super::operation::Operation;

const GAP: &str = "automatic device configurations";

/// Configurations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::absent(
        "Configuration_GetConfigurations",
        Method::GET,
        "configurations",
        GAP,
    ),
    Operation::absent(
        "Configuration_Get",
        Method::GET,
        "configurations/{cfg}",
        GAP,
    ),
    Operation::absent(
        "Configuration_CreateOrUpdate",
        Method::PUT,
        "configurations/{cfg}",
        GAP,
    ),
    Operation::absent(
        "Configuration_Delete",
        Method::DELETE,
        "configurations/{cfg}",
        GAP,
    ),
    Operation::absent(
        "Configuration_TestQueries",
        Method::POST,
        "configurations/testQueries",
        GAP,
    ),
    Operation::absent(
        "Configuration_ApplyOnEdgeDevice",
        Method::POST,
        "devices/{id}/applyConfigurationContent",
        GAP,
    ),
];
