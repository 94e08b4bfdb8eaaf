//! Virtual devices: they speak MQTT to a hub as an SDK does, and reboot on command.
//!
//! Everything but [`driver`], [`fleet`] and [`transport`] is a pure function of its arguments: time and bytes
//! come in, bytes and facts go out, and whatever is random comes from a seed. One [`device::Device`]
//! is a few hundred bytes and a table of deadlines, so that a driver may run one or thousands.
//!
//! | Module | Responsible for |
//! |---|---|
//! | [`session`] | the client's side of one MQTT connection to a hub |
//! | [`behaviour`] | what devices do, as data |
//! | [`machine`] | one device's run of a behaviour |
//! | [`device`] | one device: joins session and machine, decides when to dial |
//! | [`transport`] | TCP, TLS, WebSocket, and pipes in memory |
//! | [`netem`] | the network between: delay, cuts, trouble on demand |
//! | [`driver`] | the clock; owns socket and timer of one device |
//! | [`fleet`] | many devices: who, when, one task each |
//! | [`metrics`] | what a fleet did, and whether it kept up with its own plan |
//! | [`random`] | seeded numbers |

pub mod behaviour;
pub mod device;
pub mod driver;
pub mod fleet;
pub mod machine;
pub mod metrics;
pub mod netem;
mod open;
pub mod random;
mod rare;
pub mod session;
pub mod transport;
