//! The service endpoint: REST over HTTP/1.1, as IoT Hub's service clients speak it.
//!
//! Each operation is a row in the table of its resource ([`operation`]). A request is routed to its row ([`route`]), its bearer is authenticated and authorised ([`auth`]), its body
//! is read within bounds, and one handler turns it into a call of [`HubHandle`](crate::HubHandle)
//! and the result into the answer. All refusals become responses in one place ([`error`]).
//!
//! The endpoint knows nothing of shards, TLS or MQTT; what arrives at the WebSocket path is handed
//! to whoever the composition root named.

mod auth;
mod authentication;
mod bulk;
mod call;
mod caller;
mod charge;
mod configurations;
mod device_auth;
mod device_messages;
mod device_side;
mod devices;
mod digital_twins;
mod document;
mod error;
mod etag;
mod feedback;
mod files;
mod import_export;
mod jobs;
mod json;
mod messages;
mod methods;
mod modules;
mod openapi;
mod operation;
mod query;
mod reply;
mod request;
mod route;
mod seeds;
mod serve;
mod statistics;
mod streams;
#[cfg(test)]
mod tests;
mod twins;

pub use openapi::document as service_openapi;
pub(crate) use route::ledger_rows;
pub(crate) use seeds::SEED_CODEC;
pub(crate) use serve::serve_connection;
