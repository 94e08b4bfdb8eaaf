//! HTTP/1.0 and 1.1 as a server: bytes to requests, answers to bytes, and the loop that serves a
//! connection.
//!
//! Why this is not hyper's server stands in ADR 9. Knows no path, no policy and no error body; those
//! belong to the endpoints (`rest`, `admin`, `blob`), which each give a [`Service`].

mod answer;
mod body;
mod chunks;
mod connection;
mod date;
mod head;
mod input;
mod target;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use answer::{Answer, Pieces, is_token, is_value};
pub(crate) use body::{Body, BodyFault};
pub(crate) use connection::{HeadBounds, Service, Upgraded, serve};
pub(crate) use head::{Head, printable};
pub(crate) use input::Transport;
pub(crate) use target::{host, only_host, query_parameter};
