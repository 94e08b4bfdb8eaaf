//! Device connections: MQTT 3.1.1 over any byte stream.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `link` | one connection: the stream, the timer, the order of reading and writing |
//! | `input` | bytes off the stream, without a buffer for those who are silent |
//! | `mailbox` | what waits to be written |
//! | `conversation` | what a device's packets mean for the hub |
//! | `authenticate` | who is let in |
//! | `operations` | what devices do, as the ledger has it |
//! | `gate` | which packets wait at the throttles |
//! | `end` | why a connection ended |
//! | `peer` | the address at the other end |
//! | `websocket` | a WebSocket as a byte stream |
//!
//! Nothing here knows a shard, a route of HTTP or how a listener came by its stream.

mod authenticate;
mod burst;
mod conversation;
mod end;
mod gate;
mod input;
mod link;
mod mailbox;
mod operations;
mod peer;
#[cfg(test)]
mod tests;
pub(crate) mod websocket;

pub(crate) use link::serve;
pub(crate) use operations::ledger_rows;
