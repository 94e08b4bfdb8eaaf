//! A slice of the devices with their modules, and all that is known of them.
//!
//! | Module | Knows |
//! |---|---|
//! | `state` | what a shard holds, and how it is reached |
//! | `devices`, `modules` | the registry: create, replace, delete, list |
//! | `twins` | twins, from the service's side and the device's |
//! | `queries` | which rows a query finds |
//! | `indexes` | which devices a query need not look at |
//! | `lag`, `history` | reads that lag: where they stand, and what clients were there |
//! | `image` | all clients as plain data, for snapshots |
//! | `links` | connections, sessions, subscriptions |
//! | `methods` | direct methods: park, deliver, answer, give up |
//! | `digital_twins` | twins as Plug and Play reads and writes them |
//! | `messages` | cloud-to-device messages |
//! | `telemetry` | device-to-cloud messages |
//! | `configurations` | what automatic configurations write, and how many twins they target |
//! | `deployments` | what a deployment makes of one Edge device |
//! | `time` | deadlines |
//!
//! Whoever reads here will find one order everywhere: a fact is an event before its effect is an
//! output, so that whoever sees the effect finds the fact in the log.

mod configurations;
mod deployments;
mod devices;
mod digital_twins;
mod history;
mod image;
mod indexes;
mod lag;
mod links;
mod messages;
mod methods;
mod modules;
mod queries;
mod state;
mod telemetry;
mod time;
mod twins;

pub use configurations::ConfigurationCounts;
pub use deployments::NewModules;
pub use devices::DeviceStatistics;
pub use image::ClearedClients;
pub use lag::{LagState, Lags};
pub use methods::MethodResponse;
pub use queries::{Search, SearchBounds};
pub use state::Shard;
pub use telemetry::{DeviceMessage, Telemetry, TelemetryRefused};
pub use twins::ReportedPatch;
