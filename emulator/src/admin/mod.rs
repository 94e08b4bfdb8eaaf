//! The admin endpoint: plain HTTP for tests and tools.
//!
//! Answers nobody who came under a foreign host name (DNS rebinding) or from a foreign page. Knows
//! the hub by its handle and its log; `docs/ADMIN.md` is what a user may rely on.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `serve` | one connection: who may ask, and for what |
//! | `route` | the table of operations; finds the one that is asked for |
//! | `call` | a request as its operation sees it |
//! | `choose` | which hub an operation is about |
//! | `answer` | answers and problems |
//! | `openapi` | the table as a document for programs |
//! | `health`, `trust`, `hub_json` | that it lives, whom to trust, how to connect |
//! | `metrics` | the hubs in numbers |
//! | `hubs` | which hubs there are; making and removing them |
//! | `policies` | the shared access policies, and changing them |
//! | `events`, `event_json` | the event log |
//! | `matcher`, `json_path` | which events are meant |
//! | `verify`, `watch` | whether the hub saw it, and waiting until it does; the nearest miss |
//! | `snapshot` | reset, snapshot, restore |
//! | `clock`, `iso` | the hub's time; spans and instants as text |

mod answer;
mod call;
mod choose;
mod clock;
mod event_json;
mod events;
mod health;
mod hub_json;
mod hubs;
mod iso;
mod json_path;
mod lags;
mod ledger;
mod matcher;
mod messages;
mod metrics;
mod openapi;
mod policies;
mod route;
mod seed;
mod serve;
mod snapshot;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod tests;
mod trust;
mod verify;
mod watch;

pub(crate) use serve::{AdminContext, serve_connection};
