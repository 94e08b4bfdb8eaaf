//! The `hubnerite` command line: a hub, its devices, and tools to talk to them.

pub mod cli;
pub mod exit_code;
pub mod trust;
