//! Servers that the suite serves itself, each in a process of its own: this binary with `serve NAME`. They
//! end with the suite, when their input is closed.
//!
//! | Module | Serves |
//! |---|---|
//! | `served` | starts them, and is what such a process runs |
//! | `http` | a fixed answer, by bare hyper |
//! | `echo` | every byte again, by bare tokio |
//! | `handshakes` | TLS, by bare rustls |
//! | `rumqttd`, `ntex` | brokers to compare with, each behind a feature |
//! | `calling_hub` | the emulator as a library, with callers in its process |

mod calling_hub;
mod echo;
mod handshakes;
mod http;
#[cfg(feature = "ntex")]
mod ntex;
#[cfg(feature = "rumqttd")]
mod rumqttd;
mod served;

pub(crate) use served::Served;
