//! Imports and exports of identities. Not built: each operation is refused by name.

use hyper::Method;

use super::operation::Operation;

const GAP: &str = "import and export jobs";

/// Imports and exports; the first generation of jobs.
pub(super) const OPERATIONS: &[Operation] = &[
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
