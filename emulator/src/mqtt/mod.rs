//! Device connections: MQTT 3.1.1 over any byte stream.

pub(crate) mod websocket;
