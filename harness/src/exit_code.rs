//! The exit codes of every sub-command: a promise to scripts.
//!
//! `run` is [`FAILED`] if a step or a check failed or a `--fail-on` is true, [`USAGE`] if a file has a mistake,
//! and [`COULD_NOT_RUN`] if a step or a check could not be carried out, which outweighs a failure. After a signal
//! it judges and reports what had happened, and ends with 128 and the signal's number.
//!
//! `exec` is the exception: it passes on its command's own code (128 + the signal's number if a
//! signal ended it), and uses these only when the command could not be started at all.

/// Everything asked for was done.
pub const OK: u8 = 0;
/// The hub, or the device behind it, said no; or something waited for did not happen.
pub const FAILED: u8 = 1;
/// The command line, a variable or a file is wrong; nothing was started.
pub const USAGE: u8 = 2;
/// Could not run: a port cannot be bound, a hub cannot be reached, a file cannot be written.
pub const COULD_NOT_RUN: u8 = 3;
/// The command of `exec` was found but may not be run, as a shell has it.
pub const NOT_EXECUTABLE: u8 = 126;
/// The command of `exec` was not found, as a shell has it.
pub const NOT_FOUND: u8 = 127;
