//! The hub as a state machine, without I/O.
//!
//! A [`Shard`] holds a slice of the devices: identities, twins, queues, links and open method calls.
//! It never opens a socket, reads a clock, draws a random number or writes a log; time comes in with
//! every call, randomness as an argument.
//!
//! **The law.** Call one command or feed one event; then drain [`Shard::poll_output`] until it is
//! `None`, before the next call. When the instant of [`Shard::poll_deadline`] has come, call
//! [`Shard::handle_deadline`]. What a command asks for comes back as its result; what it causes
//! elsewhere (a message for a device, an answer to an earlier call, a fact for the event log) comes
//! out as [`Output`]s, in order. Where reads lag ([`Shard::set_lags`]), [`Shard::settle`] follows each
//! command and goes before each read.

pub mod c2d;
pub mod configuration;
pub mod digital_twin;
pub mod error;
pub mod event;
pub mod feedback;
pub mod image;
pub mod jobs;
mod json;
pub mod limits;
pub mod link;
pub mod method;
pub mod output;
pub mod query;
pub mod registry;
mod shard;
pub mod throttle;
pub mod transfer;
pub mod twin;

pub use error::HubError;
pub use event::{Event, EventKind};
pub use limits::Limits;
pub use output::Output;
pub use shard::{
    ClearedClients, ConfigurationCounts, DeviceMessage, DeviceStatistics, LagState, Lags,
    MethodResponse, NewModules, ReportedPatch, Search, SearchBounds, Shard, Telemetry,
    TelemetryRefused,
};
