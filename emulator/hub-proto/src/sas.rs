//! Shared access signatures: parse, sign, verify.
//!
//! `SharedAccessSignature sr={audience}&sig={signature}&se={expiry}[&skn={policy}]`, fields in any
//! order. The signature is over `sr` and `se` exactly as they stand in the token, because each SDK
//! encodes them its own way.

use std::fmt;

use thiserror::Error;

use crate::ids::ClientIdentity;
use crate::time::Timestamp;

/// A key: its base64 text, kept byte for byte, and what it decodes to. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SasKey {
    text: Box<str>,
    bytes: Box<[u8]>,
}

/// A token, read but not yet believed.
#[derive(Clone, PartialEq, Eq)]
pub struct SasToken<'a> {
    audience_raw: &'a str,
    expiry_raw: &'a str,
    expiry: Timestamp,
    signature: Vec<u8>,
    key_name: Option<String>,
}

/// What a token must cover to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The whole hub: the service side.
    Hub,
    /// One device or module.
    Client(&'a ClientIdentity),
}

/// Why a text is not a SAS token or a key. Never names the secret part.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SasError {
    /// Not `SharedAccessSignature …`.
    #[error("the token does not start with SharedAccessSignature")]
    NotASignature,
    /// The key is not base64.
    #[error("the key is not base64")]
    KeyNotBase64,
    /// The key is too short or too long.
    #[error("the key decodes to {bytes} bytes; 16 to 64 are allowed")]
    KeyLength {
        /// What it decodes to.
        bytes: usize,
    },
}

impl SasKey {
    /// Reads a key of 16 to 64 bytes from base64 text.
    pub fn from_base64(text: &str) -> Result<Self, SasError> {
        todo!("{text}")
    }

    /// A key from random bytes that the caller drew.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        todo!("{}", bytes.len())
    }

    /// The base64 text, for a response or a connection string. Never log it.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl<'a> SasToken<'a> {
    /// Reads a token.
    pub fn parse(text: &'a str) -> Result<Self, SasError> {
        todo!("{text}")
    }

    /// When the token runs out.
    pub fn expiry(&self) -> Timestamp {
        self.expiry
    }

    /// The policy's name (`skn`), percent-decoded; `None` for a device's own key.
    pub fn key_name(&self) -> Option<&str> {
        self.key_name.as_deref()
    }

    /// Whether `key` made the signature; takes the same time whatever differs.
    pub fn is_signed_by(&self, key: &SasKey) -> bool {
        todo!("{} {} {} {}", self.audience_raw, self.expiry_raw, self.signature.len(), key.bytes.len())
    }

    /// Whether the audience covers `resource`, segment by segment, on a host that `is_host` accepts.
    /// A device's audience never covers one of its modules, nor the reverse.
    pub fn covers(&self, is_host: impl Fn(&str) -> bool, resource: Resource<'_>) -> bool {
        todo!("{resource:?} {}", is_host(""))
    }
}

/// Makes a token over `audience` (not yet encoded) that runs until `expiry_unix_s`.
pub fn sign(audience: &str, key: &SasKey, expiry_unix_s: i64, key_name: Option<&str>) -> String {
    todo!("{audience} {} {expiry_unix_s} {key_name:?}", key.text.len())
}

impl fmt::Debug for SasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SasKey(***)")
    }
}

impl fmt::Debug for SasToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasToken")
            .field("audience", &self.audience_raw)
            .field("expiry", &self.expiry)
            .field("key_name", &self.key_name)
            .finish_non_exhaustive()
    }
}
