//! The files by which clients come to trust the CA.

use std::path::PathBuf;

use super::{Authority, TlsError};

/// The password of the PKCS#12 trust store: Java's customary one. It protects nothing secret.
pub const TRUST_STORE_PASSWORD: &str = "changeit";

/// Where the exported files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFiles {
    /// The CA's certificate alone, PEM.
    pub ca: PathBuf,
    /// The machine's public roots and the CA, PEM.
    pub bundle: PathBuf,
    /// A directory with the CA under its OpenSSL subject hash.
    pub hashed_dir: PathBuf,
    /// The public roots and the CA as a PKCS#12 trust store ([`TRUST_STORE_PASSWORD`]).
    pub pkcs12: PathBuf,
}

/// Writes the trust files beside the CA, where they are missing or not of this CA. Takes some tens
/// of milliseconds when it must write: call it off the path of start-up (`spawn_blocking`).
pub fn export(authority: &Authority) -> Result<TrustFiles, TlsError> {
    todo!("{authority:?}")
}
