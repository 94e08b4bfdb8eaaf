//! The server as its clients see it, and beside hyper's.

mod behaviour;
mod limits;
mod oracle;
mod strictness;
mod support;
