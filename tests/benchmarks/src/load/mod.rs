//! The load generator: one thread with one epoll and one read buffer, and what talks on its connections.
//!
//! It has to be light, since it shares the cores with the server it measures. Packets are made once, as
//! far as they can be; nothing is buffered for a connection that is idle.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `reactor` | many connections on one thread: opening them, carrying bytes between them and their talkers |
//! | `stream` | one connection, plain or TLS |
//! | `tls` | what clients trust, and their tickets |
//! | `talker` | what a figure has said on a connection |
//! | `meter` | what is counted, and when |
//! | `mqtt` | packets, byte for byte |
//! | `device` | devices: idle, answering calls, publishing |
//! | `caller` | callers of methods over MQTT and HTTP |

mod caller;
mod device;
mod meter;
mod mqtt;
mod reactor;
mod stream;
mod talker;
mod tls;

pub(crate) use caller::{EchoCaller, HttpCaller, MqttCaller};
pub(crate) use device::{AnswerRoot, Answering, Idle, Publishing, request_id};
pub(crate) use meter::{Window, new_histogram};
pub(crate) use mqtt::{SignedIn, connect_packet, publish_packet, subscribe_packet};
pub(crate) use reactor::{Plan, Reactor};
pub(crate) use talker::Talker;
pub(crate) use tls::{ClientTls, TicketPool};
