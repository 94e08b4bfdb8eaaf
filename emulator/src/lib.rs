//! Azure IoT Hub in one process.
//!
//! [`Emulator::start`] binds the endpoints and returns a [`RunningEmulator`] with the ports, the
//! connection strings and the path of the CA certificate. Inside, the front ends (`mqtt`, `rest`,
//! `admin`) know only [`hub::HubHandle`]; they never see each other or a shard.
//!
//! | Module | Responsible for |
//! |---|---|
//! | [`config`] | what can be set, with its defaults |
//! | `clock` | the only place that reads a clock |
//! | [`hub`] | typed calls to the hub; finds the shard, carries out its outputs |
//! | `event_log` | the hub's bounded, ordered log of facts |
//! | `mqtt` | device connections over TCP, TLS and WebSocket |
//! | `rest` | the service endpoint over HTTPS |
//! | `admin` | health, certificates and the event log for tests and tools |
//! | [`tls`] | the certificate authority, leaves on demand, trust exports |

pub mod config;
pub mod hub;
pub mod tls;
