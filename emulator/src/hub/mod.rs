//! Typed calls to the hub: finds the shard, carries out its outputs.
//!
//! A shard sits behind a short mutex and is called in place; no lock is held across an `.await`.
//! Outputs are carried out under the same lock, so what one device sees is in the order in which the
//! shard decided it. A panic with a shard locked is a bug and poisons it: whoever comes next panics
//! as well, because half a hub would let a test pass.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `handle` | [`HubHandle`]: the hub as a whole, and the service's calls |
//! | `registry` | identities, and how many there may be |
//! | `queries` | searching all shards, page by page |
//! | `jobs` | scheduled jobs: the service's calls, and the task that carries them out |
//! | `messages`, `feedback` | cloud-to-device messages, and what became of them |
//! | `policies` | the shared access policies, and changing them |
//! | `digital_twins` | twins as Plug and Play reads and writes them |
//! | `transfers` | imports and exports: which one runs, and the registry page by page |
//! | `connect` | its name and its connection strings |
//! | `image` | the whole hub as plain data: reset, snapshot, restore |
//! | `links` | what connected devices do |
//! | `admission` | who waits his turn, and what the day's account is charged for |
//! | `configurations` | automatic configurations over all shards |
//! | `slot` | one shard with its mutex, its links, its open calls and its timer |
//! | `placement` | which device lives in which shard |
//! | `numbered` | maps by a number that the hub gives |
//! | `outlet` | what the hub wants of a connection |

mod admission;
#[cfg(test)]
mod by_hand;
mod configurations;
mod connect;
mod digital_twins;
mod feedback;
mod handle;
mod image;
mod jobs;
mod lags;
mod links;
mod messages;
mod numbered;
mod outlet;
mod placement;
mod policies;
mod queries;
mod registry;
mod slot;
#[cfg(test)]
mod tests;
mod transfers;

pub use admission::Admitted;
pub(crate) use admission::Turn;
pub(crate) use configurations::CountedConfiguration;
pub use handle::HubHandle;
pub(crate) use handle::{HubParts, WeakHub, start};
pub use image::{HubContents, ResetOptions, WhichJobs};
pub(crate) use links::{DeviceLink, LinkRequest};
pub(crate) use outlet::LinkOutlet;
pub use policies::{PolicyChange, PolicyError, RotatedKey};
pub use queries::{QueryCursor, QueryPage, QueryPlace};
