//! Device connections in memory and in virtual time, byte by byte.
//!
//! What a device sends and what it must get are written out as bytes wherever that can be read; the
//! token of `dev1` is the one test vector that no code of ours computed.

mod connect;
mod flow;
mod session;
mod support;
mod throttles;
mod timing;
