//! From the YAML tree to the typed tree, one file a part of the format. Each function reads one value
//! and notes every mistake in it; it knows no other part of the file, so names stay unresolved.

mod checks;
mod condition;
mod fleet;
mod job;
mod shell;
mod steps;
mod target;
mod top;

pub(super) use top::{DEVICES_MAX, Parts, Read, Top, scenario};
