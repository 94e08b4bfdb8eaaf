//! What can go wrong with certificates, each with its remedy.

/// Why a CA cannot be used or a leaf cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A client asked for a name that is not this hub's.
    #[error("\"{name}\" is not a name of this hub; start it with `--host {name}` to make it one")]
    UnknownName {
        /// As the client sent it.
        name: String,
    },
}
