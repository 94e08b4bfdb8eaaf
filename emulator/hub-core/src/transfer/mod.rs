//! Import and export of identities: the jobs, and the lines of the files.
//!
//! [`Transfers`] is responsible for which job runs, how far it is and what is remembered; the other
//! parts for lines: printing what is exported ([`device_line`], [`module_line`]), taking a file apart
//! within bounds ([`LineSplitter`]) and telling which line failed ([`error_line`]). None of them knows
//! where the files are. Source: Microsoft's "Import and export IoT Hub device identities in bulk" and
//! the service API of 2021-04-12.
//!
//! **The law.** After [`Transfers::create`] ask [`Transfers::poll_start`] for the job to carry out,
//! report with [`Transfers::progressed`] as long as that says to go on, and end with
//! [`Transfers::ended`].

mod line;
mod machine;
mod spec;
mod splitter;

pub use line::{KEYS_EXCLUDED, LINE_END, configuration_line, device_line, error_line, module_line};
pub use machine::Transfers;
pub use spec::{TransferKind, TransferSpec, TransferStatus, TransferView};
pub use splitter::{LineSplitter, SplitLine};
