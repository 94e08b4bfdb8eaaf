//! Runs scenarios: an embedded hub, a fleet, the steps, and the judge, joined in one loop.
//!
//! Under virtual time hub, fleet and runner share one thread and one clock that jumps to the next thing to
//! do, so that the same seed gives the same verdict, byte for byte. [`run_blocking`] makes the
//! runtime that this takes.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `plan` | names resolved, bounds checked, behaviours read: all mistakes before the first step |
//! | `roster` | who takes part, and whom a target means |
//! | `hub` | the embedded hub and the ways in |
//! | `absence` | whether the embedded hub answers services |
//! | `access` | how programs that are not ours find the hub |
//! | `process` | a program that a step starts |
//! | `elsewhere` | a hub that is not this process's |
//! | `service`, `rest_service` | the service's side of it, in process and over REST |
//! | `poll` | facts of a hub without a log, made of how its twins differ from look to look |
//! | `remote_log` | its event log, read from its admin API |
//! | `run` | a run from start to verdict |
//! | `course` | the one loop |
//! | `steps` | carries steps out |
//! | `message` | what steps tell the loop |
//! | `observe` | the hub's event log as the judge sees it |
//! | `event` | what whoever watches is told |
//! | `words` | steps in words |

mod absence;
mod access;
mod course;
mod elsewhere;
mod event;
mod hub;
mod message;
mod observe;
mod plan;
mod poll;
mod process;
mod remote_log;
mod rest_service;
mod roster;
mod run;
mod service;
mod steps;
#[cfg(test)]
mod test_scenario;
#[cfg(test)]
mod tests;
mod words;

pub use elsewhere::Elsewhere;
pub use event::{Observer, RunEvent, Silent};
pub use plan::Plan;
pub use run::{RunOptions, run, run_blocking, run_plan_blocking};
