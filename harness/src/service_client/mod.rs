//! The service side of a hub over REST: identities, twins, methods, jobs,
//! imports and exports, configurations, queries.
//!
//! Works with any hub: its connection string names the host and the policy's key. Knows no command
//! line and prints nothing.

mod api;
mod configurations;
mod connection;
mod digital_twins;
mod error;
mod jobs;
mod messages;
mod registry;
mod roots;
mod transfers;

pub use api::{Addressee, MethodCall, MethodReply, QueryPage, ServiceClient};
pub use connection::Endpoint;
pub(crate) use error::row_errors;
pub use error::{Refusal, ServiceError};
pub use jobs::JobFilter;
pub use roots::trusted_roots;
