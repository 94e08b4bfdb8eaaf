//! A hub as plain data: what a snapshot holds, and how it is written down.
//!
//! Links, open calls and stored sessions are not part of it. The live types stay apart, so that they
//! can change without a snapshot of yesterday becoming unreadable.
//!
//! | Module | Holds |
//! |---|---|
//! | `hub` | all of it |
//! | `client` | a device or a module with its twin and its messages |
//! | `configuration` | an automatic configuration, and what configurations are to a twin |
//! | `job` | a scheduled job that waits or has ended |
//! | `scalars` | keys, times, JSON texts |

mod client;
mod configuration;
mod hub;
mod job;
mod scalars;

pub use client::{
    AuthenticationImage, ClientImage, DeviceImage, MemberImage, MessageImage, QueueImage,
    SectionImage, TwinImage,
};
pub use configuration::{ConfigurationImage, EntryImage, MetricImage, RecordImage, WriterImage};
pub use hub::HubImage;
pub use job::{JobEndImage, JobImage, JobResultImage, RowEndImage, RowImage, WorkImage};
pub use scalars::{JsonImage, KeyImage, TimeImage};
