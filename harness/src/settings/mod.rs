//! What the hub is told: flags over `HUBNERITE_*` variables over `hubnerite.toml` over defaults.

mod file;
mod flags;
mod lag;
mod port;
mod print;
mod resolved;

#[cfg(test)]
pub(crate) use file::KEYS;
pub use file::{FileError, SettingsFile};
pub use flags::{ConfigFlag, EndpointFlags, HubFlags};
pub use lag::Lag;
pub use port::Port;
pub use resolved::{Settings, SettingsError, default_ca_dir};
