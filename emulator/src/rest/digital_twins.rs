//! Digital twins (Plug and Play). Not built: each operation is refused by name.

use hyper::Method;

use super::operation::Operation;

const GAP: &str = "digital twins";

/// Digital twins.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::absent(
        "DigitalTwin_GetDigitalTwin",
        Method::GET,
        "digitaltwins/{id}",
        GAP,
    ),
    Operation::absent(
        "DigitalTwin_UpdateDigitalTwin",
        Method::PATCH,
        "digitaltwins/{id}",
        GAP,
    ),
    Operation::absent(
        "DigitalTwin_InvokeRootLevelCommand",
        Method::POST,
        "digitaltwins/{id}/commands/{name}",
        GAP,
    ),
    Operation::absent(
        "DigitalTwin_InvokeComponentCommand",
        Method::POST,
        "digitaltwins/{id}/components/{component}/commands/{name}",
        GAP,
    ),
];
