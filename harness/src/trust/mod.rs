//! What clients must be told so that they trust the hub, and whether this machine suits one.
//!
//! Nothing here installs anything: [`guide()`] says what a person may type, [`variables`] gives what a
//! process may be started with, [`examine`] looks and reports. Knows no command line.

mod doctor;
mod guide;
mod probes;
mod shell;
mod variables;

pub use doctor::{Finding, Verdict, report, worst};
pub use guide::{Sdk, System, guide};
pub use probes::{Examination, examine};
pub use shell::{Shell, render};
pub use variables::{trust_files, variables};
