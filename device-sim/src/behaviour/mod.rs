//! What devices do, as data: the programs that a [`crate::machine::Machine`] runs.
//!
//! A behaviour is a YAML file: states, what sets something off in them, and what is done then. Those
//! that come with the program are files of the same form, under `device-sim/behaviours`; the language
//! is described in `docs/BEHAVIOURS.md`. This module reads it and knows nothing of running it.

mod built_in;
mod error;
mod parameter;
mod program;
mod read;
mod read_action;
mod read_text;
mod span;
mod template;
mod yaml;

pub use self::error::ProgramError;
pub(crate) use self::program::{Body, Step, Test, Trigger, When};
pub use self::program::{Program, Uses};
pub(crate) use self::span::{Span, unit};
pub(crate) use self::template::{Scope, Template, leads_somewhere};

#[cfg(test)]
mod tests;
