//! Counts of devices.

use hyper::Method;

use super::auth::Need;
use super::call::Call;
use super::document::{Body, Document};
use super::error::Shape;
use super::operation::{Answer, Fidelity, Operation};
use super::reply::{Reply, json};

/// Statistics.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "Statistics_GetDeviceStatistics",
        verb: Method::GET,
        path: "statistics/devices",
        need: Need::RegistryRead,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(|call| Ok(of_registry(call))),
        document: Document {
            summary: "Counts devices: all, enabled, disabled.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "RegistryStatistics")],
            errors: &[],
        },
    },
    Operation {
        name: "Statistics_GetServiceStatistics",
        verb: Method::GET,
        path: "statistics/service",
        // No source ties it to one permission.
        need: Need::RegistryReadOrServiceConnect,
        fidelity: Fidelity::Exact,
        shape: Shape::Legacy,
        answer: Answer::Now(|call| Ok(of_service(call))),
        document: Document {
            summary: "Counts connected devices.",
            query: &[],
            headers: &[],
            body: Body::None,
            answers: &[(200, "ServiceStatistics")],
            errors: &[],
        },
    },
];

/// `GET /statistics/devices`.
fn of_registry(call: &Call) -> Reply {
    let counts = call.hub.device_statistics();
    json(format!(
        r#"{{"totalDeviceCount":{},"enabledDeviceCount":{},"disabledDeviceCount":{}}}"#,
        counts.enabled + counts.disabled,
        counts.enabled,
        counts.disabled
    ))
}

/// `GET /statistics/service`.
fn of_service(call: &Call) -> Reply {
    let connected = call.hub.device_statistics().connected;
    json(format!(r#"{{"connectedDeviceCount":{connected}}}"#))
}
