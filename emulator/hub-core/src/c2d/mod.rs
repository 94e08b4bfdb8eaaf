//! Cloud-to-device messages: a bounded queue per device, at least once, each locked while it is out.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `message` | a message outside the queue: as it is sent, received and counted |
//! | `queue` | when a message is due, locked or given up |
//! | `image` | a queue to plain data and back |

mod image;
mod message;
mod queue;

pub use message::{
    Acknowledgement, C2dMessage, EndedCounts, LockToken, QueueView, QueuedView, ReceivedMessage,
    Settlement,
};
pub(crate) use queue::{C2dQueue, ClientQueue, NewMessage, QueuedMessage};
