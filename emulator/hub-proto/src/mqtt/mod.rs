//! MQTT 3.1.1 as IoT Hub speaks it: packets, and the rules of a server's connection.
//!
//! [`decode`] turns bytes into borrowed [`packet`]s without allocating; [`encode`] appends packets to
//! a buffer; [`session`] is the server's side of one connection as a state machine without I/O;
//! [`login`] reads what a CONNECT says about who calls. Each way to break the protocol is a
//! [`violation`] with its clause.

pub mod decode;
pub mod encode;
pub mod login;
pub mod packet;
pub mod session;
pub mod violation;
