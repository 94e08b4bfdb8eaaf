//! The command line: one sub-command a file.

mod admin;
mod completions;
mod configuration;
mod demo;
mod device;
mod doctor;
mod env;
mod error;
mod events;
mod exec;
mod fleet;
mod hub;
mod identity;
mod job;
mod ledger;
mod method;
mod module;
mod not_built;
mod plan;
mod policy;
mod port_holder;
mod print;
mod query;
mod root;
mod run;
mod sas;
mod signals;
mod start;
mod trust;
mod twin;
mod up;
mod verify;

pub use error::CliError;
use print::{say, say_json};
pub use root::main;
