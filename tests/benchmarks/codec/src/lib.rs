//! The codec of `hub-proto` and three others, called alike: rumqttd's (a broker), rumqttc's (a client) and
//! rmqtt's (a broker).
//!
//! | Module | Responsible for |
//! |---|---|
//! | `packets` | the packets that are measured, as bytes |
//! | `codecs` | reading and writing with each codec |

#![expect(
    clippy::missing_panics_doc,
    reason = "a measurement that fails is a panic"
)]

pub mod codecs;
pub mod packets;
