//! The built binary from outside: exit codes, variables, signals, logs, and tools against a running hub.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[cfg(target_os = "linux")]
mod exec;
mod fleet;
mod guide;
mod identities;
mod log;
mod messages;
mod run;
#[cfg(target_os = "linux")]
mod scale;
mod support;
mod tables;
mod tools;
mod up;
