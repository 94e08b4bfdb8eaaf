//! Module identities. Not built: each operation is refused by name.

use hyper::Method;

use super::operation::Operation;

const GAP: &str = "module identities";

/// The identities of modules.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::absent(
        "Modules_GetModulesOnDevice",
        Method::GET,
        "devices/{id}/modules",
        GAP,
    ),
    Operation::absent(
        "Modules_GetIdentity",
        Method::GET,
        "devices/{id}/modules/{mid}",
        GAP,
    ),
    Operation::absent(
        "Modules_CreateOrUpdateIdentity",
        Method::PUT,
        "devices/{id}/modules/{mid}",
        GAP,
    ),
    Operation::absent(
        "Modules_DeleteIdentity",
        Method::DELETE,
        "devices/{id}/modules/{mid}",
        GAP,
    ),
];
