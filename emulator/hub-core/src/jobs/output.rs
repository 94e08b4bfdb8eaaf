//! What the jobs ask the outside to do, and how the outside answers.

use std::sync::Arc;

use hub_proto::ids::DeviceId;

use super::job::JobNumber;
use super::spec::JobSpec;
use crate::event::Event;
use crate::method::MethodResult;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum JobOutput {
    /// Find the devices that the job's condition names, in the order of their ids, up to `limit` of
    /// them after `after`.
    FindTargets {
        /// To be given back with what was found.
        run: Run,
        /// Has the condition.
        spec: Arc<JobSpec>,
        /// Where the last page ended.
        after: Option<DeviceId>,
        /// How many at most.
        limit: usize,
    },
    /// Do the job's work to one device.
    Operate {
        /// To be given back with what became of it.
        operation: Operation,
        /// To whom.
        device: DeviceId,
        /// Has the work.
        spec: Arc<JobSpec>,
    },
    /// Append a fact to the event log.
    Event(Event),
}

/// A running job, as those who look for its targets know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run(pub(super) JobNumber);

/// The work on one device, as those who do it know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    pub(super) job: JobNumber,
    /// The row's place in its job.
    pub(super) row: usize,
}

/// What became of the work on a device that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The twin was changed.
    Updated,
    /// The device answered; its status, whatever it is, makes no failure.
    Answered(MethodResult),
}
