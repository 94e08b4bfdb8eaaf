//! The endpoint as its clients see it, without sockets.

mod access;
mod configurations;
mod connection;
mod identities;
mod jobs;
mod operations;
mod support;
mod throttles;
