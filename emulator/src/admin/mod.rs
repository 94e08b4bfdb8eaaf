//! The admin endpoint: plain HTTP for tests and tools.
//!
//! Health, the certificates to trust, what the hub is called and how to connect, and the event log
//! as lines of JSON. Reads only; answers nobody who came under a foreign host name (DNS rebinding).
//! Knows the hub as its log and its names; `docs/ADMIN.md` is what a user may rely on.

mod event_json;
mod events;
mod hub_json;
mod serve;
#[cfg(test)]
mod tests;

pub(crate) use serve::{AdminContext, serve_connection};
