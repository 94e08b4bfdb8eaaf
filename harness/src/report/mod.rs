//! Reports: a verdict as text for people, build servers and browsers.
//!
//! Everything here reads [`crate::judge::verdict::Verdict`] and nothing else: no clock, no terminal, no
//! event log. The same verdict gives the same bytes. docs/REPORTS.md says what each form holds.
//!
//! | Module | Responsible for |
//! |---|---|
//! | [`request`] | `--report KIND=FILE` |
//! | [`write`](mod@write) | files that are whole or not there |
//! | `human`, `json`, `junit`, `tap`, `html` | one form each |
//! | [`baseline`], `metric` | a previous report, and gates against it |
//! | `text` | the words and figures they share |

pub mod baseline;
mod html;
mod human;
mod json;
mod junit;
mod metric;
pub mod request;
#[cfg(test)]
mod samples;
mod tap;
mod text;
pub mod write;

pub use request::{Destination, ReportKind, ReportRequest, RequestError};
pub use write::{ReportError, render, write};
