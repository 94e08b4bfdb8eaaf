//! The `hubnerite` command line: a hub, its devices, and tools to talk to them.
//!
//! | Module | Responsible for |
//! |---|---|
//! | [`cli`] | one sub-command a file: arguments in, exit code out |
//! | [`settings`] | flags over variables over file over defaults |
//! | [`service_client`] | the service side of any hub over REST |
//! | `admin_client`, `blob_folder` | the admin API of a running Hubnerite, and the containers beside it |
//! | [`scenario`] | scenario files: text to a typed tree with positions |
//! | [`judge`] | checks against the hub's events; the verdict as data |
//! | [`runner`] | hub, fleet, steps and judge in one loop |
//! | [`live`] | a run as it goes, on a terminal or in a pipe |
//! | [`report`] | a verdict as text, for people and machines |
//! | `device_side`, `registration` | how devices reach a hub, and become known to it |
//! | `target` | which hub a tool talks to |
//! | `open_files` | how many files this process may have open |
//! | `private_hub` | a hub on an address that nobody else uses |
//! | `reliance` | what was relied on that is not exact, in words |
//! | `output` | how things look |
//! | [`trust`] | what clients must be told so that they trust the hub |
//! | [`exit_code`] | the exit codes |
//! | `secret` | text with a key, which `Debug` does not show |
//! | `clock` | reads the wall clock |

mod admin_client;
mod blob_folder;
pub mod capacity;
pub mod cli;
mod clock;
mod device_side;
pub mod exit_code;
pub mod judge;
pub mod live;
mod open_files;
mod output;
mod private_hub;
mod registration;
mod reliance;
pub mod report;
pub mod runner;
pub mod scenario;
mod secret;
pub mod service_client;
pub mod settings;
mod target;
pub mod trust;
