//! What can go wrong with certificates, each with its remedy.

use std::io;
use std::path::{Path, PathBuf};

use hub_proto::time::Timestamp;

/// Why a CA cannot be used or a leaf cannot be had. The text of each names its remedy.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file or folder of the CA cannot be read or written.
    #[error(
        "cannot {action} {}; make it accessible to this user or choose another CA folder with `--ca DIR`",
        path.display()
    )]
    File {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// There is a certificate but no key to it.
    #[error(
        "{} has no key beside it; put its ca.key back, or delete it to have a new CA made (clients must then trust the new one), or choose another folder with `--ca DIR`",
        certificate.display()
    )]
    KeyMissing {
        /// The certificate without a key.
        certificate: PathBuf,
    },
    /// A file of the CA is not what it should be.
    #[error(
        "{} {reason}; delete ca.key and ca.pem in its folder to have a new CA made (clients must then trust the new one), or choose another folder with `--ca DIR`",
        path.display()
    )]
    Unusable {
        /// The offending file.
        path: PathBuf,
        /// Reads on after the file's name: "holds no private key".
        reason: &'static str,
    },
    /// The CA's time is over.
    #[error(
        "{} expired at {ended}; delete it and ca.key to have a new CA made (clients must then trust the new one)",
        certificate.display()
    )]
    Expired {
        /// The CA's certificate.
        certificate: PathBuf,
        /// Its last instant.
        ended: Timestamp,
    },
    /// The CA's time has not come: the clock is wrong, or was when the CA was made.
    #[error(
        "{} is valid only from {begins} on; set this machine's clock right, or delete it and ca.key to have a new CA made",
        certificate.display()
    )]
    NotYetValid {
        /// The CA's certificate.
        certificate: PathBuf,
        /// Its first instant.
        begins: Timestamp,
    },
    /// A client asked for a name that is not this hub's.
    #[error("\"{name}\" is not a name of this hub; start it with `--host {name}` to make it one")]
    UnknownName {
        /// As the client sent it.
        name: String,
    },
    /// A key or certificate cannot be made.
    #[error("cannot make a certificate")]
    Issue(#[from] rcgen::Error),
    /// rustls refuses what we made.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// The PKCS#12 trust store cannot be made.
    #[error("cannot make the PKCS#12 trust store: {0}")]
    TrustStore(String),
}

impl TlsError {
    /// To be used with `map_err`.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    pub(super) fn unusable(path: &Path, reason: &'static str) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            reason,
        }
    }
}
