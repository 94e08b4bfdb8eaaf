//! Imports and exports carried out: between the registry and a container of blobs, wherever that is.
//!
//! Line by line and block by block: of a million identities a few hundred are in memory. How a row
//! reads is the service endpoint's knowledge and comes in as [`RowCodec`]; which job runs is the hub's.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `run` | one job from its check to its end |
//! | `writer` | lines into a blob, in blocks |
//! | `container` | a container by its address: one request a call |
//! | `exchange` | one request over HTTP or HTTPS |

mod container;
mod exchange;
mod run;
mod writer;

pub(crate) use run::{RowCodec, RowFailure, start};
