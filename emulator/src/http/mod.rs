//! What every HTTP endpoint shares: the loop that serves a connection, and how a request's target
//! is read.
//!
//! Knows no path, no policy and no error body; those belong to the endpoints (`rest`, `admin`).

mod connection;
mod names;
mod target;

pub(crate) use connection::{HeadBounds, serve};
pub(crate) use names::NamesAsWritten;
pub(crate) use target::{host, query_parameter};
