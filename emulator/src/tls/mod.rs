//! TLS: the certificate authority, leaves on demand, trust exports.
//!
//! An [`Authority`] is a CA kept in a folder of the user's, made once and never installed anywhere.
//! It issues a leaf for the exact name a client asks for, because OpenSSL and Node refuse
//! `*.localhost`; [`accept`] carries out a server handshake with it. [`export()`] writes what clients
//! need to trust it: the public roots with the CA added, a hashed directory, a PKCS#12 trust store.
//! Nothing here knows MQTT or HTTP, and nothing reads a clock.

mod accept;
mod authority;
mod ca;
mod error;
mod export;
mod files;
mod keys;
mod leaf;
mod stream;
mod subject_hash;

pub use accept::{AcceptError, Accepted, accept};
pub use authority::Authority;
pub use error::TlsError;
pub use export::{TRUST_STORE_PASSWORD, TrustFiles, export};
pub use stream::TlsStream;

pub use crate::host_names::HostNames;
