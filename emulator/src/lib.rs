//! Azure IoT Hub in one process.
//!
//! [`Emulator::start`] binds the endpoints and returns a [`RunningEmulator`] with the ports, the
//! connection strings and the path of the CA certificate. Inside, the front ends (`mqtt`, `rest`,
//! `admin`) know only [`hub::HubHandle`]; they never see each other or a shard.
//!
//! # In a test
//!
//! A hub of the test's own, on ports that the system chooses:
//!
//! ```
//! use emulator::config::Ports;
//! use emulator::{Config, Emulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let hub = Emulator::start(Config {
//!     ports: Ports::ANY,
//!     ..Config::new(folder.path())
//! })
//! .await?;
//! let connection_string = hub.connection_string("iothubowner", "localhost");
//! assert!(connection_string.is_some_and(|text| text.starts_with("HostName=localhost;")));
//! // The code under test gets it, with `hub.ports()` and the CA at `hub.ca_path()`.
//! assert_eq!(hub.hub().device_count(), 0);
//! hub.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # A hub for each test
//!
//! A test suite that starts one emulator makes each test a hub of its own, in microseconds. Hubs share
//! the endpoints, the certificate authority and the clock, and no device, policy or event:
//!
//! ```
//! use emulator::config::Ports;
//! use emulator::{Config, Emulator, HubHost};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! // Once for all tests.
//! let emulator = Emulator::start(Config {
//!     ports: Ports::ANY,
//!     ..Config::new(folder.path())
//! })
//! .await?;
//!
//! // In each test. The host name of the connection string leads to the hub.
//! let name = HubHost::parse("a-pump-reboots")?;
//! let hub = emulator.create_hub(name.clone())?;
//! let connection_string = hub.connection_string("iothubowner");
//! assert!(connection_string.is_some_and(|text| text.starts_with("HostName=a-pump-reboots.localhost;")));
//! assert_eq!((hub.device_count(), hub.event_log().newest()), (0, 0));
//!
//! // Afterwards: its connections close, and the name is free.
//! assert!(emulator.delete_hub(&name));
//! # emulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! | Module | Responsible for |
//! |---|---|
//! | [`config`] | what can be set, with its defaults |
//! | `emulator` | puts the parts together, starts and stops them |
//! | `listener` | binds addresses, accepts connections, TLS handshakes |
//! | `entrance` | whether connections are let in, and the end of those that were |
//! | `stop` | tells every connection that the emulator stops, and waits for them |
//! | `clock` | the only place that reads a clock |
//! | [`hub`] | typed calls to the hub; finds the shard, carries out its outputs |
//! | [`event_log`] | the hub's bounded, ordered log of facts |
//! | `amqp` | the refusal of AMQP, told in AMQP |
//! | `mqtt` | device connections over TCP, TLS and WebSocket |
//! | `rest` | the service endpoint over HTTPS |
//! | `blob` | a folder as containers of blobs |
//! | `transfer` | imports and exports between the registry and a container |
//! | `seed` | files that say what a hub holds at the start of a test |
//! | `admin` | health, certificates and the event log for tests and tools |
//! | [`memory`] | a hub without sockets, for runs in virtual time |
//! | `http` | what the HTTP endpoints share: serving a connection, reading a request's target |
//! | [`ledger`] | every operation, how near it is to the real hub's, and how often it was used |
//! | `news` | what that repeats is worth a line in the process's log |
//! | `directory` | which hub a host name means; makes and removes hubs |
//! | `host_names` | which names are ours, and whose each is |
//! | `random` | keys and tracking ids from the secure source |
//! | [`tls`] | the certificate authority, leaves on demand, trust exports |

mod admin;
mod amqp;
mod blob;
mod clock;
pub mod config;
mod directory;
mod emulator;
mod endpoints;
mod entrance;
pub mod event_log;
mod host_names;
mod http;
pub mod hub;
pub mod ledger;
mod listener;
pub mod memory;
mod mqtt;
mod news;
mod random;
mod read_buffer;
mod rest;
mod seed;
mod serving;
mod stop;
#[cfg(test)]
mod test_hub;
#[cfg(test)]
mod test_openapi;
pub mod tls;
mod transfer;

pub use clock::{Unsettled, VirtualClock};
pub use config::Config;
pub use directory::{CreateHubError, HubsFull};
pub use emulator::{BindProblem, Emulator, Links, ReopenError, RunningEmulator, StartError};
pub use event_log::EventLog;
pub use host_names::{HubHost, HubNameError};
pub use hub::{Admitted, HubContents, HubHandle, ResetOptions, WhichJobs};
pub use rest::service_openapi;
pub use seed::{IfExists, Mistake, SeedError, Seeded};
