//! AMQP 1.0, so far only refused: a client that dials the AMQP port is told at once and in its own
//! protocol that AMQP is not built, instead of waiting for half a minute.
//!
//! Knows nothing of links, tokens or messages.

mod frames;
mod refuse;

pub(crate) use refuse::{ledger_rows, serve};
