//! Device streams, a preview of Azure/azure-iot-sdk-csharp (`ServiceClient.CreateStreamAsync`). Not
//! built: each operation is refused by name.

use hyper::Method;

use super::operation::Operation;

const GAP: &str = "device streams";

/// Device streams.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::absent(
        "Devices_CreateStream",
        Method::POST,
        "twins/{id}/streams/{name}",
        GAP,
    ),
    Operation::absent(
        "Modules_CreateStream",
        Method::POST,
        "twins/{id}/modules/{mid}/streams/{name}",
        GAP,
    ),
];
