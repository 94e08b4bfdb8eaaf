//! Jobs: scheduled ones over many devices, imports and exports. Not built: each operation is refused
//! by name.

use hyper::Method;

use super::operation::Operation;

const GAP: &str = "jobs";

/// Scheduled jobs, imports and exports.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::absent(
        "Jobs_CreateScheduledJob",
        Method::PUT,
        "jobs/v2/{jobId}",
        GAP,
    ),
    Operation::absent("Jobs_GetScheduledJob", Method::GET, "jobs/v2/{jobId}", GAP),
    Operation::absent(
        "Jobs_CancelScheduledJob",
        Method::POST,
        "jobs/v2/{jobId}/cancel",
        GAP,
    ),
    Operation::absent("Jobs_QueryScheduledJobs", Method::GET, "jobs/v2/query", GAP),
    Operation::absent(
        "Jobs_CreateImportExportJob",
        Method::POST,
        "jobs/create",
        GAP,
    ),
    Operation::absent("Jobs_GetImportExportJobs", Method::GET, "jobs", GAP),
    Operation::absent("Jobs_GetImportExportJob", Method::GET, "jobs/{jobId}", GAP),
    Operation::absent(
        "Jobs_CancelImportExportJob",
        Method::DELETE,
        "jobs/{jobId}",
        GAP,
    ),
];
