//! The wire formats and the vocabulary of IoT Hub.
//!
//! Everything here is a pure function of its arguments: bytes in, values out, and back. The crate
//! never opens a socket, reads a clock, spawns a task or writes a log; a test of the workspace
//! (`tests/it/tidy.rs`) holds it to that. The hub (`hub-core`, `emulator`) and the fleet simulator
//! (`device-sim`) share it, which is why its judges come from outside: byte vectors from the
//! specification, independent codecs, and the official SDKs.
//!
//! | Module | Knows |
//! |---|---|
//! | [`ids`] | what a device id, module id or method name may be |
//! | [`mqtt`] | MQTT 3.1.1 packets, and the rules of a server's connection |
//! | [`topic`] | the hub's topic grammar, both ways |
//! | [`property_bag`], [`raw_bag`] | url-encoded message properties, read and unread |
//! | [`sas`] | shared access signatures |
//! | [`connection_string`] | `HostName=…;DeviceId=…;SharedAccessKey=…` |
//! | [`error_code`] | the hub's numbered errors |
//! | [`json`] | where JSON text ends, and whether it is JSON |
//! | [`fuzz`] | what must hold for any input; the bodies of the fuzz targets |
//! | [`time`] | instants and timestamps that the caller supplies |

pub mod connection_string;
pub mod error_code;
pub mod fuzz;
pub mod ids;
pub mod json;
pub mod mqtt;
mod percent;
pub mod property_bag;
pub mod raw_bag;
pub mod sas;
pub mod time;
pub mod topic;
