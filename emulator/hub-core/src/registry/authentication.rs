//! How a client shows who it is: symmetric keys or a certificate.

use hub_proto::ids::ClientIdentity;
use hub_proto::sas::{SasKey, SasToken};

use crate::error::HubError;

/// How a client shows who it is. The keys are the caller's, or fresh ones drawn by the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// By a token that is signed with one of two keys.
    Sas(SymmetricKeys),
    /// By a certificate whose thumbprint is one of two.
    SelfSigned(Thumbprints),
    /// By a certificate that a registered authority signed, with the id as its common name.
    CertificateAuthority,
    /// Not at all: the modules of an Edge device that the hub itself makes.
    None,
}

/// Two keys; either is good at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymmetricKeys {
    /// The first.
    pub primary: SasKey,
    /// The second.
    pub secondary: SasKey,
}

/// Two thumbprints in hexadecimal digits, 40 (SHA-1) or 64 (SHA-256) each, in the case they were
/// sent in; either may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thumbprints {
    /// The first.
    pub primary: Option<Box<str>>,
    /// The second.
    pub secondary: Option<Box<str>>,
}

impl Authentication {
    /// The kind as documents name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sas(_) => "sas",
            Self::SelfSigned(_) => "selfSigned",
            Self::CertificateAuthority => "certificateAuthority",
            Self::None => "none",
        }
    }

    /// The keys, if that is how the client shows who it is.
    pub fn keys(&self) -> Option<&SymmetricKeys> {
        match self {
            Self::Sas(keys) => Some(keys),
            Self::SelfSigned(_) | Self::CertificateAuthority | Self::None => None,
        }
    }

    /// The keys of `client`, whose authentication this is; an argument error if it has none.
    pub fn keys_of(&self, client: &ClientIdentity) -> Result<&SymmetricKeys, HubError> {
        let kind = self.kind();
        self.keys().ok_or_else(|| {
            HubError::Argument(format!("{client} has authentication {kind}, and no keys"))
        })
    }

    /// The thumbprints, if that is how.
    pub fn thumbprints(&self) -> Option<&Thumbprints> {
        match self {
            Self::SelfSigned(thumbprints) => Some(thumbprints),
            Self::Sas(_) | Self::CertificateAuthority | Self::None => None,
        }
    }
}

impl SymmetricKeys {
    /// Whether either key made the token's signature.
    pub(crate) fn signed(&self, token: &SasToken<'_>) -> bool {
        token.is_signed_by(&self.primary) || token.is_signed_by(&self.secondary)
    }
}
