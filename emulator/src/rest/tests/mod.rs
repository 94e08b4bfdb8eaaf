//! The endpoint as its clients see it, without sockets.

mod access;
mod bad_input;
mod bulk;
mod configurations;
mod connection;
mod device_messages;
mod digital_twins;
mod edge;
mod identities;
mod import_export;
mod jobs;
mod kept_connection;
mod lags;
mod messages;
mod modules;
mod operations;
mod support;
mod throttles;
