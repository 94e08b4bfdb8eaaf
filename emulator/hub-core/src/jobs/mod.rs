//! Scheduled jobs: one twin update or one direct method for every device that a condition names.
//!
//! [`Jobs`] is responsible for when a job starts and ends, for the row that each of its devices has,
//! for how many devices are worked on at once and how fast, and for what is remembered. It knows
//! nothing of shards, twins or links: whom a condition names, and what became of one device, it is
//! told. Source: Microsoft's "Schedule jobs on multiple devices" and the service API of 2021-04-12.
//!
//! **The law.** Commands and feedback may come in any order; after each, and when the instant of
//! [`Jobs::poll_deadline`] has come (then after [`Jobs::handle_deadline`]), call
//! [`Jobs::poll_output`] until it is `None`. Outputs are made when they are asked for, so a job of a
//! million devices never fills a queue. Each [`JobOutput::FindTargets`] wants one
//! [`Jobs::targets_found`] or [`Jobs::condition_refused`], each [`JobOutput::Operate`] one
//! [`Jobs::operation_ended`].

mod id;
mod image;
mod job;
mod machine;
mod output;
mod read;
mod row;
mod spec;

pub use id::JobId;
pub use job::{JobNumber, JobStatistics, JobStatus, JobView};
pub use machine::Jobs;
pub use output::{JobOutput, Operation, Outcome, Run};
pub use read::{JobFilter, RowCursor};
pub use row::{RowError, RowStatus, RowView};
pub use spec::{JobSpec, JobType, JobWork};
