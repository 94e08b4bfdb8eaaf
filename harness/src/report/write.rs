//! Puts reports where they were asked for: a file is whole or not there, and one that cannot be
//! written does not stop the others.

use std::io;

use super::request::{Destination, ReportKind, ReportRequest};
use crate::judge::verdict::Verdict;

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the {kind} report to {destination}: {source}")]
pub struct ReportError {
    /// Which form.
    pub kind: ReportKind,
    /// Where to.
    pub destination: Destination,
    /// Why.
    pub source: io::Error,
}

/// The report as text. The human one is coloured: print it through `anstream`.
pub fn render(kind: ReportKind, verdicts: &[Verdict]) -> String {
    let _ = (kind, verdicts);
    todo!()
}

/// Writes each report; every one that failed is named.
pub fn write(requests: &[ReportRequest], verdicts: &[Verdict]) -> Result<(), Vec<ReportError>> {
    let _ = (requests, verdicts);
    todo!()
}
